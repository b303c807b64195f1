using ToolR0.Policies.Model;

namespace ToolR0.Policies.Benchmarks;

/// <summary>Published model shapes by name, so that speed can be measured without downloading weights.</summary>
public static class ModelShapes
{
    private static readonly Dictionary<string, string> Json = new(StringComparer.Ordinal)
    {
        ["bench-small"] = Qwen2(32_000, 512, 1408, 12, 8, 2, 4096, "1e4"),
        ["qwen2.5-0.5b"] = Qwen2(151_936, 896, 4864, 24, 14, 2, 32_768, "1e6"),
        ["qwen2.5-1.5b"] = Qwen2(151_936, 1536, 8960, 28, 12, 2, 32_768, "1e6"),
        ["qwen2.5-3b"] = Qwen2(151_936, 2048, 11_008, 36, 16, 2, 32_768, "1e6"),
        ["qwen3-0.6b"] = Qwen3(1024, 3072, 28, 16, 8),
        ["qwen3-1.7b"] = Qwen3(2048, 6144, 28, 16, 8),
        ["qwen3-4b"] = Qwen3(2560, 9728, 36, 32, 8),
        ["llama-3.2-1b"] = Llama3(2048, 8192, 16, 32, 8),
        ["llama-3.2-3b"] = Llama3(3072, 8192, 28, 24, 8),
    };

    public static IReadOnlyList<string> Names { get; } = [.. Json.Keys];

    /// <summary>The shape of a name (any letter case), null if there is none.</summary>
    public static ModelConfig? Find(string name) => Json.TryGetValue(name.ToLowerInvariant(), out var json) ? ModelConfig.Parse(json) : null;

    private static string Qwen2(int vocabulary, int hidden, int inner, int layers, int heads, int keyValueHeads, int positions, string theta) =>
        $$"""
        {"model_type": "qwen2", "vocab_size": {{vocabulary}}, "hidden_size": {{hidden}}, "intermediate_size": {{inner}},
         "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keyValueHeads}},
         "max_position_embeddings": {{positions}}, "rope_theta": {{theta}}, "rms_norm_eps": 1e-6, "tie_word_embeddings": true}
        """;

    private static string Qwen3(int hidden, int inner, int layers, int heads, int keyValueHeads) =>
        $$"""
        {"model_type": "qwen3", "vocab_size": 151936, "hidden_size": {{hidden}}, "intermediate_size": {{inner}}, "head_dim": 128,
         "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keyValueHeads}},
         "max_position_embeddings": 40960, "rope_theta": 1e6, "rms_norm_eps": 1e-6, "tie_word_embeddings": true}
        """;

    private static string Llama3(int hidden, int inner, int layers, int heads, int keyValueHeads) =>
        $$"""
        {"model_type": "llama", "vocab_size": 128256, "hidden_size": {{hidden}}, "intermediate_size": {{inner}},
         "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keyValueHeads}},
         "max_position_embeddings": 131072, "rope_theta": 500000, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
         "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
         "original_max_position_embeddings": 8192} }
        """;
}
