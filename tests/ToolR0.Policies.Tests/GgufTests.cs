using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Gguf;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.Testing;
using ToolR0.Tokenization;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Models from GGUF files, beside the folders that they were made from, beside ggml's own numbers, and beside transformers'.</summary>
public sealed class GgufTests : IDisposable
{
    private const string RealModel = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf";

    /// <summary>SHA-256 of the model.safetensors that an independent converter (numpy) makes of that file.</summary>
    private const string RealWeights = "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> BlockTypes =>
        ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(BlockTypes))]
    public void Blocks_expand_to_the_bits_that_ggml_gives(string name)
    {
        var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "gguf-blocks.json"))).RootElement;
        var blocks = golden.GetProperty(name).GetProperty("blocks").GetBytesFromBase64();
        var expected = golden.GetProperty(name).GetProperty("values").GetBytesFromBase64();
        var type = Enumerable.Range(0, 40).Select(id => GgufType.Of((uint)id)).Single(t => t?.Name == name)!;
        var values = new float[expected.Length / 4];
        blocks.Length.ShouldBe(values.Length / type.BlockSize * type.BlockBytes);
        GgufBlocks.Expand(type, blocks, values);
        GgufFile.Bytes(values).ShouldBe(expected);
    }

    [Fact]
    public void Rounding_is_to_the_nearest_and_ties_go_to_even()
    {
        var random = new Random(3);
        var values = new float[1000];
        for (var i = 0; i < values.Length; i++)
            values[i] = BitConverter.UInt32BitsToSingle((uint)random.NextInt64(1L << 32));
        foreach (var (i, bits) in ((uint[])[0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0xFF800000, 0x7F800001, 0x00000001]).Index())
            values[i] = BitConverter.UInt32BitsToSingle(bits);
        var rounded = new ushort[values.Length];
        BrainFloat.Round(values, rounded);
        using var library = tensor(values).to(ScalarType.BFloat16).to(ScalarType.Float32);
        foreach (var (i, value) in library.data<float>().ToArray().Index())
        {
            var mine = BitConverter.UInt32BitsToSingle((uint)rounded[i] << 16);
            (float.IsNaN(value) ? float.IsNaN(mine) : value.Equals(mine)).ShouldBeTrue($"{values[i]:R}");
        }

        rounded[..4].ShouldBe([0x3F80, 0x3F82, 0x3F81, 0x7F80]);
    }

    [Theory]
    [InlineData(ModelFamily.Llama, "llama", "llama-bpe", true, true)]
    [InlineData(ModelFamily.Llama, "llama", "llama-bpe", false, false)]
    [InlineData(ModelFamily.Qwen2, "qwen", "qwen2", true, false)]
    [InlineData(ModelFamily.Qwen3, "qwen", "qwen2", false, false)]
    public void A_file_gives_the_model_that_it_was_made_from(ModelFamily family, string tokenizer, string pre, bool tied, bool scaled)
    {
        TorchRuntime.Configure(1);
        var folder = Model(family, tokenizer, tied, scaled);
        var path = Written(GgufFile.Of(folder, pre));
        using var expected = Policy.Load(folder, CPU, ScalarType.Float32);
        using var policy = Policy.Load(path, CPU, ScalarType.Float32);

        policy.Config.ShouldBe(expected.Config with { NormEpsilon = (float)expected.Config.NormEpsilon });
        policy.Model.Parameters.Keys.ShouldBe(expected.Model.Parameters.Keys, ignoreOrder: true);
        foreach (var (name, parameter) in expected.Model.Parameters)
            policy.Model.Parameters[name].bytes.SequenceEqual(parameter.bytes).ShouldBeTrue(name);
        string[] texts = ["I'll call 12345 tools, été e\u0301té 😀\n\n  x", "<|im_start|>user\n{\"name\":\"a\",\"b\":1}}<think>", "tool tooling"];
        foreach (var text in texts)
            policy.Tokenizer.Encode(text).ShouldBe(expected.Tokenizer.Encode(text));
        policy.Tokenizer.EndOfTurn.ShouldBe(expected.Tokenizer.EndOfTurn);
        policy.Tokenizer.Pad.ShouldBe(expected.Tokenizer.Pad);
        policy.Tokenizer.StopTokens.ShouldBe(expected.Tokenizer.StopTokens.Concat(pre == "qwen2" ? [expected.Tokenizer.Pad] : []));
        policy.Tokenizer.RenderChat([new ChatMessage("user", "hi")]).ShouldBe(expected.Tokenizer.RenderChat([new ChatMessage("user", "hi")]));
        policy.Tokenizer.Decode([300, 301, policy.Tokenizer.EndOfTurn]).ShouldBe(expected.Tokenizer.Decode([300, 301]));
    }

    [Fact]
    public void What_is_stored_is_what_the_file_can_tell()
    {
        TorchRuntime.Configure(1);
        var file = GgufFile.Of(Model(ModelFamily.Qwen2, "qwen", true, false));
        using (var tiny = Policy.Load(Written(file), CPU, ScalarType.Float32))
            tiny.Source.Rounds.ShouldBeFalse("float32 that bfloat16 cannot hold stays");

        for (var i = 0; i < file.Tensors.Count; i++)
        {
            var (name, _, shape, data) = file.Tensors[i];
            var values = Enumerable.Range(0, data.Length / 4).Select(at => BitConverter.ToSingle(data, at * 4)).ToArray();
            file.Tensors[i] = (i % 3) switch
            {
                0 => (name, 1u, shape, [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))]),
                1 => (name, 30u, shape, [.. values.SelectMany(value => BitConverter.GetBytes(value)[2..])]),
                _ => (name, 0u, shape, GgufFile.Bytes([.. values.Select(Cut)])),
            };
        }

        using var model = GgufModel.Open(Written(file));
        var folder = Path.Combine(_folder.Path, "converted");
        model.CopyTo(folder);
        using var stored = SafeTensors.Open(Path.Combine(folder, "model.safetensors"));
        foreach (var ((name, type, shape, data), i) in file.Tensors.Select((tensor, i) => (tensor, i)))
        {
            var entry = stored.Entries.Values.Single(e => Names(file, e.Name) == name);
            entry.Type.ShouldBe(i % 3 == 0 ? "F16" : "BF16");
            entry.Shape.ShouldBe(shape);
            if (type == 0)
                continue;
            using var read = stored.Read(entry.Name);
            read.bytes.ToArray().ShouldBe(data);
        }

        Policy.HashOf(folder).ShouldBe(model.HashOfWeights());

        static float Cut(float value) => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
    }

    [Fact]
    public void In_a_policy_store_it_becomes_a_whole_folder_under_the_name_of_its_weights()
    {
        TorchRuntime.Configure(1);
        var path = Written(GgufFile.Of(Model(ModelFamily.Llama, "llama", true, true), "llama-bpe"));
        using var store = new PolicyStore(Path.Combine(_folder.Path, "policies"));
        var sha = store.Import(path);
        sha.ShouldBe(Policy.HashOf(path));
        store.Import(path).ShouldBe(sha);
        store.Import(store.FolderOf(sha)).ShouldBe(sha);
        Directory.GetFiles(store.FolderOf(sha)).Select(Path.GetFileName)
            .ShouldBe(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"], ignoreOrder: true);

        // A policy that is trained from it has everything too.
        using (var learner = GrpoLearner.Start(store.FolderOf(sha), new LearningOptions(), CPU))
            store.Put(folder => learner.Save(folder, withOptimiser: false)).ShouldBe(sha, "nothing was learned");
        using var from = Policy.Load(path, CPU);
        var saved = Path.Combine(_folder.Path, "saved");
        from.Save(saved);
        Policy.HashOf(saved).ShouldBe(sha);
        using var again = Policy.Load(saved, CPU);
        again.Tokenizer.Encode("tool 12345").ShouldBe(from.Tokenizer.Encode("tool 12345"));
    }

    [Fact]
    public void The_rows_behind_the_last_token_are_no_tokens()
    {
        var file = GgufFile.Of(Model(ModelFamily.Qwen2, "qwen", true, false));
        var tokens = (string[])file.Fields["tokenizer.ggml.tokens"];
        var kinds = (long[])file.Fields["tokenizer.ggml.token_type"];
        file.With("tokenizer.ggml.tokens", (string[])[.. tokens, $"[PAD{tokens.Length}]", $"[PAD{tokens.Length + 1}]"])
            .With("tokenizer.ggml.token_type", (long[])[.. kinds, 5, 5]);
        using var model = GgufModel.Open(Written(file));
        model.LoadTokenizer().VocabularySize.ShouldBe(tokens.Length);
    }

    [Fact]
    public void Further_templates_come_with_it()
    {
        var file = GgufFile.Of(Model(ModelFamily.Qwen2, "qwen", true, false)).With("tokenizer.chat_template.tool_use", "T{{ tools | length }}");
        using var model = GgufModel.Open(Written(file));
        var tokenizer = model.LoadTokenizer();
        tokenizer.RenderChat([], new ChatOptions { Tools = [JsonDocument.Parse("{}").RootElement] }).ShouldBe("T1");
        tokenizer.RenderChat([new ChatMessage("user", "a")]).ShouldContain("<|im_start|>user");
    }

    [Fact]
    public void A_really_pretrained_model_answers_as_transformers_says()
    {
        var path = OutsideModels.Find(RealModel);
        Assert.SkipWhen(path is null, "needs the model outside the repository");
        TorchRuntime.Configure(Environment.ProcessorCount);
        using var policy = Policy.Load(path!, CPU, ScalarType.Float32);
        policy.Sha256.ShouldBe(RealWeights);
        var golden = JsonDocument.Parse(File.ReadAllText(OutsideModels.Find("smollm2-135m-instruct/golden.json")!)).RootElement;
        foreach (var item in golden.GetProperty("cases").EnumerateArray())
        {
            var messages = item.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString())).ToList();
            var text = item.GetProperty("text").GetString()!;
            policy.Tokenizer.RenderChat(messages, new ChatOptions { AddGenerationPrompt = true }).ShouldBe(text);
            var prompt = item.GetProperty("prompt_tokens").Deserialize<int[]>()!;
            policy.Tokenizer.Encode(text).ShouldBe(prompt);

            using (var logits = policy.Model.Logits([prompt]))
            using (var last = logits.select(0, 0).select(0, prompt.Length - 1).contiguous())
            {
                var values = last.data<float>().ToArray();
                foreach (var expected in item.GetProperty("top_logits").EnumerateArray())
                    values[expected[0].GetInt32()].ShouldBe(expected[1].GetSingle(), 1e-3f, text);
            }

            var greedy = item.GetProperty("greedy").Deserialize<int[]>()!;
            var sampled = Sampler.Sample(policy, [new SampleRequest(prompt, [1])],
                new SamplingOptions { Temperature = 0, MaxNewTokens = greedy.Length }, [], Cancellation)[0][0];
            sampled.Tokens.ShouldBe(greedy, text);
            foreach (var (i, expected) in item.GetProperty("log_probabilities").Deserialize<float[]>()!.Index())
                sampled.LogProbs[i].ShouldBe(expected, 1e-3f, text);
        }
    }

    /// <summary>A random model's folder.</summary>
    private string Model(ModelFamily family, string tokenizer, bool tied, bool scaled)
    {
        TorchRuntime.Configure(1);
        var tokens = Path.Combine(AppContext.BaseDirectory, "Tokenization", "Golden", tokenizer);
        var config = new ModelConfig
        {
            Family = family,
            VocabularySize = Tokenizer.Load(tokens).VocabularySize + 3,
            HiddenSize = 32,
            HeadSize = 12,
            IntermediateSize = 48,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            MaxPositions = 256,
            RopeTheta = 500_000,
            TiedEmbeddings = tied,
            RopeScaling = scaled ? new RopeScaling { Factor = 32, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalPositions = 8192 } : null,
        };
        var folder = Path.Combine(_folder.Path, $"{family}-{tied}-{scaled}");
        using var policy = Policy.CreateRandom(config, tokens, 5, CPU, ScalarType.Float32);
        policy.Save(folder);
        return folder;
    }

    private string Written(GgufFile file)
    {
        var path = Path.Combine(_folder.Path, $"{Guid.NewGuid():N}.gguf");
        File.WriteAllBytes(path, file.Write());
        return path;
    }

    private static string Names(GgufFile file, string parameter)
    {
        var end = parameter[(parameter.LastIndexOf('.', parameter.LastIndexOf('.') - 1) + 1)..];
        return parameter switch
        {
            "model.embed_tokens.weight" => "token_embd.weight",
            "model.norm.weight" => "output_norm.weight",
            _ => file.Tensors.Single(tensor => tensor.Name.StartsWith($"blk.{parameter.Split('.')[2]}.", StringComparison.Ordinal)
                && tensor.Name.EndsWith(end.Replace("input_layernorm", "attn_norm").Replace("post_attention_layernorm", "ffn_norm")
                    .Replace("o_proj", "attn_output").Replace("_proj", ""), StringComparison.Ordinal)).Name,
        };
    }
}
