using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.Policies.Model;

/// <summary>
/// The decoder families that this product computes. All have RMSNorm before each block, rotary embeddings, grouped-query attention and SwiGLU.
/// </summary>
public enum ModelFamily
{
    /// <summary>Qwen 2 and 2.5: biases on query, key and value.</summary>
    Qwen2,

    /// <summary>Qwen 3: each query and key head is normalised (RMSNorm) before the rotation; no biases.</summary>
    Qwen3,

    /// <summary>Llama 2 and 3: no biases; Llama 3 scales the rotary frequencies.</summary>
    Llama,
}

/// <summary>
/// Rotary frequencies of Llama 3.1 and later. With wavelength λ in positions and context length L, a frequency is kept where
/// λ &lt; L / HighFrequencyFactor, divided by Factor where λ &gt; L / LowFrequencyFactor, and blended linearly in L / λ between.
/// </summary>
public sealed record RopeScaling
{
    [JsonPropertyName("rope_type")] public string Type => "llama3";
    [JsonPropertyName("factor")] public required double Factor { get; init; }
    [JsonPropertyName("low_freq_factor")] public required double LowFrequencyFactor { get; init; }

    /// <summary>Above <see cref="LowFrequencyFactor"/>.</summary>
    [JsonPropertyName("high_freq_factor")] public required double HighFrequencyFactor { get; init; }

    /// <summary>L: the context length, in positions, that the unscaled frequencies were trained for.</summary>
    [JsonPropertyName("original_max_position_embeddings")] public required int OriginalPositions { get; init; }

    /// <summary>The scaled frequency, in radians per position.</summary>
    public double Apply(double frequency)
    {
        var turns = OriginalPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return frequency * (kept + (1 - kept) / Factor);
    }
}

/// <summary>
/// The numbers of a decoder as <c>config.json</c> of a Hugging Face folder gives them. What this product cannot compute exactly
/// (sliding windows, other RoPE scalings, other activations) is refused when it is read, never ignored.
/// </summary>
public sealed record ModelConfig
{
    [JsonIgnore] public ModelFamily Family { get; init; } = ModelFamily.Qwen2;

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

    /// <summary>Width of one head, even; HiddenSize / Heads unless set.</summary>
    [JsonPropertyName("head_dim")] public int HeadSize { get => field > 0 ? field : HiddenSize / Heads; init; }
    [JsonPropertyName("rms_norm_eps")] public double NormEpsilon { get; init; } = 1e-6;
    [JsonPropertyName("rope_theta")] public double RopeTheta { get; init; } = 10_000;

    /// <summary>The output projection is the embedding matrix.</summary>
    [JsonPropertyName("tie_word_embeddings")] public bool TiedEmbeddings { get; init; }

    /// <summary>Null: frequencies as RopeTheta gives them.</summary>
    [JsonPropertyName("rope_scaling"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public RopeScaling? RopeScaling { get; init; }

    /// <summary>Query, key and value projections add a bias.</summary>
    [JsonIgnore] public bool HasBias => Family == ModelFamily.Qwen2;

    /// <summary>Query and key heads are normalised before the rotation.</summary>
    [JsonIgnore] public bool NormalisesHeads => Family == ModelFamily.Qwen3;

    /// <summary>Width of all query heads side by side: what attention gives to its output projection.</summary>
    [JsonIgnore] public int AttentionWidth => Heads * HeadSize;

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
            var file = new FileInfo(path);
            return file.Length <= ModelConfigReader.LargestFile
                ? Parse(File.ReadAllText(path))
                : throw new InvalidDataException($"{file.Length} bytes are more than the {ModelConfigReader.LargestFile} allowed");
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
    public static ModelConfig Parse(string json) => ModelConfigReader.Parse(json);

    /// <summary>The text of a <c>config.json</c> that Hugging Face libraries load as well.</summary>
    /// <param name="endOfTurn">The token with which those libraries end a completion; null leaves it open.</param>
    /// <param name="type">What most weights are stored as.</param>
    public string ToJson(int? endOfTurn = null, TorchSharp.torch.ScalarType type = TorchSharp.torch.ScalarType.Float32)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("architectures");
            writer.WriteStringValue(Family + "ForCausalLM");
            writer.WriteEndArray();
            writer.WriteString("model_type", ModelConfigReader.TypeOf(Family));
            writer.WriteString("hidden_act", "silu");
            writer.WriteString("torch_dtype", type.ToString().ToLowerInvariant());
            if (endOfTurn is { } token)
                writer.WriteNumber("eos_token_id", token);
            if (Family != ModelFamily.Llama)
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
        long queryWidth = AttentionWidth, keyValueWidth = (long)KeyValueHeads * HeadSize;
        yield return ("model.embed_tokens.weight", [VocabularySize, HiddenSize]);
        for (var layer = 0; layer < Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            yield return (prefix + "input_layernorm.weight", [HiddenSize]);
            foreach (var (name, width) in new[] { ("q", queryWidth), ("k", keyValueWidth), ("v", keyValueWidth) })
            {
                yield return ($"{prefix}self_attn.{name}_proj.weight", [width, HiddenSize]);
                if (HasBias)
                    yield return ($"{prefix}self_attn.{name}_proj.bias", [width]);
            }

            if (NormalisesHeads)
            {
                yield return (prefix + "self_attn.q_norm.weight", [HeadSize]);
                yield return (prefix + "self_attn.k_norm.weight", [HeadSize]);
            }

            yield return (prefix + "self_attn.o_proj.weight", [HiddenSize, queryWidth]);
            yield return (prefix + "post_attention_layernorm.weight", [HiddenSize]);
            yield return (prefix + "mlp.gate_proj.weight", [IntermediateSize, HiddenSize]);
            yield return (prefix + "mlp.up_proj.weight", [IntermediateSize, HiddenSize]);
            yield return (prefix + "mlp.down_proj.weight", [HiddenSize, IntermediateSize]);
        }

        yield return ("model.norm.weight", [HiddenSize]);
        if (!TiedEmbeddings)
            yield return ("lm_head.weight", [VocabularySize, HiddenSize]);
    }
}
