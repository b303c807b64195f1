using System.Text;
using System.Text.Json.Nodes;
using ToolR0.Policies.Model;

namespace ToolR0.Policies.Tests;

/// <summary>
/// A GGUF file of a model's folder, written as llama.cpp's converter writes one: dimensions innermost first, rows of the llama architecture's queries
/// and keys with the two halves of a head interleaved. Every part can be changed before it is written.
/// </summary>
internal sealed class GgufFile
{
    private const int Normal = 1, Control = 3, UserDefined = 4;

    private GgufFile()
    {
    }

    public uint Version { get; set; } = 3;

    public int Alignment { get; set; } = 32;

    /// <summary>Metadata by key: string, int, long[], string[], float, bool or ulong.</summary>
    public Dictionary<string, object> Fields { get; } = [];

    public List<(string Name, uint Type, long[] Shape, byte[] Data)> Tensors { get; } = [];

    /// <param name="pre">tokenizer.ggml.pre.</param>
    public static GgufFile Of(string folder, string pre = "qwen2")
    {
        var file = new GgufFile();
        using var policy = Policy.Load(folder, TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32);
        file.AddShape(policy.Config);
        file.AddTokenizer(folder, pre, policy.Tokenizer);
        foreach (var (name, parameter) in policy.Model.Parameters)
        {
            var values = parameter.contiguous().data<float>().ToArray();
            var shape = parameter.shape;
            var isInterleaved = policy.Config.Family == ModelFamily.Llama
                && (name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("k_proj.weight", StringComparison.Ordinal));
            file.Tensors.Add((NameOf(name), 0, shape, Bytes(isInterleaved ? Interleaved(values, shape, policy.Config.HeadSize) : values)));
        }

        if (policy.Config.RopeScaling is { } scaling)
        {
            var half = policy.Config.HeadSize / 2;
            float[] factors = [.. Enumerable.Range(0, half).Select(i => Math.Pow(policy.Config.RopeTheta, -2.0 * i / policy.Config.HeadSize))
                .Select(frequency => (float)(frequency / scaling.Apply(frequency)))];
            file.Tensors.Add(("rope_freqs.weight", 0, [half], Bytes(factors)));
        }

        return file;
    }

    public byte[] Write()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)Tensors.Count);
        writer.Write((ulong)Fields.Count);
        foreach (var (key, value) in Fields)
        {
            Text(writer, key);
            Value(writer, value);
        }

        var offset = 0L;
        foreach (var (name, type, shape, data) in Tensors)
        {
            Text(writer, name);
            writer.Write((uint)shape.Length);
            foreach (var dimension in shape.Reverse())
                writer.Write((ulong)dimension);
            writer.Write(type);
            writer.Write((ulong)offset);
            offset += Padded(data.Length);
        }

        writer.Write(new byte[Padded(stream.Length) - stream.Length]);
        foreach (var (_, _, _, data) in Tensors)
        {
            writer.Write(data);
            writer.Write(new byte[Padded(data.Length) - data.Length]);
        }

        return stream.ToArray();
    }

    public GgufFile With(string key, object? value)
    {
        if (value is null)
            Fields.Remove(key);
        else
            Fields[key] = value;
        return this;
    }

    public static byte[] Bytes(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static string NameOf(string name) => name switch
    {
        "model.embed_tokens.weight" => "token_embd.weight",
        "model.norm.weight" => "output_norm.weight",
        "lm_head.weight" => "output.weight",
        _ => name.Replace("model.layers.", "blk.").Replace("self_attn.o_proj", "attn_output").Replace("post_attention_layernorm", "ffn_norm")
            .Replace("input_layernorm", "attn_norm").Replace("self_attn.", "attn_").Replace("_proj", "").Replace("mlp.", "ffn_"),
    };

    /// <summary>Row 2i + j of a head is row i of its half j.</summary>
    private static float[] Interleaved(float[] values, long[] shape, int headSize)
    {
        var (rows, columns) = ((int)shape[0], (int)shape[1]);
        var result = new float[values.Length];
        for (var row = 0; row < rows; row++)
        {
            var (head, half, i) = (row / headSize, row % headSize / (headSize / 2), row % (headSize / 2));
            values.AsSpan(row * columns, columns).CopyTo(result.AsSpan(((head * headSize) + (2 * i) + half) * columns));
        }

        return result;
    }

    private void AddShape(ModelConfig config)
    {
        var name = ModelConfigReader.TypeOf(config.Family);
        Fields["general.architecture"] = name;
        Fields["general.file_type"] = 0;
        foreach (var (key, value) in new (string, object)[]
        {
            ("block_count", config.Layers), ("context_length", config.MaxPositions), ("embedding_length", config.HiddenSize),
            ("feed_forward_length", config.IntermediateSize), ("attention.head_count", config.Heads),
            ("attention.head_count_kv", config.KeyValueHeads), ("attention.layer_norm_rms_epsilon", (float)config.NormEpsilon),
            ("rope.freq_base", (float)config.RopeTheta), ("attention.key_length", config.HeadSize), ("attention.value_length", config.HeadSize),
            ("rope.dimension_count", config.HeadSize),
        })
            Fields[$"{name}.{key}"] = value;
    }

    private void AddTokenizer(string folder, string pre, Tokenization.Tokenizer tokenizer)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!;
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer_config.json")))!;
        var added = json["added_tokens"]!.AsArray().ToDictionary(t => (int)t!["id"]!, t => ((string)t!["content"]!, (bool)t["special"]!));
        var tokens = json["model"]!["vocab"]!.AsObject().ToDictionary(t => (int)t.Value!, t => t.Key);
        foreach (var (id, (content, _)) in added)
            tokens[id] = content;
        Fields["tokenizer.ggml.model"] = "gpt2";
        Fields["tokenizer.ggml.pre"] = pre;
        Fields["tokenizer.ggml.tokens"] = Enumerable.Range(0, tokens.Keys.Max() + 1).Select(id => tokens[id]).ToArray();
        Fields["tokenizer.ggml.token_type"] = Enumerable.Range(0, tokens.Keys.Max() + 1)
            .Select(id => (long)(!added.TryGetValue(id, out var token) ? Normal : token.Item2 ? Control : UserDefined)).ToArray();
        Fields["tokenizer.ggml.merges"] = json["model"]!["merges"]!.AsArray()
            .Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)m!).ToArray();
        Fields["tokenizer.ggml.eos_token_id"] = tokenizer.EndOfTurn;
        Fields["tokenizer.ggml.padding_token_id"] = tokenizer.Pad;
        Fields["tokenizer.ggml.add_bos_token"] = false;
        Fields["tokenizer.chat_template"] = (string)config["chat_template"]!;
    }

    private long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Value(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case string text:
                writer.Write(8u);
                Text(writer, text);
                break;
            case int number:
                writer.Write(4u);
                writer.Write(number);
                break;
            case ulong number:
                writer.Write(10u);
                writer.Write(number);
                break;
            case float number:
                writer.Write(6u);
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(7u);
                writer.Write(flag);
                break;
            case string[] list:
                writer.Write(9u);
                writer.Write(8u);
                writer.Write((ulong)list.Length);
                foreach (var text in list)
                    Text(writer, text);
                break;
            case long[] list:
                writer.Write(9u);
                writer.Write(5u);
                writer.Write((ulong)list.Length);
                foreach (var number in list)
                    writer.Write((int)number);
                break;
            default:
                throw new ArgumentException($"{value.GetType().Name} is not written");
        }
    }
}
