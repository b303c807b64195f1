using System.Text.Json;

namespace ToolR0.Policies.Model;

/// <summary>Reads a <c>config.json</c> and refuses, by key and value, what the forward pass would not compute exactly.</summary>
internal static class ModelConfigReader
{
    /// <summary>Bytes.</summary>
    public const int LargestFile = 1 << 20;

    /// <summary>The value of <c>model_type</c>.</summary>
    public static string TypeOf(ModelFamily family) => family switch
    {
        ModelFamily.Qwen3 => "qwen3",
        ModelFamily.Llama => "llama",
        _ => "qwen2",
    };

    public static ModelConfig Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException("not a JSON object");
            return Read(root);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"not JSON: {e.Message}", e);
        }
    }

    private static ModelConfig Read(JsonElement root)
    {
        var family = Family(root);
        RefuseUnsupported(root, family);
        var (hidden, heads) = (Integer(root, "hidden_size", 2, 1 << 16), Integer(root, "num_attention_heads", 1, 1024));
        var rope = Rope(root);
        var theta = rope.Place.ValueKind == JsonValueKind.Object && rope.Place.TryGetProperty("rope_theta", out _) ? rope.Place : root;
        return new ModelConfig
        {
            Family = family,
            VocabularySize = Integer(root, "vocab_size", 2, 1 << 22),
            HiddenSize = hidden,
            IntermediateSize = Integer(root, "intermediate_size", 1, 1 << 20),
            Layers = Integer(root, "num_hidden_layers", 1, 1024),
            Heads = heads,
            KeyValueHeads = KeyValueHeads(root, heads),
            HeadSize = HeadSize(root, family, hidden, heads),
            MaxPositions = Integer(root, "max_position_embeddings", 1, 1 << 22, 32_768),
            NormEpsilon = Number(root, "rms_norm_eps", 0, 1, 1e-6),
            RopeTheta = Number(theta, "rope_theta", 1, 1e12, 10_000),
            RopeScaling = Scaling(rope.Key, rope.Place, root),
            TiedEmbeddings = Flag(root, "tie_word_embeddings"),
        };
    }

    private static ModelFamily Family(JsonElement root)
    {
        var types = string.Join(", ", Enum.GetValues<ModelFamily>().Select(TypeOf));
        var family = (ModelFamily?)null;
        if (root.TryGetProperty("model_type", out var type))
        {
            var known = Enum.GetValues<ModelFamily>().Where(f => type.ValueKind == JsonValueKind.String && type.GetString() == TypeOf(f)).ToArray();
            family = known is [var one] ? one : throw Bad("model_type", root, $"is not supported (only {types})");
        }

        if (!root.TryGetProperty("architectures", out var named) || named.ValueKind == JsonValueKind.Null)
            return family ?? throw new InvalidDataException($"model_type is missing (supported: {types})");
        var fitting = Enum.GetValues<ModelFamily>()
            .Where(f => f == (family ?? f) && named.ValueKind == JsonValueKind.Array && named.GetArrayLength() == 1
            && named[0].ValueKind == JsonValueKind.String && named[0].GetString() == f + "ForCausalLM").ToArray();
        return fitting is [var fit] ? fit
            : throw Bad("architectures", root, $"is not supported (only [\"{family ?? ModelFamily.Qwen2}ForCausalLM\"])");
    }

    private static void RefuseUnsupported(JsonElement root, ModelFamily family)
    {
        if (root.TryGetProperty("hidden_act", out var act) && !(act.ValueKind == JsonValueKind.String && act.GetString() == "silu"))
            throw Bad("hidden_act", root, "is not supported (only silu)");
        // A Qwen 2 always has biases, whatever this key says: transformers does not read it there.
        if (family != ModelFamily.Qwen2 && Flag(root, "attention_bias"))
            throw Bad("attention_bias", root, $"is not supported for {TypeOf(family)}");
        foreach (var key in (string[])["mlp_bias", "use_sliding_window"])
        {
            if (Flag(root, key))
                throw Bad(key, root, "is not supported");
        }

        if (root.TryGetProperty("layer_types", out var layers) && layers.ValueKind != JsonValueKind.Null
            && !(layers.ValueKind == JsonValueKind.Array
                && layers.EnumerateArray().All(l => l.ValueKind == JsonValueKind.String && l.GetString() == "full_attention")))
            throw Bad("layer_types", root, "is not supported (only full_attention)");
        if (root.TryGetProperty("quantization_config", out var quantised) && quantised.ValueKind != JsonValueKind.Null)
            throw Bad("quantization_config", root, "is not supported");
        if (Number(root, "partial_rotary_factor", 0, 1, 1) != 1)
            throw Bad("partial_rotary_factor", root, "is not supported (only 1)");
    }

    private static int KeyValueHeads(JsonElement root, int heads)
    {
        var count = IsNull(root, "num_key_value_heads") ? heads : Integer(root, "num_key_value_heads", 1, 1024);
        return heads % count == 0 ? count : throw Bad("num_key_value_heads", root, $"does not divide num_attention_heads {heads}");
    }

    private static int HeadSize(JsonElement root, ModelFamily family, int hidden, int heads)
    {
        if (!IsNull(root, "head_dim"))
        {
            var size = Integer(root, "head_dim", 2, 1 << 12);
            return size % 2 == 0 ? size : throw Bad("head_dim", root, "is odd; rotary embeddings need an even one");
        }

        if (family == ModelFamily.Qwen3 && !root.TryGetProperty("head_dim", out _))
            return 128; // transformers' default
        if (hidden % heads != 0)
            throw Bad("num_attention_heads", root, $"does not divide hidden_size {hidden}");
        return hidden / heads % 2 == 0
            ? hidden / heads
            : throw Bad("hidden_size", root, $"gives an odd head size {hidden / heads}; rotary embeddings need an even one");
    }

    /// <summary>Where the rotary embedding is described: <c>rope_parameters</c> (transformers 5) or <c>rope_scaling</c>.</summary>
    private static (string Key, JsonElement Place) Rope(JsonElement root)
    {
        foreach (var key in (string[])["rope_parameters", "rope_scaling"])
        {
            if (IsNull(root, key))
                continue;
            var place = root.GetProperty(key);
            return place.ValueKind == JsonValueKind.Object ? (key, place) : throw Bad(key, root, "must be an object");
        }

        return ("rope_scaling", default);
    }

    private static RopeScaling? Scaling(string key, JsonElement rope, JsonElement root)
    {
        if (rope.ValueKind == JsonValueKind.Undefined)
            return null;
        var type = rope.TryGetProperty("rope_type", out var named) || rope.TryGetProperty("type", out named) ? named : default;
        var name = type.ValueKind switch
        {
            JsonValueKind.String => type.GetString(),
            JsonValueKind.Undefined when key == "rope_parameters" =>
            "default",
            _ => null
        };
        if (name == "default")
            return null;
        if (name != "llama3")
            throw Bad(key, root, "is not supported (only rope_type default and llama3)");
        var (low, high) = (Factor("low_freq_factor"), Factor("high_freq_factor"));
        if (high <= low)
            throw Bad(key, root, "high_freq_factor must be above low_freq_factor");
        return new RopeScaling
        {
            Factor = Factor("factor"),
            LowFrequencyFactor = low,
            HighFrequencyFactor = high,
            OriginalPositions = Integer(rope, "original_max_position_embeddings", 1, 1 << 22, at: key),
        };

        double Factor(string part) =>
            rope.TryGetProperty(part, out _) ? Number(rope, part, 1e-6, 1e6, 0, key) : throw Bad(key, root, $"{part} is missing");
    }

    private static bool IsNull(JsonElement root, string key) => !root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null;

    private static int Integer(JsonElement root, string key, int min, int max, int? fallback = null, string? at = null)
    {
        if (!root.TryGetProperty(key, out var value))
            return fallback ?? throw new InvalidDataException($"{Name(key, at)} is missing");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max
            ? number
            : throw Bad(key, root, $"must be an integer from {min} to {max}", at);
    }

    private static double Number(JsonElement root, string key, double min, double max, double fallback, string? at = null)
    {
        if (!root.TryGetProperty(key, out var value))
            return fallback;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max
            ? number
            : throw Bad(key, root, FormattableString.Invariant($"must be a number from {min} to {max}"), at);
    }

    private static bool Flag(JsonElement root, string key) =>
        root.TryGetProperty(key, out var value) && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw Bad(key, root, "must be true or false"),
        };

    private static string Name(string key, string? at) => at is null ? key : $"{at}.{key}";

    private static InvalidDataException Bad(string key, JsonElement root, string rule, string? at = null)
    {
        var text = root.TryGetProperty(key, out var value) ? value.GetRawText() : "(absent)";
        return new InvalidDataException($"{Name(key, at)} = {(text.Length > 80 ? text[..80] + "…" : text)}: {rule}");
    }
}
