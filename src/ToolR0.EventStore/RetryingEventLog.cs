using Polly;
using Polly.Retry;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// A fact log that waits for a store that is away. A worker in the middle of a run is better late than failed: each call is tried again, after
/// 0.2 s and then ever longer up to 10 s, until the store answers or <paramref name="patience"/> is over. An append whose transaction was
/// committed just when the connection broke is tried again too and then returns false, as if another worker had been first, which is the same.
/// It never waits in silence: after <see cref="SilenceLimit"/> without an answer <paramref name="outages"/> are told, however the call hangs.
/// </summary>
/// <param name="patience">How long one call waits in all. Keep it below the broker's limit for acknowledging a message (RabbitMQ: 30
/// minutes).</param>
public sealed class RetryingEventLog(IFactLog log, TimeSpan patience, TimeProvider clock, StoreOutages? outages = null) : IFactLog
{
    /// <summary>A call that has not been answered for so long is told.</summary>
    public static TimeSpan SilenceLimit { get; } = TimeSpan.FromSeconds(8);

    private readonly ResiliencePipeline _waiting = new ResiliencePipelineBuilder { TimeProvider = clock }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = args =>
                ValueTask.FromResult(args.Outcome.Exception is EventStoreException { StoreIsAway: true } && Waited(args.AttemptNumber) < patience),
            MaxRetryAttempts = int.MaxValue,
            DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(Delay(args.AttemptNumber)),
        })
        .Build();

    /// <inheritdoc/>
    public Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default) =>
        WaitAsync(token => log.AppendAsync(run, causationId, facts, token), cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        WaitAsync(token => log.VersionsAsync(streams, token), cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string,
        IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        WaitAsync(token => log.ReadAsync(streams, token), cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default) =>
        WaitAsync(token => log.ReadAtAsync(places, token), cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default) =>
        WaitAsync(token => log.ReadFromAsync(stream, version, token), cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => WaitAsync(log.RunsAsync, cancellation);

    /// <inheritdoc/>
    public Task<long> CountAsync(string run, CancellationToken cancellation = default) =>
        WaitAsync(token => log.CountAsync(run, token), cancellation);

    /// <inheritdoc/>
    /// <remarks>Not repeated: its consumer may have taken part of the rows.</remarks>
    public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
        log.ReadRunAsync(run, upTo, cancellation);

    /// <inheritdoc/>
    /// <remarks>Not repeated, as <see cref="ReadRunAsync"/> is not.</remarks>
    public IAsyncEnumerable<StoredFact> ReadFactsAsync(string run, IReadOnlyCollection<Type> types, CancellationToken cancellation = default) =>
        log.ReadFactsAsync(run, types, cancellation);

    private async Task<T> WaitAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        if (outages is null)
            return await _waiting.ExecuteAsync(async token => await call(token), cancellation);
        var since = clock.GetUtcNow();
        await using var silence = clock.CreateTimer(_ => outages.Away(since), null, SilenceLimit, Timeout.InfiniteTimeSpan);
        var answer = await _waiting.ExecuteAsync(async token => await call(token), cancellation);
        outages.Answered();
        return answer;
    }

    private static TimeSpan Delay(int attempt) => TimeSpan.FromSeconds(Math.Min(10, 0.2 * Math.Pow(2, Math.Min(attempt, 10))));

    /// <summary>Time spent in the waits before a try (attempts count from 0).</summary>
    private static TimeSpan Waited(int attempt)
    {
        var waited = TimeSpan.Zero;
        for (var i = 0; i < attempt; i++)
            waited += Delay(i);
        return waited;
    }
}
