using ToolR0.Contracts.Options;
using ToolR0.Policies.Sampling;

namespace ToolR0.Policies.Tests;

public sealed class LiveSamplerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_comes_at_any_time_with_any_options_gets_what_the_sampler_gives()
    {
        // A tame model: rounding, which the rest of the batch may change, must not be amplified to another token.
        using var tiny = new TinyPolicy(scale: 2);
        using var live = new LiveSampler(tiny.Policy, places: 5);
        var asked = Enumerable.Range(0, 24).Select(i => new LiveRequest(
            tiny.Tokens(3 + (i * 5 % 17), i), 100 + i,
            new SamplingOptions { Temperature = (i % 3) * 0.6, TopP = i % 2 == 0 ? 1 : 0.9, MaxNewTokens = 5 + (i * 7 % 40) }, [])).ToList();
        var answers = await Task.WhenAll(asked.Select(async (request, i) =>
        {
            await Task.Delay(i * 2, Cancellation);
            var tokens = new List<int>();
            var answer = await live.SampleAsync(request, tokens.Add, Cancellation);
            tokens.ShouldBe(answer.Tokens);
            return answer;
        }));
        foreach (var (request, answer) in asked.Zip(answers))
        {
            var expected = tiny.Sample([new SampleRequest(request.Prompt, [request.Seed])], request.Options)[0][0];
            answer.Tokens.ShouldBe(expected.Tokens);
            (answer.Text, answer.Finish, answer.Seed).ShouldBe((expected.Text, expected.Finish, expected.Seed));
        }

        live.Live.ShouldBe(0);
    }

    [Fact]
    public async Task One_that_is_given_up_makes_room()
    {
        using var tiny = new TinyPolicy(scale: 2);
        using var live = new LiveSampler(tiny.Policy, places: 1);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var begun = new TaskCompletionSource();
        var first = live.SampleAsync(
            new LiveRequest(tiny.Tokens(4, 1), 1, new SamplingOptions { MaxNewTokens = 1_000_000 }, []),
            _ =>
            {
                begun.TrySetResult();
                gone.Cancel();
            },
            gone.Token);
        await begun.Task.WaitAsync(Cancellation);
        var second = await live.SampleAsync(new LiveRequest(tiny.Tokens(4, 2), 2, new SamplingOptions { MaxNewTokens = 3 }, []), null, Cancellation);
        second.Tokens.Length.ShouldBeGreaterThan(0);
        await Should.ThrowAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task Disposing_gives_up_what_is_under_way_and_what_comes()
    {
        using var tiny = new TinyPolicy(scale: 2);
        var live = new LiveSampler(tiny.Policy, places: 2);
        var request = new LiveRequest(tiny.Tokens(4, 1), 1, new SamplingOptions { MaxNewTokens = 400 }, []);
        var all = Enumerable.Range(0, 6).Select(_ => live.SampleAsync(request, _ => Thread.Sleep(1))).ToList();
        live.Dispose();
        foreach (var one in all)
            await Should.ThrowAsync<OperationCanceledException>(() => one);
        await Should.ThrowAsync<OperationCanceledException>(() => live.SampleAsync(request));
    }

    [Fact]
    public void What_no_model_takes_is_refused_at_once()
    {
        using var tiny = new TinyPolicy(scale: 2);
        using var live = new LiveSampler(tiny.Policy, places: 1);
        Should.Throw<ArgumentException>(() => { _ = live.SampleAsync(new LiveRequest([], 1, new SamplingOptions(), [])); });
        Should.Throw<ArgumentException>(() => { _ = live.SampleAsync(new LiveRequest([1], 1, new SamplingOptions { TopP = 0 }, [])); });
    }
}
