using ToolR0.Policies.Model;

namespace ToolR0.Policies.Gguf;

/// <summary>
/// The numbers of a decoder as the metadata of a GGUF file give them. What would not be computed exactly is refused, as in a config.json.
/// </summary>
internal static class GgufShape
{
    /// <summary>The tensor of factors by which a model's rotary frequencies are divided.</summary>
    public const string RotaryFactors = "rope_freqs.weight";

    /// <param name="rotaryFactors">The values of <see cref="RotaryFactors"/>, null where there is no such tensor.</param>
    /// <exception cref="InvalidDataException">Missing, out of range or unsupported; the message names the key.</exception>
    public static ModelConfig Read(GgufHeader header, float[]? rotaryFactors)
    {
        var architecture = header.Text("general.architecture") ?? throw new InvalidDataException("general.architecture is missing");
        var families = Enum.GetValues<ModelFamily>();
        var known = Array.FindIndex(families, family => ModelConfigReader.TypeOf(family) == architecture);
        if (known < 0)
            throw header.Wrong("general.architecture", $"is not supported (only {string.Join(", ", families.Select(ModelConfigReader.TypeOf))})");
        string Key(string name) => $"{architecture}.{name}";
        if (header.Integer("split.count", 0, 1 << 16, 1) > 1)
            throw new InvalidDataException("it is one part of several: put them together with llama-gguf-split --merge");
        if (header.Integer(Key("expert_count"), 0, 1 << 16, 0) > 0)
            throw header.Wrong(Key("expert_count"), "a mixture of experts is not supported");
        if (header.Text(Key("rope.scaling.type")) is not (null or "none"))
            throw header.Wrong(Key("rope.scaling.type"), "is not supported (only none)");
        if (header.Has(Key("attention.sliding_window")) && header.Integer(Key("attention.sliding_window"), 0, int.MaxValue) > 0)
            throw header.Wrong(Key("attention.sliding_window"), "is not supported");

        var (hidden, heads) = (header.Integer(Key("embedding_length"), 2, 1 << 16), header.Integer(Key("attention.head_count"), 1, 1024));
        var headSize = header.Integer(Key("attention.key_length"), 2, 1 << 12, hidden % heads == 0 ? hidden / heads : null);
        Same(Key("attention.value_length"), "attention.key_length");
        Same(Key("rope.dimension_count"), "attention.key_length");
        var embedding = header.Tensors.TryGetValue("token_embd.weight", out var table) ? table
            : throw new InvalidDataException("tensor token_embd.weight is missing");
        var config = new ModelConfig
        {
            Family = families[known],
            VocabularySize = (int)embedding.Shape[0],
            HiddenSize = hidden,
            IntermediateSize = header.Integer(Key("feed_forward_length"), 1, 1 << 20),
            Layers = header.Integer(Key("block_count"), 1, 1024),
            Heads = heads,
            KeyValueHeads = header.Integer(Key("attention.head_count_kv"), 1, 1024, heads),
            HeadSize = headSize,
            MaxPositions = header.Integer(Key("context_length"), 1, 1 << 22),
            NormEpsilon = header.Number(Key("attention.layer_norm_rms_epsilon"), 0, 1),
            RopeTheta = header.Number(Key("rope.freq_base"), 1, 1e12, 10_000),
            TiedEmbeddings = !header.Tensors.ContainsKey("output.weight"),
        };
        config = config with { RopeScaling = rotaryFactors is null ? null : ScalingOf(rotaryFactors, config) };
        try
        {
            // The rules that hold for any config.json hold here too.
            return ModelConfig.Parse(config.ToJson()) == config ? config : throw new InvalidDataException("its shape does not survive a config.json");
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"the config.json that its metadata make: {e.Message}", e);
        }

        void Same(string key, string other)
        {
            if (header.Integer(key, 1, 1 << 16, headSize) != headSize)
                throw header.Wrong(key, $"differs from {other} {headSize}, which is not supported");
        }
    }

    /// <summary>
    /// llama.cpp writes Llama 3's scaled frequencies as factors and forgets what they were computed from. The published models have these constants:
    /// they are taken if they give the file's own factors.
    /// </summary>
    private static RopeScaling ScalingOf(float[] factors, ModelConfig config)
    {
        var half = config.HeadSize / 2;
        if (factors.Length != half)
            throw new InvalidDataException($"tensor {RotaryFactors} has {factors.Length} factors; half a head has {half}");
        var scaling = new RopeScaling
        {
            Factor = Math.Max(1e-6, factors.Max()),
            LowFrequencyFactor = 1,
            HighFrequencyFactor = 4,
            OriginalPositions = 8192
        };
        for (var i = 0; i < half; i++)
        {
            var frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadSize);
            if (!(Math.Abs((frequency / scaling.Apply(frequency)) - factors[i]) <= 1e-3 * factors[i]))
                throw new InvalidDataException($"tensor {RotaryFactors} holds other factors than Llama 3's scaling, which is not supported");
        }

        return scaling;
    }
}
