using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class LoraTests : IDisposable
{
    private static readonly LearningOptions Options = new() { GradientParts = 2, Lora = new LoraOptions { Rank = 3, Alpha = 12 } };

    private readonly TinyPolicy _tiny = new(scale: 3);

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData(ModelFamily.Qwen2, false)]
    [InlineData(ModelFamily.Qwen3, true)]
    [InlineData(ModelFamily.Llama, true)]
    public void Gradients_of_A_and_B_are_those_of_autograd_through_the_merged_weights(ModelFamily family, bool recompute)
    {
        using var tiny = new TinyPolicy(scale: 3, family: family, tied: recompute);
        using var lora = Filled(tiny, ["v_proj", "o_proj", "gate_proj", "down_proj"]);
        var groups = Groups(tiny);
        var made = lora.Split(lora.Zero());
        var objective = new GrpoGradient(lora.Model, new GrpoObjective { Completions = 5, Temperature = 0.9 }, recompute,
            logitsAtOnce: 3 * tiny.Config.VocabularySize, adapter: lora);
        using (enable_grad())
        {
            foreach (var group in groups)
                objective.Add([group], made);
        }

        // The same loss, one sequence at a time, over W + s·B·A written as a graph.
        var parts = lora.Split(lora.Flat).ToDictionary(p => p.Key, p => p.Value.clone().requires_grad_(true));
        using var recorded = enable_grad();
        var merged = tiny.Policy.Model.Parameters.ToDictionary(p => p.Key, p => p.Value.detach());
        foreach (var name in merged.Keys.Where(lora.Changes).ToArray())
            merged[name] = merged[name].add(parts[LoraConfig.NameOf(name, 'B')].mm(parts[LoraConfig.NameOf(name, 'A')]), 4);
        var model = new Transformer(tiny.Config, merged);
        var loss = zeros([1]);
        foreach (var (group, sample) in groups.SelectMany(g => g.Samples.Select(s => (g, s))))
        {
            var logits = model.Logits([[.. group.PromptTokens, .. sample.Tokens]]).select(0, 0).narrow(0, group.PromptTokens.Length - 1,
                sample.Tokens.Length);
            var ids = tensor(sample.Tokens.Select(t => (long)t).ToArray(), [sample.Tokens.Length, 1]);
            var ratio = logits.div(0.9).log_softmax(-1).gather(1, ids).squeeze(1).sub(tensor(sample.LogProbs)).exp();
            loss = loss.sub(minimum(ratio.mul(sample.Advantage), ratio.clamp(0.8, 1.2).mul(sample.Advantage)).mean().div(5));
        }

        var names = parts.Keys.ToArray();
        names.Length.ShouldBe(2 * 4 * tiny.Config.Layers);
        var expected = autograd.grad([loss.sum()], [.. names.Select(n => parts[n])]);
        using var noGrad = no_grad();
        for (var i = 0; i < names.Length; i++)
        {
            expected[i].norm().ToDouble().ShouldBeGreaterThan(1e-6);
            (made[names[i]].sub(expected[i]).norm().ToDouble() / expected[i].norm().ToDouble()).ShouldBeLessThan(1e-5, names[i]);
        }
    }

    [Theory]
    [InlineData("untied", 1, false)]
    [InlineData("untied", 2, true)]
    [InlineData("llama", 1, false)]
    public void Two_updates_of_an_adapter_are_those_of_an_independent_implementation(string name, int parts, bool recompute)
    {
        TorchRuntime.Configure(1);
        using var store = new TemporaryFolder();
        var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(Golden(name), "golden.json"))).RootElement;
        var (grpo, lora) = (golden.GetProperty("grpo"), golden.GetProperty("lora"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Golden(name), "lora", "adapter_config.json")))!;
        var options = new LearningOptions
        {
            ClipEpsilon = grpo.GetProperty("clip").GetDouble(),
            MaxGradientNorm = grpo.GetProperty("maxNorm").GetDouble(),
            WeightDecay = grpo.GetProperty("weightDecay").GetDouble(),
            Beta2 = grpo.GetProperty("beta2").GetDouble(),
            GradientParts = parts,
            Recompute = recompute,
            Lora = new LoraOptions
            {
                Rank = (int)config["r"]!,
                Alpha = (double)config["lora_alpha"]!,
                Targets = config["target_modules"]
                .Deserialize<string[]>()!
            },
        };
        var groups = grpo.GetProperty("groups").EnumerateArray().Select(g => new TrainingGroup(
            g.GetProperty("prompt").Deserialize<int[]>()!,
            [.. g.GetProperty("samples").EnumerateArray().Select(s => new TrainingSample(
                s.GetProperty("tokens").Deserialize<int[]>()!, s.GetProperty("logProbs").Deserialize<float[]>()!, s.GetProperty("advantage")
                    .GetDouble()))])).ToArray();

        // The policy with its adapter, and beside it the base by the name that the adapter gives it.
        CopyFiles(Golden(name), Path.Combine(store.Path, name));
        CopyFiles(Golden(name), Path.Combine(store.Path, "policy"));
        CopyFiles(Path.Combine(Golden(name), "lora"), Path.Combine(store.Path, "policy", "adapter"));
        using var learner = GrpoLearner.Start(Path.Combine(store.Path, "policy"), options, CPU);
        using (no_grad())
        {
            var sequences = golden.GetProperty("sequences").Deserialize<int[][]>()!;
            using var logits = learner.Model.Logits(sequences);
            for (var s = 0; s < sequences.Length; s++)
            {
                var expected = lora.GetProperty("logits")[s].Deserialize<double[][]>()!;
                for (var t = 0; t < sequences[s].Length; t++)
                    logits.select(0, s).select(0, t).contiguous().data<float>().ToArray().Zip(expected[t])
                        .ShouldAllBe(p => Math.Abs(p.First - p.Second) < 5e-5);
            }
        }

        foreach (var expected in lora.GetProperty("metrics").EnumerateArray())
        {
            var metrics = learner.Step(groups, grpo.GetProperty("learningRate").GetDouble(), grpo.GetProperty("temperature").GetDouble());
            foreach (var metric in expected.EnumerateObject())
                metrics[metric.Name == "tokens" ? MetricNames.TokensLearned : metric.Name].ShouldBe(metric.Value.GetDouble(), 1e-4 * Math.Max(1, Math.Abs(metric.Value.GetDouble())), metric.Name);
        }

        learner.Save(Path.Combine(store.Path, "after"), false);
        using var made = SafeTensors.Open(Path.Combine(store.Path, "after", "adapter", "adapter_model.safetensors"));
        using var after = SafeTensors.Open(Path.Combine(Golden(name), "lora", "after-grpo.safetensors"));
        made.Entries.Values.Select(e => (e.Name, string.Join(',', e.Shape)))
            .ShouldBe(after.Entries.Values.Select(e => (e.Name, string.Join(',', e.Shape))), ignoreOrder: true);
        foreach (var key in after.Entries.Keys)
        {
            using var scope = NewDisposeScope();
            // As in GoldenTests: AdamW amplifies rounding where a gradient is nearly 0.
            made.Read(key).sub(after.Read(key)).abs().max().ToDouble().ShouldBeLessThan(2e-4, key);
        }
    }

    [Fact]
    public void A_new_adapter_changes_nothing_and_is_drawn_from_its_seed()
    {
        using var learner = GrpoLearner.Start(_tiny.Folder, Options, seed: 7);
        var sha = learner.Save(_tiny.Path_("new"), false);
        Policy.HashOfWeights(_tiny.Path_("new")).ShouldBe(_tiny.Policy.Sha256);
        sha.ShouldBe(Policy.HashOf(_tiny.Path_("new")));
        sha.ShouldNotBe(_tiny.Policy.Sha256);
        Again(7).ShouldBe(sha);
        Again(8).ShouldNotBe(sha);

        using var file = SafeTensors.Open(AdapterFile("new"));
        file.Entries.Count.ShouldBe(2 * 7 * _tiny.Config.Layers);
        var a = file.Read("base_model.model.model.layers.1.mlp.down_proj.lora_A.weight");
        a.shape.ShouldBe([3L, 48]);
        var values = a.data<float>().ToArray();
        values.Max(Math.Abs).ShouldBeInRange(0.9f / MathF.Sqrt(48), 1 / MathF.Sqrt(48));
        Math.Abs(values.Average()).ShouldBeLessThan(0.04f);
        var b = file.Read("base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight");
        b.shape.ShouldBe([16L, 3]);
        b.data<float>().ToArray().ShouldAllBe(v => v == 0);

        string Again(long seed)
        {
            using var other = GrpoLearner.Start(_tiny.Folder, Options, seed: seed);
            return other.Save(_tiny.Path_($"seed-{seed}"), false);
        }
    }

    [Fact]
    public void Learning_moves_the_targets_by_a_matrix_of_the_adapters_rank_and_nothing_else()
    {
        var options = Options with { Lora = new LoraOptions { Rank = 2, Alpha = 8, Targets = ["q_proj", "up_proj"] } };
        var before = File.ReadAllBytes(Path.Combine(_tiny.Folder, "model.safetensors"));
        using var learner = GrpoLearner.Start(_tiny.Folder, options);
        for (var step = 0; step < 4; step++)
            learner.Step(Groups(_tiny), 2e-2)["skipped"].ShouldBe(0);
        learner.Save(_tiny.Path_("after"), true);
        File.ReadAllBytes(Path.Combine(_tiny.Folder, "model.safetensors")).ShouldBe(before);
        using var after = Policy.Load(_tiny.Path_("after"));
        foreach (var (name, weights) in after.Model.Parameters)
        {
            var change = weights.sub(_tiny.Policy.Model.Parameters[name]);
            var values = change.data<float>().ToArray();
            if (name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("up_proj.weight", StringComparison.Ordinal))
                Rank(values, (int)change.shape[0], (int)change.shape[1]).ShouldBe(2, name);
            else
                values.ShouldAllBe(v => v == 0, name);
        }

        using var state = SafeTensors.Open(Path.Combine(_tiny.Path_("after"), "optimizer.safetensors"));
        state.Entries.Keys.Where(k => k != "step").ShouldAllBe(k => k.Contains(".lora_"));
        state.Entries.Values.Where(e => e.Name != "step").Sum(e => e.Length).ShouldBe(2 * 4 * 2 * 2 * ((32 + 32) + (32 + 48)));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_saved_adapter_over_the_base_is_the_saved_policy(ScalarType type)
    {
        using var learner = GrpoLearner.Start(_tiny.Folder, Options);
        learner.Step(Groups(_tiny), 1e-2);
        learner.Save(_tiny.Path_("after"), false);
        using var policy = Policy.Load(_tiny.Path_("after"), CPU, type);
        using var adapted = Policy.Load(_tiny.Folder, CPU, type, Path.Combine(_tiny.Path_("after"), "adapter"));
        using var noGrad = no_grad();
        var sequence = _tiny.Tokens(40, 3);
        Values(adapted).ShouldBe(Values(policy));
        Values(policy).ShouldNotBe(Values(_tiny.Policy));

        float[] Values(Policy of)
        {
            using var logits = of.Model.Logits([sequence]).to(ScalarType.Float32);
            return logits.data<float>().ToArray();
        }
    }

    [Theory]
    [InlineData("tiny", 1e-2)]
    [InlineData("llama", 1e-2)]
    [InlineData("llama", 1e-6)]
    public void A_resumed_adapter_continues_bit_for_bit(string name, double rate)
    {
        // The Llama is stored in bf16: of a rate of 1e-6 its merged weights show nothing, and the adapter everything.
        var folder = name == "tiny" ? _tiny.Folder : Golden(name);
        var groups = Groups(_tiny, 60);
        using var whole = GrpoLearner.Start(folder, Options, CPU);
        var shas = new List<string>();
        for (var step = 0; step < 4; step++)
        {
            whole.Step(groups, rate)["skipped"].ShouldBe(0);
            shas.Add(whole.Save(_tiny.Path_($"whole-{step}"), true));
        }

        shas.Distinct().Count().ShouldBe(4);
        using var second = GrpoLearner.Resume(_tiny.Path_("whole-1"), Options, CPU);
        second.Steps.ShouldBe(2);
        for (var step = 2; step < 4; step++)
        {
            second.Step(groups, rate);
            second.Save(_tiny.Path_("resumed"), true).ShouldBe(shas[step]);
        }

        foreach (var file in new[] { "optimizer.safetensors", "adapter/adapter_model.safetensors", "adapter/adapter_config.json" })
            File.ReadAllBytes(Path.Combine(_tiny.Path_("resumed"), file)).ShouldBe(File.ReadAllBytes(Path.Combine(_tiny.Path_("whole-3"), file)));
        // A phase begins without the optimiser's state, with the adapter that it finds.
        using var next = GrpoLearner.Start(_tiny.Path_("whole-1"), Options, CPU, seed: 99);
        next.Save(_tiny.Path_("next"), false).ShouldBe(shas[1]);
    }

    [Fact]
    public void A_policy_that_begins_a_run_leaves_its_adapter_behind()
    {
        using var store = new PolicyStore(_tiny.Path_("store"));
        var root = store.Import(_tiny.Folder);
        using var learner = GrpoLearner.Start(store.FolderOf(root), Options);
        learner.Step(Groups(_tiny), 1e-2);
        var sha = store.Put(folder => learner.Save(folder, withOptimiser: true));
        using (var lease = store.Rent(sha))
            lease.Policy.Sha256.ShouldBe(sha);

        // The store may be moved: the base is found beside the policy.
        Directory.Move(_tiny.Path_("store"), _tiny.Path_("moved"));
        using var moved = new PolicyStore(_tiny.Path_("moved"));
        GrpoLearner.Resume(moved.FolderOf(sha), Options).Dispose();
        var imported = moved.Import(moved.FolderOf(sha));
        imported.ShouldBe(Policy.HashOfWeights(moved.FolderOf(sha)));
        Directory.Exists(Path.Combine(moved.FolderOf(imported), "adapter")).ShouldBeFalse();

        // An adapter of other options, a base that is another, and one that is gone.
        var other = Options with { Lora = Options.Lora with { Rank = 4 } };
        Should.Throw<InvalidDataException>(() =>
            GrpoLearner.Start(moved.FolderOf(sha), other)).Message.ShouldContain("the adapter has rank 3, alpha 12");
        File.Copy(Path.Combine(moved.FolderOf(imported), "model.safetensors"), Path.Combine(moved.FolderOf(root), "model.safetensors"),
            overwrite: true);
        Should.Throw<InvalidDataException>(() => GrpoLearner.Start(moved.FolderOf(sha), Options)).Message.ShouldContain($"are {imported}");
        moved.Remove(root);
        Should.Throw<InvalidDataException>(() => GrpoLearner.Start(moved.FolderOf(sha), Options)).Message.ShouldContain("there is no such model");
    }

    /// <summary>Learning works with an adapter too: the reward is the share of completion tokens below a fixed id.</summary>
    [Fact]
    public void A_random_model_learns_a_simple_reward_through_an_adapter()
    {
        // Frozen embeddings must be large enough for a peaked distribution.
        using var tiny = new TinyPolicy(seed: 3, scale: 16);
        var sampling = new SamplingOptions { MaxNewTokens = 8 };
        var prompts = Enumerable.Range(0, 4).Select(i => tiny.Tokens(6, 100 + i)).ToArray();
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions { GradientParts = 2, Lora = new LoraOptions { Rank = 4, Alpha = 8 } });
        var (first, last) = (0.0, 0.0);
        for (var step = 0; step < 60 && last < 0.7; step++)
        {
            var folder = tiny.Path_($"step-{step}");
            learner.Save(folder, false);
            using var policy = Policy.Load(folder);
            var seeds = Enumerable.Range(0, 8).Select(s => Seeds.Derive(9, $"{step}/{s}")).ToArray();
            var sampled = Sampler.Sample(policy, [.. prompts.Select(p => new SampleRequest(p, seeds))], sampling, [],
                TestContext.Current.CancellationToken);
            var rewards = sampled.Select(g => g.Select(r => r.Tokens.Count(t => t < 64) / (double)r.Tokens.Length).ToArray()).ToArray();
            last = rewards.Average(g => g.Average());
            if (step == 0)
                first = last;
            learner.Step([.. prompts.Select((p, g) =>
                new TrainingGroup(p,
                [.. sampled[g].Select((r, s) => new TrainingSample(r.Tokens, r.LogProbs, rewards[g][s] - rewards[g].Average()))]))], 2e-2);
        }

        first.ShouldBeLessThan(0.4);
        last.ShouldBeGreaterThanOrEqualTo(0.7);
    }

    /// <summary>A and B of a policy, both far from zero.</summary>
    private static LoraVector Filled(TinyPolicy tiny, string[] targets)
    {
        var lora = LoraVector.New(tiny.Config, tiny.Policy.Model.Parameters, new LoraOptions { Rank = 3, Alpha = 12, Targets = targets }, 5,
            ScalarType.Float32);
        using var noGrad = no_grad();
        lora.Flat.copy_(tensor([.. Enumerable.Range(0, (int)lora.Flat.numel()).Select(i => (float)(0.2 * Randomness.Uniform(77, i) - 0.1))]));
        lora.Publish();
        return lora;
    }

    private static TrainingGroup[] Groups(TinyPolicy tiny, int vocabulary = 250) =>
    [
        Group(tiny, vocabulary, 9, [5, 1, 12], [1, -0.5, -0.5]),
        Group(tiny, vocabulary, 3, [4, 6], [-1, 1]),
    ];

    private static TrainingGroup Group(TinyPolicy tiny, int vocabulary, int prompt, int[] lengths, double[] advantages) => new(
        [.. tiny.Tokens(prompt, prompt).Select(t => t % vocabulary)],
        [.. lengths.Select((n, i) =>
            new TrainingSample([.. tiny.Tokens(n, 50 * prompt + i).Select(t => t % vocabulary)], [.. Enumerable.Repeat(-5.5f, n)], advantages[i]))]);

    /// <summary>Pivots of Gaussian elimination with full pivoting that are above the rounding of the weights.</summary>
    private static int Rank(float[] values, int rows, int columns)
    {
        var m = values.Select(v => (double)v).ToArray();
        for (var rank = 0; ; rank++)
        {
            var at = Enumerable.Range(0, m.Length).MaxBy(i => Math.Abs(m[i]));
            if (Math.Abs(m[at]) < 1e-5)
                return rank;
            var (row, column, pivot) = (at / columns, at % columns, m[at]);
            var (r, c) = (m[(row * columns)..((row + 1) * columns)], Enumerable.Range(0, rows).Select(i => m[i * columns + column]).ToArray());
            for (var i = 0; i < m.Length; i++)
                m[i] -= c[i / columns] * r[i % columns] / pivot;
        }
    }

    private string AdapterFile(string folder) => Path.Combine(_tiny.Path_(folder), "adapter", "adapter_model.safetensors");

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    private static void CopyFiles(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
