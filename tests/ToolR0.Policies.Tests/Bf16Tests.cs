using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>What GPUs compute in, on the CPU.</summary>
public sealed class Bf16Tests
{
    /// <summary>Prompts that join later, groups of different sizes, and columns enough to be seen in several tiles.</summary>
    [Theory]
    [InlineData(ModelFamily.Qwen2, 6, 1)]
    [InlineData(ModelFamily.Qwen2, 1, 8)]
    [InlineData(ModelFamily.Qwen3, 6, 8)]
    [InlineData(ModelFamily.Llama, 6, 8)]
    public void Decoding_is_as_near_to_fp32_as_a_full_forward_in_bf16_is(ModelFamily family, int width, int stride)
    {
        using var tiny = new TinyPolicy(scale: 4, family: family);
        using var narrow = Narrow(tiny);
        var requests = Enumerable.Range(0, 5)
            .Select(i => new SampleRequest(tiny.Tokens(3 + 17 * i, i), [.. Enumerable.Range(0, Math.Max(1, width - i % 3)).Select(s => 10L * i + s)]))
                .ToArray();
        var column = 2L * tiny.Config.Layers * tiny.Config.KeyValueHeads * tiny.Config.HeadSize * 2;
        var sampled = Sampler.Sample(
            narrow, requests, new SamplingOptions { MaxNewTokens = 60 }, [], TestContext.Current.CancellationToken, null,
                3 * column * (71 + width * 60), stride);

        var (decoded, full) = (new List<double>(), new List<double>());
        for (var g = 0; g < requests.Length; g++)
        {
            foreach (var row in sampled[g])
            {
                var exact = tiny.FullForward(requests[g].PromptTokens, row.Tokens, 1);
                decoded.AddRange(exact.Zip(row.LogProbs, (a, b) => Math.Abs((double)a - b)));
                full.AddRange(exact.Zip(LogProbs(narrow, requests[g].PromptTokens, row.Tokens), (a, b) => Math.Abs((double)a - b)));
            }
        }

        full.Average().ShouldBeInRange(1e-5, 0.05, "bf16 differs, and not by much");
        decoded.Average().ShouldBeLessThan(1.2 * full.Average());
        decoded.Max().ShouldBeLessThan(2 * full.Max());
    }

    [Theory]
    [InlineData(ModelFamily.Qwen2)]
    [InlineData(ModelFamily.Qwen3)]
    [InlineData(ModelFamily.Llama)]
    public void A_steps_gradient_is_nearly_that_of_fp32(ModelFamily family)
    {
        using var tiny = new TinyPolicy(scale: 3, family: family);
        var prompt = tiny.Tokens(20, 5);
        var sampled = tiny.Sample([new SampleRequest(prompt, [1, 2, 3, 4])], new SamplingOptions { MaxNewTokens = 30 })[0];
        var group = new TrainingGroup(prompt, [.. sampled.Select((r, i) => new TrainingSample(r.Tokens, r.LogProbs, i - 1.5))]);
        using var exact = Gradient(ScalarType.Float32);
        using var narrow = Gradient(ScalarType.BFloat16);
        (narrow.sub(exact).norm().ToDouble() / exact.norm().ToDouble()).ShouldBeInRange(1e-5, 0.04);

        Tensor Gradient(ScalarType type)
        {
            using var trained = new ParameterVector(tiny.Config, tiny.Policy.Model.Parameters, type);
            var gradient = trained.Zero();
            new GrpoGradient(trained.Model, new GrpoObjective { Completions = 4 }, recompute: true).Add([group], trained.Split(gradient));
            return gradient;
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_policy_that_has_sampled_still_records_gradients(ScalarType type)
    {
        using var tiny = new TinyPolicy();
        using var policy = Policy.Load(tiny.Folder, CPU, type);
        Sampler.Sample(policy, [new SampleRequest([1, 2, 3], [1])], new SamplingOptions { MaxNewTokens = 4 }, [],
            TestContext.Current.CancellationToken);
        using var scope = NewDisposeScope();
        var weight = policy.Model.Parameters["model.layers.0.self_attn.q_proj.weight"].requires_grad_(true);
        var gradient = autograd.grad([policy.Model.Logits([[1, 2, 3]]).norm()], [weight])[0];
        gradient.to(ScalarType.Float32).norm().ToDouble().ShouldBeGreaterThan(0);
    }

    private static Policy Narrow(TinyPolicy tiny) => Policy.Load(tiny.Folder, CPU, ScalarType.BFloat16);

    private static float[] LogProbs(Policy policy, int[] prompt, int[] completion)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var logProbs = policy.Model.Logits([[.. prompt, .. completion]]).squeeze(0).log_softmax(-1, ScalarType.Float32);
        var ids = tensor(completion.Select(t => (long)t).ToArray()).unsqueeze(1);
        return logProbs.narrow(0, prompt.Length - 1, completion.Length).gather(1, ids).data<float>().ToArray();
    }
}
