using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Model.Cpu;
using ToolR0.Policies.Sampling;

namespace ToolR0.Policies.Tests;

public sealed class Fp32LayersTests
{
    [Theory]
    [InlineData(ModelFamily.Qwen2, 8)]
    [InlineData(ModelFamily.Qwen2, 16)]
    [InlineData(ModelFamily.Qwen3, 40)]
    [InlineData(ModelFamily.Qwen3, 64)]
    [InlineData(ModelFamily.Llama, 32)]
    public void Log_probabilities_are_those_of_a_full_forward_however_the_batch_changes(ModelFamily family, int headSize)
    {
        using var tiny = new TinyPolicy(scale: 5, family: family, headSize: headSize);
        Fp32Layers.Fit(tiny.Policy.Model).ShouldBe(PackedMatrix.IsSupported);
        SampleRequest[] requests =
        [
            .. Enumerable.Range(0, 6)
            .Select(g => new SampleRequest(tiny.Tokens(3 + 7 * g, g), [.. Enumerable.Range(0, 1 + g % 4).Select(s => 100L * g + s)])),
        ];
        // Room for two or three prompts at a time: others join later, and columns move.
        var column = 2L * tiny.Config.Layers * tiny.Config.KeyValueHeads * headSize * sizeof(float);
        var sampled = Sampler.Sample(
            tiny.Policy, requests, new SamplingOptions { MaxNewTokens = 70 }, [], TestContext.Current.CancellationToken, cacheBytes: column * 1000);
        for (var g = 0; g < requests.Length; g++)
        {
            foreach (var row in sampled[g])
            {
                var expected = tiny.FullForward(requests[g].PromptTokens, row.Tokens, 1);
                for (var t = 0; t < expected.Length; t++)
                    row.LogProbs[t].ShouldBe(expected[t], 2e-4f, $"request {g}, token {t}");
            }
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    public void Sizes_that_are_no_whole_vectors_are_decoded_by_the_tensor_library(int headSize)
    {
        using var tiny = new TinyPolicy(headSize: headSize);
        Fp32Layers.Fit(tiny.Policy.Model).ShouldBe(PackedMatrix.IsSupported && headSize % 8 == 0);
    }
}
