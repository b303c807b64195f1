using ToolR0.Policies.Model;

namespace ToolR0.Policies.Tests;

public sealed class ModelConfigTests
{
    /// <summary>The config.json of Qwen2.5-1.5B-Instruct.</summary>
    private const string Qwen = """
        {"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
        "hidden_act":"silu","hidden_size":1536,
        "initializer_range":0.02,"intermediate_size":8960,"max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2",
        "num_attention_heads":12,"num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
        "tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"use_sliding_window":false,"vocab_size":151936}
        """;

    /// <summary>The config.json of Qwen3-0.6B.</summary>
    private const string Qwen3 = """
        {"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,
        "eos_token_id":151645,"head_dim":128,
        "hidden_act":"silu","hidden_size":1024,"initializer_range":0.02,"intermediate_size":3072,
        "max_position_embeddings":40960,"max_window_layers":28,
        "model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,
        "rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"use_sliding_window":false,
        "vocab_size":151936}
        """;

    /// <summary>The config.json of Llama-3.2-1B-Instruct.</summary>
    private const string Llama = """
        {"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,
        "eos_token_id":[128001,128008,128009],
        "head_dim":64,"hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,"intermediate_size":8192,"max_position_embeddings":131072,
        "mlp_bias":false,"model_type":"llama","num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"pretraining_tp":1,
        "rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,
        "rope_type":"llama3"},"rope_theta":500000.0,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":128256}
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
    public void The_published_config_of_a_qwen_3_is_read()
    {
        var config = ModelConfig.Parse(Qwen3);
        (config.Family, config.HiddenSize, config.Heads, config.HeadSize, config.AttentionWidth).ShouldBe((ModelFamily.Qwen3, 1024, 16, 128, 2048));
        (config.HasBias, config.NormalisesHeads, config.RopeTheta, config.RopeScaling).ShouldBe((false, true, 1e6, null));
        config.ParameterCount.ShouldBe(596_049_920);
    }

    [Fact]
    public void The_published_config_of_a_llama_3_is_read()
    {
        var config = ModelConfig.Parse(Llama);
        (config.Family, config.HeadSize, config.HasBias, config.NormalisesHeads, config.MaxPositions)
            .ShouldBe((ModelFamily.Llama, 64, false, false, 131_072));
        config.RopeScaling.ShouldBe(new RopeScaling { Factor = 32, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalPositions = 8192 });
        config.ParameterCount.ShouldBe(1_235_814_400);
    }

    [Fact]
    public void Rotary_settings_are_also_read_where_transformers_5_writes_them()
    {
        var moved = Llama.Replace("\"rope_theta\":500000.0,", "").Replace("\"rope_scaling\":{", "\"rope_parameters\":{\"rope_theta\":500000.0,");
        ModelConfig.Parse(moved).ShouldBe(ModelConfig.Parse(Llama));
    }

    [Theory]
    [InlineData(Qwen)]
    [InlineData(Qwen3)]
    [InlineData(Llama)]
    public void What_is_written_is_read_back(string published)
    {
        var config = ModelConfig.Parse(published);
        ModelConfig.Parse(config.ToJson()).ShouldBe(config);
    }

    [Theory]
    [InlineData("\"hidden_act\":\"silu\"", "\"hidden_act\":\"gelu\"", "hidden_act = \"gelu\"")]
    [InlineData("\"model_type\":\"qwen2\"", "\"model_type\":\"mistral\"", "model_type = \"mistral\"")]
    [InlineData("\"model_type\":\"qwen2\"", "\"model_type\":\"llama\"", "architectures = [\"Qwen2ForCausalLM\"]")]
    [InlineData("Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "architectures = [\"Qwen2ForSequenceClassification\"]")]
    [InlineData("\"use_cache\":true", "\"layer_types\":[\"full_attention\",\"sliding_attention\"]", "layer_types = [")]
    [InlineData("\"use_cache\":true", "\"mlp_bias\":true", "mlp_bias = true")]
    [InlineData("\"use_cache\":true", "\"partial_rotary_factor\":0.5", "partial_rotary_factor = 0.5")]
    [InlineData("\"use_cache\":true", "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}", "low_freq_factor is missing")]
    [InlineData("\"use_cache\":true", "\"rope_parameters\":7", "rope_parameters = 7")]
    [InlineData("\"use_sliding_window\":false", "\"use_sliding_window\":true", "use_sliding_window = true")]
    [InlineData("\"use_cache\":true", "\"rope_scaling\":{\"type\":\"yarn\"}", "rope_scaling = {\"type\":\"yarn\"}")]
    [InlineData("\"use_cache\":true", "\"head_dim\":65", "head_dim = 65")]
    [InlineData("\"use_cache\":true", "\"head_dim\":1000000000", "head_dim = 1000000000")]
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
    [InlineData(Qwen3, "\"attention_bias\":false", "\"attention_bias\":true", "attention_bias = true")]
    [InlineData(Llama, "\"attention_bias\":false", "\"attention_bias\":true", "attention_bias = true")]
    [InlineData(Llama, "\"rope_type\":\"llama3\"", "\"rope_type\":\"dynamic\"", "only rope_type default and llama3")]
    [InlineData(Llama, "\"factor\":32.0", "\"factor\":\"32\"", "rope_scaling.factor = \"32\"")]
    [InlineData(Llama, "\"high_freq_factor\":4.0", "\"high_freq_factor\":0.5", "high_freq_factor must be above low_freq_factor")]
    public void What_a_family_does_not_have_is_refused(string published, string from, string to, string message) =>
        Should.Throw<InvalidDataException>(() => ModelConfig.Parse(published.Replace(from, to))).Message.ShouldContain(message);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{\"model_type\":\"\\ud800\"}")]
    public void Text_that_is_not_an_object_is_refused(string text) => Should.Throw<InvalidDataException>(() => ModelConfig.Parse(text));
}
