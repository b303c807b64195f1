using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;

namespace ToolR0.Policies.Tests;

public sealed class SamplerTests
{
    [Theory]
    [InlineData(1.0, 1.0, ModelFamily.Qwen2)]
    [InlineData(0.7, 1.0, ModelFamily.Qwen2)]
    [InlineData(1.3, 0.8, ModelFamily.Qwen2)]
    [InlineData(1.0, 1.0, ModelFamily.Qwen3)]
    [InlineData(1.0, 1.0, ModelFamily.Llama)]
    public void Log_probabilities_are_those_of_a_full_forward(double temperature, double topP, ModelFamily family)
    {
        using var tiny = new TinyPolicy(scale: 5, family: family);
        var requests = Requests(tiny);
        var options = new SamplingOptions { Temperature = temperature, TopP = topP, MaxNewTokens = 70 };
        var sampled = tiny.Sample(requests, options);
        for (var g = 0; g < requests.Length; g++)
        {
            sampled[g].Count.ShouldBe(requests[g].Seeds.Length);
            for (var s = 0; s < sampled[g].Count; s++)
            {
                var row = sampled[g][s];
                row.Seed.ShouldBe(requests[g].Seeds[s]);
                row.Tokens.Length.ShouldBeGreaterThan(0);
                var expected = tiny.FullForward(requests[g].PromptTokens, row.Tokens, temperature);
                for (var t = 0; t < expected.Length; t++)
                    row.LogProbs[t].ShouldBe(expected[t], 2e-4f, $"request {g}, sample {s}, token {t}");
            }
        }
    }

    [Fact]
    public void The_tokens_are_the_inverse_of_the_cumulative_distribution_at_the_seeds_uniforms()
    {
        using var tiny = new TinyPolicy(scale: 6);
        var prompt = tiny.Tokens(9, 4);
        var row = tiny.Sample([new SampleRequest(prompt, [77])], new SamplingOptions { Temperature = 0.9, MaxNewTokens = 20 })[0][0];
        using var noGrad = TorchSharp.torch.no_grad();
        for (var t = 0; t < row.Tokens.Length; t++)
        {
            using var logits = tiny.Policy.Model.Logits([[.. prompt, .. row.Tokens[..t]]]);
            var weights = logits.data<float>().ToArray()[^tiny.Config.VocabularySize..].Select(v => Math.Exp(v / 0.9)).ToArray();
            var target = Randomness.Uniform(77, t) * weights.Sum();
            var (token, mass) = (0, weights[0]);
            while (mass <= target)
                mass += weights[++token];
            row.Tokens[t].ShouldBe(token);
        }
    }

    [Fact]
    public void A_seed_gives_the_same_tokens_whatever_else_is_in_the_batch()
    {
        // A tame model: rounding, which the rest of the batch may change, must not be amplified to another token.
        using var tiny = new TinyPolicy(scale: 2);
        var requests = Requests(tiny);
        var options = new SamplingOptions { MaxNewTokens = 60 };
        var together = tiny.Sample(requests, options);
        for (var g = 0; g < requests.Length; g++)
        {
            for (var s = 0; s < requests[g].Seeds.Length; s++)
            {
                var alone = tiny.Sample([requests[g] with { Seeds = [requests[g].Seeds[s]] }], options)[0][0];
                together[g][s].Tokens.ShouldBe(alone.Tokens);
                together[g][s].Finish.ShouldBe(alone.Finish);
            }
        }
    }

    [Fact]
    public void The_same_call_gives_the_same_bits_on_several_threads_at_once()
    {
        using var tiny = new TinyPolicy(scale: 6);
        var options = new SamplingOptions { MaxNewTokens = 40 };
        var digests = new string[6];
        Parallel.For(0, digests.Length, i =>
        {
            var sampled = tiny.Sample(Requests(tiny), options);
            digests[i] = string.Concat(sampled.Select(g => Digests.OfGroup([], g)));
        });
        digests.Distinct().Count().ShouldBe(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Prompts_that_must_wait_for_a_place_give_the_same_completions(int stride)
    {
        using var tiny = new TinyPolicy(scale: 2);
        SampleRequest[] requests = [.. Requests(tiny), .. Requests(tiny).Select(r => r with { Seeds = [.. r.Seeds.Select(s => s + 50)] }).Reverse()];
        var options = new SamplingOptions { MaxNewTokens = 90 };
        var together = tiny.Sample(requests, options);
        // Two layers of two heads of 8, keys and values: 256 bytes a column; 31 columns of prompt and 6 times 90: two places, then three.
        foreach (var places in new[] { 2, 3 })
        {
            var (first, second) = (Limited(), Limited());
            first.Select(g => g.Select(r => r.Tokens)).ShouldBe(together.Select(g => g.Select(r => r.Tokens)));
            first.Select(g => Digests.OfGroup([], g)).ShouldBe(second.Select(g => Digests.OfGroup([], g)));

            IReadOnlyList<IReadOnlyList<Trajectory>> Limited() => Sampler.Sample(
                tiny.Policy, requests, options, [], TestContext.Current.CancellationToken, null, places * 256 * (31 + 6 * 90), stride);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(8, 3)]
    public void Log_probabilities_of_prompts_that_joined_later_are_those_of_a_full_forward(int stride, int places)
    {
        using var tiny = new TinyPolicy(scale: 5);
        var requests = Enumerable.Range(0, 9)
            .Select(i => new SampleRequest(tiny.Tokens(1 + i * 5 % 17, i), [.. Enumerable.Range(0, 1 + i % 3).Select(s => 10L * i + s)])).ToArray();
        var sampled = Sampler.Sample(
            tiny.Policy, requests, new SamplingOptions { MaxNewTokens = 50 }, ["e"], TestContext.Current.CancellationToken, null,
                places * 256 * (16 + 3 * 50), stride);
        for (var g = 0; g < requests.Length; g++)
        {
            foreach (var row in sampled[g])
            {
                row.Finish.ShouldNotBe(FinishReason.Void);
                var expected = tiny.FullForward(requests[g].PromptTokens, row.Tokens, 1);
                for (var t = 0; t < expected.Length; t++)
                    row.LogProbs[t].ShouldBe(expected[t], 2e-4f, $"request {g}, seed {row.Seed}, token {t}");
            }
        }
    }

    [Fact]
    public void A_policy_in_bf16_samples_by_nearly_the_same_distribution()
    {
        using var tiny = new TinyPolicy(scale: 3);
        using var narrow = Policy.Load(tiny.Folder, TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.BFloat16);
        narrow.Model.Type.ShouldBe(TorchSharp.torch.ScalarType.BFloat16);
        var requests = Requests(tiny);
        var sampled = Sampler.Sample(narrow, requests, new SamplingOptions { MaxNewTokens = 40 }, [], TestContext.Current.CancellationToken);
        var differences = new List<double>();
        for (var g = 0; g < requests.Length; g++)
        {
            foreach (var row in sampled[g])
                differences.AddRange(tiny.FullForward(requests[g].PromptTokens, row.Tokens, 1).Zip(row.LogProbs, (a, b) => Math.Abs((double)a - b)));
        }

        differences.Average().ShouldBeInRange(1e-6, 0.05, "bf16 differs, and not by much");
        differences.Max().ShouldBeLessThan(0.5);
    }

    [Theory]
    [InlineData(TorchSharp.torch.ScalarType.Float32)]
    [InlineData(TorchSharp.torch.ScalarType.BFloat16)]
    public void A_large_vocabulary_is_searched_by_blocks_for_the_same_tokens(TorchSharp.torch.ScalarType type)
    {
        const int Vocabulary = 128 * 40;
        using var noGrad = TorchSharp.torch.no_grad();
        using var scope = TorchSharp.torch.NewDisposeScope();
        var values = Enumerable.Range(0, 6 * Vocabulary).Select(i => (float)(8 * Randomness.Uniform(3, i))).ToArray();
        // A row whose mass is all in one token, the last one, and one with a block of no mass at all.
        Array.Fill(values, -200f, 0, Vocabulary - 1);
        Array.Fill(values, float.NegativeInfinity, Vocabulary, 256);
        var logits = TorchSharp.torch.tensor(values, [6, Vocabulary]).to(type);
        values = logits.to(TorchSharp.torch.ScalarType.Float32).data<float>().ToArray();
        double[] uniforms = [0.5, 0, 0.999999, 0.25, 0.5, 0.75];
        var chooser = new TokenChooser(new SamplingOptions(), TorchSharp.torch.CPU);
        var (tokens, logProbs) = chooser.Choose(logits, TorchSharp.torch.tensor(uniforms, [6, 1]));
        for (var row = 0; row < 6; row++)
        {
            var mass = values.AsSpan(row * Vocabulary, Vocabulary).ToArray().Select(v => Math.Exp(v)).ToArray();
            var (target, sum, expected) = (uniforms[row] * mass.Sum(), 0.0, 0);
            while ((sum += mass[expected]) <= target)
                expected++;
            tokens.data<long>()[row].ShouldBe(expected);
            logProbs.data<float>()[row].ShouldBe((float)Math.Log(mass[expected] / mass.Sum()), 1e-5f);
        }
    }

    [Fact]
    public void Temperature_0_takes_the_most_likely_token()
    {
        using var tiny = new TinyPolicy(scale: 6);
        var prompt = tiny.Tokens(7, 3);
        var row = tiny.Sample([new SampleRequest(prompt, [1])], new SamplingOptions { Temperature = 0, MaxNewTokens = 16 })[0][0];
        using var noGrad = TorchSharp.torch.no_grad();
        for (var t = 0; t < row.Tokens.Length; t++)
        {
            using var logits = tiny.Policy.Model.Logits([[.. prompt, .. row.Tokens[..t]]]);
            var last = logits.data<float>().ToArray()[^tiny.Config.VocabularySize..];
            row.Tokens[t].ShouldBe(Array.IndexOf(last, last.Max()));
        }

        var expected = tiny.FullForward(prompt, row.Tokens, 1);
        for (var t = 0; t < expected.Length; t++)
            row.LogProbs[t].ShouldBe(expected[t], 2e-4f);
    }

    [Fact]
    public void A_small_top_p_is_greedy()
    {
        using var tiny = new TinyPolicy(scale: 6);
        var request = new SampleRequest(tiny.Tokens(7, 3), [1, 2, 3]);
        var greedy = tiny.Sample([request], new SamplingOptions { Temperature = 0, MaxNewTokens = 12 })[0];
        var nucleus = tiny.Sample([request], new SamplingOptions { Temperature = 1, TopP = 1e-6, MaxNewTokens = 12 })[0];
        nucleus.Select(r => r.Tokens).ShouldBe(greedy.Select(r => r.Tokens));
    }

    [Fact]
    public void Top_p_keeps_the_smallest_set_of_tokens_that_reaches_it()
    {
        using var tiny = new TinyPolicy(scale: 6);
        var prompt = tiny.Tokens(5, 8);
        var seeds = Enumerable.Range(0, 400).Select(i => (long)i).ToArray();
        var rows = tiny.Sample([new SampleRequest(prompt, seeds)], new SamplingOptions { TopP = 0.6, MaxNewTokens = 1 })[0];
        using var noGrad = TorchSharp.torch.no_grad();
        using var logits = tiny.Policy.Model.Logits([prompt]);
        var last = logits.data<float>().ToArray()[^tiny.Config.VocabularySize..].Select(v => Math.Exp(v)).ToArray();
        var ranked = last.Select((w, i) => (Share: w / last.Sum(), Token: i)).OrderByDescending(x => x.Share).ToArray();
        var (kept, mass) = (new HashSet<int>(), 0.0);
        foreach (var (share, token) in ranked)
        {
            if (mass >= 0.6)
                break;
            kept.Add(token);
            mass += share;
        }

        rows.ShouldAllBe(r => kept.Contains(r.Tokens[0]));
        var most = rows.Count(r => r.Tokens[0] == ranked[0].Token) / 400.0;
        most.ShouldBe(ranked[0].Share / mass, 0.08);
    }

    [Fact]
    public void A_stop_string_ends_a_completion_and_stays_in_its_text()
    {
        using var tiny = new TinyPolicy(scale: 2);
        var request = new SampleRequest(tiny.Tokens(6, 2), [.. Enumerable.Range(0, 24).Select(i => (long)i)]);
        var free = tiny.Sample([request], new SamplingOptions { MaxNewTokens = 80 })[0];
        var stopped = tiny.Sample([request], new SamplingOptions { MaxNewTokens = 80 }, "<answer>", "e")[0];
        for (var s = 0; s < free.Count; s++)
        {
            var text = stopped[s].Text;
            var at = new[] { text.IndexOf("<answer>", StringComparison.Ordinal), text.IndexOf('e') }.Where(i => i >= 0).DefaultIfEmpty(-1).Min();
            if (at < 0)
            {
                stopped[s].Tokens.ShouldBe(free[s].Tokens);
                continue;
            }

            stopped[s].Finish.ShouldBe(FinishReason.Stop);
            stopped[s].Tokens.ShouldBe(free[s].Tokens[..stopped[s].Tokens.Length]);
            var before = tiny.Policy.Tokenizer.Decode(stopped[s].Tokens.AsSpan(0, stopped[s].Tokens.Length - 1));
            before.Contains('e').ShouldBeFalse();
            before.Contains("<answer>").ShouldBeFalse();
        }

        stopped.Count(r => r.Text.Contains("<answer>")).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void The_end_of_turn_token_is_kept_and_not_in_the_text()
    {
        using var tiny = new TinyPolicy(scale: 1);
        var request = new SampleRequest(tiny.Tokens(6, 2), [.. Enumerable.Range(0, 40).Select(i => (long)i)]);
        var rows = tiny.Sample([request], new SamplingOptions { MaxNewTokens = 200 })[0];
        var ended = rows.Where(r => r.Finish == FinishReason.Stop).ToArray();
        ended.Length.ShouldBeGreaterThan(0);
        foreach (var row in ended)
        {
            tiny.Policy.Tokenizer.StopTokens.ShouldContain(row.Tokens[^1]);
            row.Text.ShouldBe(tiny.Policy.Tokenizer.Decode(row.Tokens.AsSpan(0, row.Tokens.Length - 1)));
        }

        rows.Where(r => r.Finish == FinishReason.Length).ShouldAllBe(r => r.Tokens.Length == 200);
    }

    [Fact]
    public void Prompt_and_completion_never_exceed_the_models_positions()
    {
        using var tiny = new TinyPolicy(scale: 6, maxPositions: 32);
        var requests = new[] { new SampleRequest(tiny.Tokens(30, 2), [1]), new SampleRequest(tiny.Tokens(12, 2), [1]) };
        var rows = tiny.Sample(requests, new SamplingOptions { MaxNewTokens = 500 });
        rows[0][0].Tokens.Length.ShouldBeLessThanOrEqualTo(2);
        rows[1][0].Tokens.Length.ShouldBeLessThanOrEqualTo(20);
    }

    [Fact]
    public void What_cannot_be_sampled_is_refused_by_name()
    {
        using var tiny = new TinyPolicy(maxPositions: 32);
        Refusal([new SampleRequest([], [1])], new()).ShouldContain("prompt 0 has 0 tokens");
        Refusal([new SampleRequest(tiny.Tokens(32, 1), [1])], new()).ShouldContain("prompt 0 has 32 tokens");
        Refusal([new SampleRequest([99999], [1])], new()).ShouldContain("token 99999");
        Refusal([], new SamplingOptions { Temperature = -1 }).ShouldContain("Temperature = -1");
        Refusal([], new SamplingOptions { TopP = 0 }).ShouldContain("TopP = 0");
        Refusal([], new SamplingOptions { MaxNewTokens = 0 }).ShouldContain("MaxNewTokens = 0");

        string Refusal(SampleRequest[] requests, SamplingOptions options) =>
            Should.Throw<ArgumentException>(() => tiny.Sample(requests, options)).Message;
    }

    [Fact]
    public void A_policy_without_finite_logits_gives_void_completions()
    {
        using var tiny = new TinyPolicy();
        tiny.Policy.Model.Parameters["model.norm.weight"].fill_(float.NaN);
        var row = tiny.Sample([new SampleRequest([1, 2], [5])], new SamplingOptions { MaxNewTokens = 4 })[0][0];
        row.Finish.ShouldBe(FinishReason.Void);
        row.VoidCause.ShouldNotBeNull().ShouldContain("not finite");
        row.Tokens.ShouldBeEmpty();
    }

    [Fact]
    public void A_cancelled_call_stops()
    {
        using var tiny = new TinyPolicy();
        using var source = new CancellationTokenSource();
        source.Cancel();
        Should.Throw<OperationCanceledException>(() => Sampler.Sample(tiny.Policy, [new SampleRequest([1], [1])], new(), [], source.Token));
    }

    [Fact]
    public void No_requests_or_no_seeds_give_nothing()
    {
        using var tiny = new TinyPolicy();
        tiny.Sample([], new()).ShouldBeEmpty();
        tiny.Sample([new SampleRequest([1], [])], new()).ShouldHaveSingleItem().ShouldBeEmpty();
    }

    /// <summary>Prompts of different lengths and groups of different sizes.</summary>
    private static SampleRequest[] Requests(TinyPolicy tiny) =>
    [
        new(tiny.Tokens(12, 1), [1, 2, 3, 4]),
        new(tiny.Tokens(1, 2), [5]),
        new(tiny.Tokens(31, 3), [6, 7, 8, 9, 10, 11]),
        new(tiny.Tokens(5, 4), [12, 13]),
    ];
}
