using System.Text;
using System.Text.RegularExpressions;
using ToolR0.Policies.Model;
using ToolR0.Testing;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Adapter folders made by an enemy: each is loaded or refused with one <see cref="InvalidDataException"/> that names the folder.</summary>
public sealed class HostileAdapterTests : IDisposable
{
    private static readonly string Sound = Path.Combine(AppContext.BaseDirectory, "Golden", "untied", "lora");
    private static readonly ModelConfig Model = ModelConfig.Load(Path.Combine(AppContext.BaseDirectory, "Golden", "untied"));
    private static readonly string Config = File.ReadAllText(Path.Combine(Sound, "adapter_config.json"));
    private static readonly byte[] Weights = File.ReadAllBytes(Path.Combine(Sound, "adapter_model.safetensors"));

    private static readonly string[] Values =
    [
        "0", "-1", "1", "2", "4", "1.5", "1e400", "2147483648", "9223372036854775807", "null", "true", "\"3\"", "\"\\ud800\"", "[]", "{}", "[null]",
        "{\"a\":1}", "\"all-linear\"",
        "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
    ];

    private readonly TemporaryFolder _folder = new();

    public HostileAdapterTests() => TorchRuntime.Configure(1);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("\"r\": 3", "\"r\": 0", "r = 0: must be from 1 to 65536")]
    [InlineData("\"r\": 3", "\"r\": 4", "lora_A.weight is [3, 16]; rank and model need [4, 16]")]
    [InlineData("\"r\": 3", "\"rank\": 3", "r = (missing): must be from 1")]
    [InlineData("\"lora_alpha\": 12", "\"lora_alpha\": -1", "lora_alpha = -1: must be above 0")]
    [InlineData("\"lora_alpha\": 12", "\"lora_alpha\": 1e999", "lora_alpha = 1e999: must be above 0")]
    [InlineData("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "peft_type = \"IA3\": must be LORA")]
    [InlineData("\"bias\": \"none\"", "\"bias\": \"all\"", "bias = \"all\": must be none")]
    [InlineData("\"use_dora\": false", "\"use_dora\": true", "use_dora = true: is not supported")]
    [InlineData("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 4}", "rank_pattern = {\"q_proj\": 4}: is not supported")]
    [InlineData("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", "modules_to_save = [\"lm_head\"]: is not supported")]
    [InlineData("{", "{\"init_lora_weights\": \"pissa\",", "init_lora_weights = \"pissa\": must be true, false or one of")]
    [InlineData("{", "{\"init_lora_weights\": \"pissa_niter_16\",", "init_lora_weights = \"pissa_niter_16\": must be")]
    [InlineData("{", "{\"init_lora_weights\": \"olora\",", "init_lora_weights = \"olora\": must be")]
    [InlineData("{", "{\"init_lora_weights\": \"corda\",", "init_lora_weights = \"corda\": must be")]
    [InlineData("{", "{\"init_lora_weights\": \"loftq\", \"loftq_config\": {\"loftq_bits\": 4},", "init_lora_weights = \"loftq\": must be")]
    [InlineData("{", "{\"init_lora_weights\": 1,", "init_lora_weights = 1: must be")]
    [InlineData("{", "{\"arrow_config\": {\"top_k\": 2},", "arrow_config = {\"top_k\": 2}: is not supported")]
    [InlineData("{", "{\"use_bdlora\": {\"nblocks\": 2},", "use_bdlora = {\"nblocks\": 2}: is not supported")]
    [InlineData("{", "{\"use_bdlora\": true,", "use_bdlora = true: is not supported")]
    [InlineData("{", "{\"some_later_config\": {\"a\": 1},", "some_later_config = {\"a\": 1}: is not supported")]
    [InlineData("{", "{\"init_lora_weights\": \"Gaussian\",", null)]
    [InlineData("{", "{\"init_lora_weights\": \"eva\", \"eva_config\": {\"rho\": 2.0}, \"loftq_config\": {\"loftq_bits\": 4},", null)]
    [InlineData(
        "{",
        "{\"init_lora_weights\": false, \"arrow_config\": null, \"use_bdlora\": false, \"corda_config\": null, \"megatron_config\": {\"a\": 1},"
            + " \"peft_version\": \"0.18.0\", \"qalora_group_size\": 16, \"revision\": null,",
        null)]
    [InlineData("\"q_proj\",", "\"lm_head\",", "target_modules")]
    [InlineData("\"q_proj\",", "", "q_proj.lora_A.weight does not belong to an adapter of")]
    [InlineData("\"base_model_name_or_path\": \"untied\"", "\"base_model_name_or_path\": 7", null)]
    [InlineData("{", "[", "is not JSON")]
    public void A_config_that_does_not_fit_is_refused_by_key(string sound, string changed, string? message)
    {
        // Of a name that stands twice the last counts.
        var config = changed.Contains("init_lora_weights") ? Config.Replace("\"init_lora_weights\": true,", "") : Config;
        var at = config.IndexOf(sound, StringComparison.Ordinal);
        Write(config[..at] + changed + config[(at + sound.Length)..], Weights);
        if (message is null)
            Load();
        else
            Should.Throw<InvalidDataException>(Load).Message.ShouldContain(message);
    }

    [Fact]
    public void An_adapter_of_another_model_is_refused_by_tensor()
    {
        Write(Config, Weights);
        var wide = Should.Throw<InvalidDataException>(() =>
            LoraAdapter.Load(_folder.Path, Model with { IntermediateSize = 32 }, CPU).Dispose()).Message;
        wide.ShouldContain("gate_proj.lora_B.weight is [24, 3]; rank and model need [32, 3]");
        Should.Throw<InvalidDataException>(() =>
            LoraAdapter.Load(_folder.Path, Model with { Layers = 3 }, CPU)
            .Dispose()).Message.ShouldContain("layers.2.self_attn.q_proj.lora_A.weight is missing");
        Should.Throw<InvalidDataException>(() =>
            LoraAdapter.Load(_folder.Path, Model with { Layers = 1 }, CPU).Dispose()).Message.ShouldContain("does not belong to an adapter");
        File.Delete(Path.Combine(_folder.Path, "adapter_model.safetensors"));
        Should.Throw<InvalidDataException>(Load).Message.ShouldContain("adapter_model.safetensors: not found");
        File.Delete(Path.Combine(_folder.Path, "adapter_config.json"));
        Should.Throw<InvalidDataException>(Load).Message.ShouldContain("adapter_config.json: not found");
    }

    [Fact]
    public void Two_thousand_hostile_adapters_are_loaded_or_refused()
    {
        var random = new Random(2026);
        var loaded = 0;
        for (var i = 0; i < 2000; i++)
        {
            switch (i % 4)
            {
                case 0:
                    Write(Config, Spoil(random, Weights));
                    break;
                case 1:
                    Write(Encoding.Latin1.GetString(Spoil(random, Encoding.UTF8.GetBytes(Config))), Weights);
                    break;
                case 2:
                    Write(Value(random, Config), Weights);
                    break;
                default:
                    var header = Encoding.Latin1.GetString(Weights);
                    Write(Config, Encoding.Latin1.GetBytes(header.Replace("lora_A", new[] { "lora_B", "lora_a", "lora_C" }[random.Next(3)])
                        .Replace("F32", new[] { "F32", "I32", "Q40" }[random.Next(3)])));
                    break;
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Load();
                loaded++;
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldStartWith(_folder.Path);
                e.Message.Length.ShouldBeLessThan(2000);
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(16 << 20);
        }

        loaded.ShouldBeInRange(1, 1500);
    }

    private void Load() => LoraAdapter.Load(_folder.Path, Model, CPU).Dispose();

    private void Write(string config, byte[] weights)
    {
        File.WriteAllText(Path.Combine(_folder.Path, "adapter_config.json"), config);
        File.WriteAllBytes(Path.Combine(_folder.Path, "adapter_model.safetensors"), weights);
    }

    private static byte[] Spoil(Random random, byte[] sound)
    {
        if (random.Next(2) == 0)
            return sound[..random.Next(sound.Length)];
        var bytes = sound.ToArray();
        for (var n = random.Next(1, 6); n > 0; n--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return bytes;
    }

    /// <summary>Another value in place of one of the config's.</summary>
    private static string Value(Random random, string text)
    {
        var lines = text.Split('\n');
        var keyed = Enumerable.Range(0, lines.Length).Where(i => Regex.IsMatch(lines[i], "^  \"\\w+\": .*,$")).ToArray();
        var at = keyed[random.Next(keyed.Length)];
        lines[at] = lines[at][..(lines[at].IndexOf(':') + 2)] + Values[random.Next(Values.Length)] + ",";
        return string.Join('\n', lines);
    }
}
