using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.Policies;

/// <summary>
/// The numbers of a Qwen2 decoder as <c>config.json</c> of a Hugging Face folder gives them. What this product cannot compute
/// exactly (sliding windows, scaled RoPE, other activations) is refused when it is read, never ignored.
/// </summary>
public sealed record ModelConfig
{
    [JsonPropertyName("vocab_size")] public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    [JsonPropertyName("hidden_size")] public required int HiddenSize { get; init; }

    /// <summary>Width inside the SwiGLU block.</summary>
    [JsonPropertyName("intermediate_size")] public required int IntermediateSize { get; init; }
    [JsonPropertyName("num_hidden_layers")] public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    [JsonPropertyName("num_attention_heads")] public required int Heads { get; init; }

    /// <summary>Key/value heads; each serves <c>Heads / KeyValueHeads</c> query heads.</summary>
    [JsonPropertyName("num_key_value_heads")] public required int KeyValueHeads { get; init; }

    /// <summary>Prompt and completion together may not be longer, in tokens.</summary>
    [JsonPropertyName("max_position_embeddings")] public required int MaxPositions { get; init; }
    [JsonPropertyName("rms_norm_eps")] public double NormEpsilon { get; init; } = 1e-6;
    [JsonPropertyName("rope_theta")] public double RopeTheta { get; init; } = 10_000;

    /// <summary>The output projection is the embedding matrix.</summary>
    [JsonPropertyName("tie_word_embeddings")] public bool TiedEmbeddings { get; init; }

    /// <summary>Width of one head.</summary>
    [JsonIgnore] public int HeadSize => HiddenSize / Heads;

    /// <summary>Number of trainable scalars.</summary>
    [JsonIgnore]
    public long ParameterCount => ParameterShapes().Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b));

    /// <summary>Reads <c>config.json</c> of a folder.</summary>
    /// <exception cref="InvalidDataException">Missing, malformed or unsupported; the message names file, key and value.</exception>
    public static ModelConfig Load(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        try
        {
            return Parse(File.ReadAllText(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"{path}: not found", e);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Parses the text of a <c>config.json</c>.</summary>
    /// <exception cref="InvalidDataException">Malformed or unsupported; the message names key and value.</exception>
    public static ModelConfig Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException("not a JSON object");
            RefuseUnsupported(root);
            var heads = Integer(root, "num_attention_heads", 1, 1024);
            var config = new ModelConfig
            {
                VocabularySize = Integer(root, "vocab_size", 2, 1 << 22),
                HiddenSize = Integer(root, "hidden_size", 2, 1 << 16),
                IntermediateSize = Integer(root, "intermediate_size", 1, 1 << 20),
                Layers = Integer(root, "num_hidden_layers", 1, 1024),
                Heads = heads,
                KeyValueHeads = Integer(root, "num_key_value_heads", 1, 1024, heads),
                MaxPositions = Integer(root, "max_position_embeddings", 1, 1 << 22, 32_768),
                NormEpsilon = Number(root, "rms_norm_eps", 0, 1, 1e-6),
                RopeTheta = Theta(root),
                TiedEmbeddings = Flag(root, "tie_word_embeddings"),
            };
            return config.Checked(root);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"not JSON: {e.Message}", e);
        }
    }

    /// <summary>The text of a <c>config.json</c> that Hugging Face libraries load as well.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("architectures");
            writer.WriteStringValue("Qwen2ForCausalLM");
            writer.WriteEndArray();
            writer.WriteString("model_type", "qwen2");
            writer.WriteString("hidden_act", "silu");
            writer.WriteString("torch_dtype", "float32");
            writer.WriteBoolean("use_sliding_window", false);
            foreach (var property in JsonSerializer.SerializeToElement(this).EnumerateObject())
                property.WriteTo(writer);
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <summary>Every parameter's Hugging Face name and shape, in the order of the network.</summary>
    public IEnumerable<(string Name, long[] Shape)> ParameterShapes()
    {
        long keyValueWidth = (long)KeyValueHeads * HeadSize;
        yield return ("model.embed_tokens.weight", [VocabularySize, HiddenSize]);
        for (var layer = 0; layer < Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            yield return (prefix + "input_layernorm.weight", [HiddenSize]);
            yield return (prefix + "self_attn.q_proj.weight", [HiddenSize, HiddenSize]);
            yield return (prefix + "self_attn.q_proj.bias", [HiddenSize]);
            yield return (prefix + "self_attn.k_proj.weight", [keyValueWidth, HiddenSize]);
            yield return (prefix + "self_attn.k_proj.bias", [keyValueWidth]);
            yield return (prefix + "self_attn.v_proj.weight", [keyValueWidth, HiddenSize]);
            yield return (prefix + "self_attn.v_proj.bias", [keyValueWidth]);
            yield return (prefix + "self_attn.o_proj.weight", [HiddenSize, HiddenSize]);
            yield return (prefix + "post_attention_layernorm.weight", [HiddenSize]);
            yield return (prefix + "mlp.gate_proj.weight", [IntermediateSize, HiddenSize]);
            yield return (prefix + "mlp.up_proj.weight", [IntermediateSize, HiddenSize]);
            yield return (prefix + "mlp.down_proj.weight", [HiddenSize, IntermediateSize]);
        }

        yield return ("model.norm.weight", [HiddenSize]);
        if (!TiedEmbeddings)
            yield return ("lm_head.weight", [VocabularySize, HiddenSize]);
    }

    private ModelConfig Checked(JsonElement root)
    {
        if (HiddenSize % Heads != 0)
            throw Bad("num_attention_heads", root, $"does not divide hidden_size {HiddenSize}");
        if (HeadSize % 2 != 0)
            throw Bad("hidden_size", root, $"gives an odd head size {HeadSize}; rotary embeddings need an even one");
        if (Heads % KeyValueHeads != 0)
            throw Bad("num_key_value_heads", root, $"does not divide num_attention_heads {Heads}");
        if (root.TryGetProperty("head_dim", out var size) && size.ValueKind != JsonValueKind.Null
            && !(size.TryGetInt32(out var value) && value == HeadSize))
            throw Bad("head_dim", root, $"only hidden_size / num_attention_heads = {HeadSize} is supported");
        return this;
    }

    private static void RefuseUnsupported(JsonElement root)
    {
        Expect(root, "model_type", "qwen2");
        Expect(root, "hidden_act", "silu");
        if (Flag(root, "use_sliding_window"))
            throw Bad("use_sliding_window", root, "is not supported");
        if (root.TryGetProperty("rope_scaling", out var scaling) && scaling.ValueKind != JsonValueKind.Null)
            throw Bad("rope_scaling", root, "is not supported");
        if (root.TryGetProperty("quantization_config", out var quantised) && quantised.ValueKind != JsonValueKind.Null)
            throw Bad("quantization_config", root, "is not supported");
    }

    private static double Theta(JsonElement root)
    {
        if (!root.TryGetProperty("rope_parameters", out var rope) || rope.ValueKind != JsonValueKind.Object)
            return Number(root, "rope_theta", 1, 1e12, 10_000);
        if (rope.TryGetProperty("rope_type", out var type) && type.ValueKind == JsonValueKind.String && type.GetString() != "default")
            throw Bad("rope_parameters", root, "is not supported (only rope_type default)");
        return Number(rope, "rope_theta", 1, 1e12, 10_000);
    }

    private static void Expect(JsonElement root, string key, string supported)
    {
        if (root.TryGetProperty(key, out var value) && !(value.ValueKind == JsonValueKind.String && value.GetString() == supported))
            throw Bad(key, root, $"is not supported (only {supported})");
    }

    private static int Integer(JsonElement root, string key, int min, int max, int? fallback = null)
    {
        if (!root.TryGetProperty(key, out var value))
            return fallback ?? throw new InvalidDataException($"{key} is missing");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max
            ? number
            : throw Bad(key, root, $"must be an integer from {min} to {max}");
    }

    private static double Number(JsonElement root, string key, double min, double max, double fallback)
    {
        if (!root.TryGetProperty(key, out var value))
            return fallback;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max
            ? number
            : throw Bad(key, root, FormattableString.Invariant($"must be a number from {min} to {max}"));
    }

    private static bool Flag(JsonElement root, string key) =>
        root.TryGetProperty(key, out var value) && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw Bad(key, root, "must be true or false"),
        };

    private static InvalidDataException Bad(string key, JsonElement root, string rule)
    {
        var text = root.TryGetProperty(key, out var value) ? value.GetRawText() : "(absent)";
        return new InvalidDataException($"{key} = {(text.Length > 80 ? text[..80] + "…" : text)}: {rule}");
    }
}
