using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Inference;

namespace ToolR0.Solving;

/// <summary>Answers <see cref="ContinueAttempts"/>: see <see cref="NextTurn"/>.</summary>
public sealed class ContinueAttemptsConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, CompletionSources sources, ComputeThreads workers, ILogger<ContinueAttemptsConsumer> logger)
    : ShardConsumer<ContinueAttempts>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ContinueAttempts command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var stored = await Reader.ReadAsync(command.Groups.Select(group => group.To with { Version = group.To.Version - 1 }), cancellation);
        var before = command.Groups.Select(group => stored.Of(group.To.Stream).Take((int)group.To.Version - 1).ToList()).ToList();
        return await workers.RunAsync(() => Continue(command, before, options, cancellation), cancellation);
    }

    private ShardAnswer Continue(
        ContinueAttempts command, IReadOnlyList<IReadOnlyList<object>> before, RunOptions options, CancellationToken cancellation)
    {
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        using var source = sources.Open(
            Role.Solver, command.Policy, options.Inference, options.Dispatch.CacheMegabytes * 1_000_000, options.Policies.Precision);
        var started = DateTimeOffset.UtcNow;
        var facts = NextTurn.Take(source, before, command.Run, command.Turn, command.Policy, command.Purpose, options, cancellation);
        return new ShardAnswer(
            facts, started, DateTimeOffset.UtcNow, facts.Sum(fact => fact.Samples.Sum(sample => (long)sample.Sampled.Tokens.Length)));
    }
}

public sealed class ContinueAttemptsDefinition(WorkerOptions workers)
    : ShardConsumerDefinition<ContinueAttemptsConsumer, ContinueAttempts>(workers.Slots);
