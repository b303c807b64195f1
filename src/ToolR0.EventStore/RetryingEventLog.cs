using Polly;
using Polly.Retry;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// A fact log that waits for a store that is away. A worker in the middle of a run is better late than failed: each call is tried again, after
/// 0.2 s and then ever longer up to 10 s, until the store answers or <paramref name="patience"/> is over. An append whose transaction was
/// committed just when the connection broke is tried again too and then returns false, as if another worker had been first, which is the same.
/// </summary>
/// <param name="patience">How long one call waits in all. Keep it below the broker's limit for acknowledging a message (RabbitMQ: 30 minutes).</param>
public sealed class RetryingEventLog(IFactLog log, TimeSpan patience, TimeProvider clock) : IFactLog
{
    private readonly ResiliencePipeline _waiting = new ResiliencePipelineBuilder { TimeProvider = clock }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is EventStoreException { StoreIsAway: true } && Waited(args.AttemptNumber) < patience),
            MaxRetryAttempts = int.MaxValue,
            DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(Delay(args.AttemptNumber)),
        })
        .Build();

    /// <inheritdoc/>
    public Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default) =>
        _waiting.ExecuteAsync(async token => await log.AppendAsync(run, causationId, facts, token), cancellation).AsTask();

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        _waiting.ExecuteAsync(async token => await log.VersionsAsync(streams, token), cancellation).AsTask();

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        _waiting.ExecuteAsync(async token => await log.ReadAsync(streams, token), cancellation).AsTask();

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default) =>
        _waiting.ExecuteAsync(async token => await log.ReadAtAsync(places, token), cancellation).AsTask();

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) =>
        _waiting.ExecuteAsync(async token => await log.RunsAsync(token), cancellation).AsTask();

    /// <inheritdoc/>
    /// <remarks>Not repeated: its consumer may have taken part of the rows.</remarks>
    public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
        log.ReadRunAsync(run, upTo, cancellation);

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
