using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.Testing;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Against values of an independent PyTorch implementation in float64 (Golden/make_golden.py).</summary>
public sealed class GoldenTests
{
    [Theory]
    [InlineData("untied")]
    [InlineData("tied")]
    [InlineData("qwen3")]
    [InlineData("llama")]
    public void Logits_are_those_of_the_published_architecture(string name)
    {
        using var model = Load(name);
        var golden = Golden(name);
        var sequences = golden.GetProperty("sequences").Deserialize<int[][]>()!;
        using var noGrad = no_grad();
        using var logits = model.Logits(sequences);
        for (var s = 0; s < sequences.Length; s++)
        {
            var expected = golden.GetProperty("logits")[s].Deserialize<double[][]>()!;
            for (var t = 0; t < sequences[s].Length; t++)
            {
                using var row = logits.select(0, s).select(0, t).contiguous();
                Close(row, expected[t], 2e-5);
            }
        }
    }

    [Theory]
    [InlineData("qwen3", "qwen")]
    [InlineData("llama", "llama")]
    public void Greedy_tokens_are_those_of_the_published_architecture(string name, string tokenizer)
    {
        TorchRuntime.Configure(1);
        using var folder = new TemporaryFolder();
        foreach (var path in Directory.EnumerateFiles(Folder(name))
            .Concat(Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Tokenization", "Golden", tokenizer))))
            File.Copy(path, Path.Combine(folder.Path, Path.GetFileName(path)));
        using var policy = Policy.Load(folder.Path, CPU);
        var requests = Golden(name).GetProperty("sequences").Deserialize<int[][]>()!.Select(s => new SampleRequest(s, [1, 2])).ToArray();
        var greedy = Golden(name).GetProperty("greedy").Deserialize<int[][]>()!;
        var options = new SamplingOptions { Temperature = 0, MaxNewTokens = greedy[0].Length };
        var sampled = Sampler.Sample(policy, requests, options, [], TestContext.Current.CancellationToken);
        for (var s = 0; s < greedy.Length; s++)
            sampled[s].ShouldAllBe(row => row.Tokens.SequenceEqual(greedy[s]));
    }

    [Theory]
    [InlineData("untied", 1)]
    [InlineData("untied", 2)]
    [InlineData("tied", 1)]
    [InlineData("tied", 3)]
    [InlineData("qwen3", 1)]
    [InlineData("qwen3", 2)]
    [InlineData("llama", 1)]
    [InlineData("llama", 3)]
    public void Two_grpo_updates_give_the_same_weights_and_metrics(string name, int parts)
    {
        TorchRuntime.Configure(1);
        var golden = Golden(name).GetProperty("grpo");
        var groups = golden.GetProperty("groups").EnumerateArray().Select(g => new TrainingGroup(
            g.GetProperty("prompt").Deserialize<int[]>()!,
            [.. g.GetProperty("samples").EnumerateArray().Select(s => new TrainingSample(
                s.GetProperty("tokens").Deserialize<int[]>()!,
                s.GetProperty("logProbs").Deserialize<float[]>()!,
                s.GetProperty("advantage").GetDouble()))])).ToArray();
        var options = new LearningOptions
        {
            ClipEpsilon = golden.GetProperty("clip").GetDouble(),
            MaxGradientNorm = golden.GetProperty("maxNorm").GetDouble(),
            WeightDecay = golden.GetProperty("weightDecay").GetDouble(),
            Beta2 = golden.GetProperty("beta2").GetDouble(),
            GradientParts = parts,
        };
        using var learner = GrpoLearner.Start(Folder(name), options);
        foreach (var expected in golden.GetProperty("metrics").EnumerateArray())
        {
            var metrics = learner.Step(groups, golden.GetProperty("learningRate").GetDouble(), golden.GetProperty("temperature").GetDouble());
            foreach (var metric in expected.EnumerateObject())
                metrics[metric.Name == "tokens" ? MetricNames.TokensLearned : metric.Name].ShouldBe(metric.Value.GetDouble(), 1e-4 * Math.Max(1, Math.Abs(metric.Value.GetDouble())), metric.Name);
            metrics["skipped"].ShouldBe(0);
            metrics["zeroVarianceShare"].ShouldBe(1.0 / 3, 1e-9);
        }

        ShouldEqual(learner.Model.Parameters, Path.Combine(Folder(name), "after-grpo.safetensors"));
    }

    [Theory]
    [InlineData("untied", 1)]
    [InlineData("tied", 2)]
    public void A_cross_entropy_update_gives_the_same_weights(string name, int parts)
    {
        using var model = Load(name);
        var golden = Golden(name);
        var expected = golden.GetProperty("crossEntropy");
        var weights = expected.GetProperty("weights").Deserialize<float[][]>()!;
        var sequences = golden.GetProperty("sequences").Deserialize<int[][]>()!;
        var batch = weights.Select((w, i) => new WeightedSequence(sequences[i + 1], w)).ToArray();
        var options = new CrossEntropyOptions
        {
            LearningRate = expected.GetProperty("learningRate").GetDouble(),
            WarmupSteps = 0,
            Steps = 10,
            Optimiser = new LearningOptions { Beta2 = 0.95, MaxGradientNorm = 0.5, WeightDecay = 0.1, GradientParts = parts },
        };
        using var trainer = new CrossEntropyTrainer(model, options);
        var made = trainer.Step(batch);
        made.Loss.ShouldBe(expected.GetProperty("loss").GetDouble(), 1e-4);
        made.GradientNorm.ShouldBe(expected.GetProperty("gradientNorm").GetDouble(), 1e-3);
        ShouldEqual(trainer.Model.Parameters, Path.Combine(Folder(name), "after-cross-entropy.safetensors"));
    }

    private static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    private static JsonElement Golden(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(name), "golden.json"))).RootElement;

    private static Transformer Load(string name)
    {
        TorchRuntime.Configure(1);
        var config = ModelConfig.Load(Folder(name));
        return new Transformer(config, PolicyFiles.ReadParameters(Folder(name), config, CPU));
    }

    /// <summary>
    /// AdamW divides by √v: where a gradient is nearly 0 its rounding is amplified, so single elements may differ by a fraction of a step.
    /// </summary>
    private static void ShouldEqual(IReadOnlyDictionary<string, Tensor> parameters, string path)
    {
        using var file = SafeTensors.Open(path);
        file.Entries.Keys.Order().ShouldBe(parameters.Keys.Order());
        foreach (var (name, tensor) in parameters)
        {
            using var stored = file.Read(name);
            Close(tensor.detach(), [.. stored.data<float>().ToArray().Select(v => (double)v)], 2e-4, name);
        }
    }

    private static void Close(Tensor actual, double[] expected, double tolerance, string? what = null)
    {
        var values = actual.data<float>().ToArray();
        values.Length.ShouldBe(expected.Length);
        for (var i = 0; i < values.Length; i++)
            Math.Abs(values[i] - expected[i]).ShouldBeLessThan(tolerance, $"{what}[{i}]: {values[i]} is not {expected[i]}");
    }
}
