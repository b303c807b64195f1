namespace ToolR0.Policies.Tests;

public sealed class ModelConfigTests
{
    /// <summary>The config.json of Qwen2.5-1.5B-Instruct.</summary>
    private const string Qwen = """
        {"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu","hidden_size":1536,
        "initializer_range":0.02,"intermediate_size":8960,"max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2",
        "num_attention_heads":12,"num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
        "tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"use_sliding_window":false,"vocab_size":151936}
        """;

    [Fact]
    public void The_published_config_is_read()
    {
        var config = ModelConfig.Parse(Qwen);
        (config.HiddenSize, config.Layers, config.Heads, config.KeyValueHeads, config.HeadSize).ShouldBe((1536, 28, 12, 2, 128));
        (config.RopeTheta, config.NormEpsilon, config.TiedEmbeddings, config.MaxPositions).ShouldBe((1e6, 1e-6, true, 32768));
        config.ParameterCount.ShouldBe(1_543_714_304);
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var config = ModelConfig.Parse(Qwen);
        ModelConfig.Parse(config.ToJson()).ShouldBe(config);
    }

    [Theory]
    [InlineData("\"hidden_act\":\"silu\"", "\"hidden_act\":\"gelu\"", "hidden_act = \"gelu\"")]
    [InlineData("\"model_type\":\"qwen2\"", "\"model_type\":\"llama\"", "model_type = \"llama\"")]
    [InlineData("\"use_sliding_window\":false", "\"use_sliding_window\":true", "use_sliding_window = true")]
    [InlineData("\"use_cache\":true", "\"rope_scaling\":{\"type\":\"yarn\"}", "rope_scaling = {\"type\":\"yarn\"}")]
    [InlineData("\"use_cache\":true", "\"head_dim\":64", "head_dim = 64")]
    [InlineData("\"use_cache\":true", "\"quantization_config\":{}", "quantization_config = {}")]
    [InlineData("\"vocab_size\":151936", "\"vocab_size\":-1", "vocab_size = -1")]
    [InlineData("\"vocab_size\":151936", "\"vocab_size\":1.5", "vocab_size = 1.5")]
    [InlineData("\"hidden_size\":1536", "\"hidden_size\":1535", "num_attention_heads = 12: does not divide hidden_size 1535")]
    [InlineData("\"num_key_value_heads\":2", "\"num_key_value_heads\":5", "num_key_value_heads = 5: does not divide")]
    [InlineData("\"num_hidden_layers\":28,", "", "num_hidden_layers is missing")]
    [InlineData("\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":\"small\"", "rms_norm_eps = \"small\"")]
    [InlineData("\"tie_word_embeddings\":true", "\"tie_word_embeddings\":1", "tie_word_embeddings = 1")]
    public void What_is_not_supported_is_refused_with_key_and_value(string from, string to, string message) =>
        Should.Throw<InvalidDataException>(() => ModelConfig.Parse(Qwen.Replace(from, to))).Message.ShouldContain(message);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{\"model_type\":\"\\ud800\"}")]
    public void Text_that_is_not_an_object_is_refused(string text) => Should.Throw<InvalidDataException>(() => ModelConfig.Parse(text));
}
