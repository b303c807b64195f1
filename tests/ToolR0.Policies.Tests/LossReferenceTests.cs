using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using ToolR0.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Losses and gradients against those of the field's own trainer (TRL 1.16 in fp32, learner-reference/grpo.json).</summary>
public sealed class LossReferenceTests
{
    private const double Close = 1e-5;

    /// <summary>The file rounds norms of tensors to so many digits after the point.</summary>
    private const double Rounding = 1e-8;

    public static TheoryData<string, string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, string>();
            foreach (var model in new[] { "llama", "qwen2" })
            {
                foreach (var loss in new[] { "grpo", "bnpo", "dr_grpo", "dapo", "cispo" })
                {
                    foreach (var variant in new[] { "on-policy", "off-policy", "masked", "kl" }.Where(v => loss != "cispo" || v != "kl"))
                        cases.Add(model, loss, variant);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_loss_and_its_gradients_are_those_of_the_fields_own_trainer(string name, string loss, string variant)
    {
        var (reference, folder) = Open(name);
        var expected = reference.GetProperty("cases").EnumerateArray().Single(c =>
            (c.GetProperty("model").GetString(), c.GetProperty("loss").GetString(), c.GetProperty("variant").GetString()) == (name, loss, variant));
        TorchRuntime.Configure(1);
        var config = ModelConfig.Load(folder);
        var weights = PolicyFiles.ReadParameters(folder, config, CPU);
        using var trained = new ParameterVector(config, weights);
        var temperature = expected.GetProperty("temperature").GetDouble();
        var options = new LearningOptions
        {
            Loss = loss == "dr_grpo" ? LearningLoss.DrGrpo : Enum.Parse<LearningLoss>(loss, ignoreCase: true),
            ClipEpsilon = expected.GetProperty("epsilon_low").GetDouble(),
            ClipHigh = expected.GetProperty("epsilon_high").GetDouble(),
            KlWeight = expected.GetProperty("beta").GetDouble(),
        };
        var groups = Groups(reference, variant, trained.Model, temperature);
        var limit = expected.GetProperty("max_completion_length").GetInt32();
        var objective = GrpoObjective.Of(options, groups, temperature, importanceCap: 0, limit);
        var live = GrpoLoss.Only(groups, objective.Moves);
        foreach (var recompute in new[] { false, true })
        {
            IEnumerable<IReadOnlyList<TrainingGroup>> pieces = recompute ? live.Select(g => (TrainingGroup[])[g]) : [live];
            using var gradient = trained.Zero();
            var atOnce = recompute ? 5L * config.VocabularySize : CompletionGradient.LogitsAtOnce;
            var part = new GrpoGradient(trained.Model, objective, recompute, atOnce);
            var value = pieces.Sum(piece => part.Add(piece, trained.Split(gradient))[0]);
            value.ShouldBe(expected.GetProperty("value").GetDouble(), Close * Math.Abs(value));
            using var noGrad = no_grad();
            var norm = gradient.norm().ToDouble();
            norm.ShouldBe(expected.GetProperty("gradient_norm").GetDouble(), Close * norm);
            foreach (var (tensor, made) in trained.Split(gradient))
            {
                var size = made.norm().ToDouble();
                size.ShouldBe(expected.GetProperty("gradient_norms").GetProperty(tensor).GetDouble(), Close * size + Rounding, tensor);
            }

            var final = trained.Split(gradient)["model.norm.weight"];
            using var whole = tensor(expected.GetProperty("gradient_of_final_norm").Deserialize<float[]>()!);
            (final.sub(whole).norm().ToDouble() / whole.norm().ToDouble()).ShouldBeLessThan(Close);
        }

        foreach (var weight in weights.Values)
            weight.Dispose();
        using var learner = GrpoLearner.Start(folder, options with { MicroBatchTokens = 16, GradientParts = 2 }, CPU, ScalarType.Float32);
        var metrics = learner.Step(groups, 1e-3, temperature, 0, limit);
        metrics["loss"].ShouldBe(expected.GetProperty("value").GetDouble(), Close * Math.Abs(metrics["loss"]));
        metrics["gradientNorm"].ShouldBe(expected.GetProperty("gradient_norm").GetDouble(), Close * metrics["gradientNorm"]);
    }

    [Fact]
    public void An_adapter_and_its_gradients_are_those_of_the_fields_own_library()
    {
        var (_, folder) = Open("llama");
        var path = OutsideModels.Find("learner-reference/lora")!;
        var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(path, "reference.json"))).RootElement;
        TorchRuntime.Configure(1);
        var config = ModelConfig.Load(folder);
        using var adapter = LoraAdapter.Load(path, config, CPU);
        using var lora = new LoraVector(config, PolicyFiles.ReadParameters(folder, config, CPU, null), adapter, ScalarType.Float32);
        var tokens = expected.GetProperty("tokens").Deserialize<int[]>()!;
        using (no_grad())
        {
            using var logits = lora.Model.Logits([tokens]);
            var last = logits.select(0, 0).select(0, tokens.Length - 1).contiguous().data<float>().ToArray();
            last.Zip(expected.GetProperty("last_logits").Deserialize<double[]>()!).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 2e-6);
        }

        // Mean cross entropy over all tokens but the first is the loss of one completion behind one token, its advantage 1 and its ratio 1 - log π.
        var group = new TrainingGroup([tokens[0]], [new TrainingSample(tokens[1..], [], 1)]);
        using var gradient = lora.Zero();
        var objective = new GrpoObjective { Loss = LearningLoss.Cispo, Highest = 1, ImportanceCap = 1, Tokens = tokens.Length - 1 };
        var sums = new GrpoGradient(lora.Model, objective, adapter: lora).Add([group], lora.Split(gradient));
        sums[0].ShouldBe(expected.GetProperty("loss").GetDouble(), Close * sums[0]);
        using var noGrad = no_grad();
        var made = lora.Split(gradient);
        foreach (var norm in expected.GetProperty("gradient_norms").EnumerateObject())
        {
            var size = made[norm.Name.Replace(".default.", ".", StringComparison.Ordinal)].norm().ToDouble();
            size.ShouldBe(norm.Value.GetDouble(), Close * size + Rounding, norm.Name);
        }
    }

    private static (JsonElement Reference, string Folder) Open(string model)
    {
        var path = OutsideModels.Find("learner-reference/grpo.json");
        Assert.SkipWhen(path is null, "the reference is not on this machine");
        return (JsonDocument.Parse(File.ReadAllText(path!)).RootElement, Path.Combine(Path.GetDirectoryName(path)!, model));
    }

    /// <summary>Rows that follow one another under one prompt are a group. Probabilities of others are given as differences from the model's
    /// own.</summary>
    private static List<TrainingGroup> Groups(JsonElement reference, string variant, Transformer model, double temperature)
    {
        var groups = new List<TrainingGroup>();
        foreach (var row in reference.GetProperty("rows").EnumerateArray())
        {
            var (prompt, completion) = (row.GetProperty("prompt").Deserialize<int[]>()!, row.GetProperty("completion").Deserialize<int[]>()!);
            var current = Current(model, prompt, completion, temperature);
            var old = variant == "on-policy" ? current : Moved("old_minus_current");
            var mask = variant == "masked" ? row.GetProperty("mask").Deserialize<int[]>()!.Select(m => m == 1).ToArray() : null;
            var sample = new TrainingSample(
                completion, old, row.GetProperty("advantage").GetDouble(), variant == "kl" ? Moved("reference_minus_current") : null, mask);
            if (groups.Count == 0 || !groups[^1].PromptTokens.SequenceEqual(prompt))
                groups.Add(new TrainingGroup(prompt, []));
            groups[^1] = groups[^1] with { Samples = [.. groups[^1].Samples, sample] };

            float[] Moved(string by) => [.. row.GetProperty(by).Deserialize<float[]>()!.Zip(current, (difference, own) => own + difference)];
        }

        return groups;
    }

    private static float[] Current(Transformer model, int[] prompt, int[] completion, double temperature)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var logits = model.Logits([[.. prompt, .. completion]]).squeeze(0).narrow(0, prompt.Length - 1, completion.Length);
        var ids = tensor(completion.Select(t => (long)t).ToArray()).unsqueeze(1);
        return logits.div(Numbers.Held(temperature)).log_softmax(-1).gather(1, ids).data<float>().ToArray();
    }
}
