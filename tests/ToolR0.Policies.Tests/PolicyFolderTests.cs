using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>What is saved is stored as its source was: names, types, shards, index and small files.</summary>
public sealed class PolicyFolderTests
{
    [Theory]
    [InlineData("qwen3")]
    [InlineData("llama")]
    public void Weights_that_were_not_changed_are_saved_as_the_bytes_they_came_from(string name)
    {
        using var target = new Testing.TemporaryFolder();
        using (var learner = GrpoLearner.Start(Source(name), new LearningOptions(), CPU))
            learner.Save(target.Path, false).ShouldBe(Policy.HashOf(Source(name)));
        foreach (var weights in PolicyFiles.WeightFiles(Source(name)).Select(Path.GetFileName))
        {
            using var expected = SafeTensors.Open(Path.Combine(Source(name), weights!));
            using var actual = SafeTensors.Open(Path.Combine(target.Path, weights!));
            actual.Entries.Values.Select(e => (e.Name, e.Type, e.Length))
                .ShouldBe(expected.Entries.Values.Select(e => (e.Name, e.Type, e.Length)), ignoreOrder: true);
        }

        File.ReadAllBytes(Path.Combine(target.Path, "config.json")).ShouldBe(File.ReadAllBytes(Path.Combine(Source(name), "config.json")));
    }

    [Fact]
    public void Shards_are_saved_with_an_index_of_every_tensor()
    {
        using var target = new Testing.TemporaryFolder();
        using (var learner = GrpoLearner.Start(Source("llama"), new LearningOptions(), CPU))
            learner.Save(target.Path, false);
        File.Exists(Path.Combine(target.Path, "model.safetensors")).ShouldBeFalse();
        Index(target.Path).ShouldBe(Index(Source("llama")));

        static string Index(string folder)
        {
            var index = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "model.safetensors.index.json"))).RootElement;
            return JsonSerializer.Serialize(index);
        }
    }

    [Theory]
    [InlineData("qwen3")]
    [InlineData("llama")]
    public void Learning_from_half_precision_resumes_bit_for_bit(string name)
    {
        TorchRuntime.Configure(1);
        using var target = new Testing.TemporaryFolder();
        string At(string folder) => Path.Combine(target.Path, folder);
        var group = new TrainingGroup([1, 2, 3], [new([4, 5], [-4f, -4f], 1), new([6, 7, 8], [-4f, -4f, -4f], -1)]);
        using var uninterrupted = GrpoLearner.Start(Source(name), new LearningOptions(), CPU);
        using (var first = GrpoLearner.Start(Source(name), new LearningOptions(), CPU))
        {
            // A rate so small that most weights change by less than their stored type can tell.
            for (var step = 0; step < 2; step++)
                first.Step([group], 1e-4).ShouldBe(uninterrupted.Step([group], 1e-4));
            first.Save(At("half"), true);
        }

        using var second = GrpoLearner.Resume(At("half"), new LearningOptions(), CPU);
        second.Step([group], 1e-4).ShouldBe(uninterrupted.Step([group], 1e-4));
        second.Save(At("resumed"), true).ShouldBe(uninterrupted.Save(At("whole"), true));
        File.ReadAllBytes(Path.Combine(At("resumed"), "optimizer.safetensors"))
            .ShouldBe(File.ReadAllBytes(Path.Combine(At("whole"), "optimizer.safetensors")));
    }

    [Theory]
    [InlineData("../model-00002-of-00002.safetensors", "must name a .safetensors file of the same folder")]
    [InlineData("/etc/passwd", "must name a .safetensors file of the same folder")]
    [InlineData("model.bin", "must name a .safetensors file of the same folder")]
    [InlineData("model-00001-of-00002.safetensors", "though model.safetensors.index.json says that it is here")]
    [InlineData("model-00003-of-00002.safetensors", "not found")]
    public void An_index_that_points_elsewhere_is_refused(string file, string message)
    {
        using var target = new Testing.TemporaryFolder();
        foreach (var path in Directory.EnumerateFiles(Source("llama")))
            File.Copy(path, Path.Combine(target.Path, Path.GetFileName(path)));
        var index = Path.Combine(target.Path, "model.safetensors.index.json");
        File.WriteAllText(index, File.ReadAllText(index)
            .Replace("\"model.norm.weight\": \"model-00002-of-00002.safetensors\"", $"\"model.norm.weight\": \"{file}\""));
        Should.Throw<InvalidDataException>(() => GrpoLearner.Start(target.Path, new LearningOptions(), CPU)).Message.ShouldContain(message);
    }

    private static string Source(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);
}
