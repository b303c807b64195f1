using ToolR0.Policies.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class PolicyTests
{
    [Fact]
    public void The_same_seed_gives_the_same_random_model()
    {
        using var one = new TinyPolicy(seed: 5);
        using var same = new TinyPolicy(seed: 5);
        using var other = new TinyPolicy(seed: 6);
        same.Policy.Sha256.ShouldBe(one.Policy.Sha256);
        other.Policy.Sha256.ShouldNotBe(one.Policy.Sha256);
    }

    [Fact]
    public void Saving_a_loaded_policy_gives_the_same_files()
    {
        using var tiny = new TinyPolicy();
        tiny.Policy.Save(tiny.Path_("again"));
        foreach (var path in Directory.EnumerateFiles(tiny.Folder))
            File.ReadAllBytes(Path.Combine(tiny.Path_("again"), Path.GetFileName(path))).ShouldBe(File.ReadAllBytes(path));
    }

    [Fact]
    public void A_new_models_folder_says_what_ends_a_completion()
    {
        using var tiny = new TinyPolicy();
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(tiny.Folder, "config.json")));
        config.RootElement.GetProperty("eos_token_id").GetInt32().ShouldBe(tiny.Policy.Tokenizer.EndOfTurn);
    }

    [Fact]
    public void Shards_named_by_an_index_are_one_model()
    {
        using var tiny = new TinyPolicy();
        var folder = tiny.Path_("sharded");
        tiny.Policy.Save(folder);
        File.Delete(Path.Combine(folder, "model.safetensors"));
        var names = tiny.Policy.Model.Parameters.Keys.Order().ToArray();
        var halves = new[] { names[..5], names[5..] };
        for (var i = 0; i < 2; i++)
            SafeTensors.Write(Path.Combine(folder, Shard(i)), halves[i].ToDictionary(n => n, n => tiny.Policy.Model.Parameters[n]));
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), System.Text.Json.JsonSerializer.Serialize(new
        {
            weight_map = halves.SelectMany((h, i) => h.Select(n => (n, File: Shard(i)))).ToDictionary(x => x.n, x => x.File),
        }));
        using var policy = Policy.Load(folder);
        using var expected = tiny.Policy.Model.Logits([[1, 2, 3]]);
        using var actual = policy.Model.Logits([[1, 2, 3]]);
        actual.sub(expected).norm().ToDouble().ShouldBe(0);

        static string Shard(int i) => $"model-0000{i + 1}-of-00002.safetensors";
    }

    [Fact]
    public void Half_precision_weights_load_as_fp32()
    {
        using var tiny = new TinyPolicy();
        var folder = tiny.Path_("half");
        tiny.Policy.Save(folder);
        var halves = tiny.Policy.Model.Parameters.ToDictionary(p => p.Key, p => p.Value.to(ScalarType.BFloat16));
        SafeTensors.Write(Path.Combine(folder, "model.safetensors"), halves);
        using var policy = Policy.Load(folder);
        policy.Model.Parameters.Values.ShouldAllBe(p => p.dtype == ScalarType.Float32);
        using var expected = tiny.Policy.Model.Logits([[1, 2, 3]]);
        using var actual = policy.Model.Logits([[1, 2, 3]]);
        actual.sub(expected).norm().ToDouble().ShouldBeLessThan(0.02 * expected.norm().ToDouble());
    }

    [Fact]
    public void A_folder_that_does_not_fit_its_config_is_refused_by_name()
    {
        using var tiny = new TinyPolicy();
        var folder = tiny.Path_("bad");
        tiny.Policy.Save(folder);
        var config = Path.Combine(folder, "config.json");
        var text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
        Refusal(folder).ShouldContain("tensor model.layers.2.input_layernorm.weight is missing");
        File.WriteAllText(config, text.Replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1"));
        Refusal(folder).ShouldContain("model.layers.1");
        File.WriteAllText(config, text.Replace("\"intermediate_size\": 48", "\"intermediate_size\": 50"));
        Refusal(folder).ShouldContain("config.json needs [");
        Refusal(tiny.Path_("nowhere")).ShouldContain("config.json: not found");
        File.Delete(Path.Combine(folder, "model.safetensors"));
        File.WriteAllText(config, text);
        Refusal(folder).ShouldContain("neither model.safetensors nor");

        static string Refusal(string folder) => Should.Throw<InvalidDataException>(() => Policy.Load(folder)).Message;
    }
}
