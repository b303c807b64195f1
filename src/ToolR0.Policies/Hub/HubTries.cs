using Polly;
using Polly.Retry;
using ToolR0.Contracts;

namespace ToolR0.Policies.Hub;

/// <summary>
/// Tries again what a cut connection or a busy server stopped, after a wait that doubles or that the server names. Each byte that came makes the
/// count of failures begin anew, so that a large file over a poor line gets through.
/// </summary>
internal sealed class HubTries(HubName name, HubSettings settings, Action<string> note)
{
    private readonly Lock _lock = new();
    private int _failures;

    /// <summary>Something came: what failed before no longer counts.</summary>
    public void Progressed() => Volatile.Write(ref _failures, 0);

    /// <exception cref="UserErrorException">It failed too often, or the server wants a wait that is too long.</exception>
    public async Task<T> RunAsync<T>(string what, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        var pipeline = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is HubFault fault && IsWorthIt(fault)),
                DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(WaitAfter((HubFault)args.Outcome.Exception!)),
                OnRetry = args =>
                {
                    note(FormattableString.Invariant($"{what}: {args.Outcome.Exception!.Message}; trying again in {args.RetryDelay.TotalSeconds:0.#} s"));
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        try
        {
            return await pipeline.ExecuteAsync(async token => await work(token), cancellation);
        }
        catch (HubFault e)
        {
            var then = e.Wait is { } wait && wait > settings.LongestWait
                ? FormattableString.Invariant($"it wants to be left alone for {wait.TotalSeconds:0} s; try again then{(settings.Token is null ? ", or set HF_TOKEN: with a token more is allowed" : "")}")
                : FormattableString.Invariant($"{settings.Tries} tries in a row failed; what has come is kept, the same command goes on with it");
            throw new UserErrorException($"--base {name}: {what}: {e.Message}; {then}", inner: e);
        }
    }

    private bool IsWorthIt(HubFault fault)
    {
        lock (_lock)
            return ++_failures < settings.Tries && !(fault.Wait > settings.LongestWait);
    }

    private TimeSpan WaitAfter(HubFault fault) =>
        fault.Wait ?? settings.FirstWait * Math.Pow(2, Math.Max(0, Math.Min(10, Volatile.Read(ref _failures) - 1)));
}
