using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.RewardScoring;

/// <summary>Answers <see cref="FilterCandidates"/> from the stored candidates, their executions and the run's held-out sets.</summary>
public sealed class FilterCandidatesConsumer(IFactLog log, RunCatalog runs, StreamCache reader, HeldOutGuards guards,
    ILogger<FilterCandidatesConsumer> logger)
    : ShardConsumer<FilterCandidates>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(FilterCandidates command, CancellationToken cancellation)
    {
        var run = await runs.GetAsync(command.Run, cancellation);
        var guard = await guards.OfAsync(run, cancellation);
        var stored = await Reader.ReadAsync<ToolCallsExecuted>(command.Candidates.Select(candidate => candidate.Stream), cancellation);
        return ShardAnswer.Plain([.. command.Candidates.Select(candidate => CandidateFacts.Filter(
            command.Run, Candidate.Of(stored.One<TasksProposed>(candidate.Stream), stored.One<ToolCallsExecuted>(candidate.Stream)), guard,
                run.Options))]);
    }
}

/// <summary>Answers <see cref="RateCandidates"/> from the stored candidates and the Solver's answers to them.</summary>
public sealed class RateCandidatesConsumer(IFactLog log, StreamCache reader, ILogger<RateCandidatesConsumer> logger)
    : ShardConsumer<RateCandidates>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(RateCandidates command, CancellationToken cancellation)
    {
        var stored = await Reader.ReadAsync(command.Candidates.Select(candidate => StreamLayout.LastTurn(candidate.Stream)), cancellation);
        return ShardAnswer.Plain([.. command.Candidates.Select(candidate =>
        {
            var attempt = Attempts.Of(stored.Of(candidate.Stream))!.Attempted;
            var task = TaskSource.Resolve(attempt.Task, stored.Of(candidate.Stream))
                ?? throw new InvalidOperationException($"{candidate.Stream} holds no task at {attempt.Task.Index}");
            return CandidateFacts.Rate(command.Run, task, attempt);
        })]);
    }
}

/// <summary>Answers <see cref="LabelCandidates"/> from what the judge said.</summary>
public sealed class LabelCandidatesConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<LabelCandidatesConsumer> logger)
    : ShardConsumer<LabelCandidates>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(LabelCandidates command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var stored = await Reader.ReadAsync<TaskAttempted>(command.Labels.Select(label => label.Stream), cancellation);
        return ShardAnswer.Plain(
            [.. command.Labels.Select(label => CandidateFacts.Label(command.Run, stored.One<TaskAttempted>(label.Stream), options.Judge))]);
    }
}

/// <summary>The guards that keep a run's held-out items out of its curricula: made once, for the run that is at work.</summary>
public sealed class HeldOutGuards(StreamCache reader)
{
    private volatile Known? _last;

    /// <summary>The guard of a run's held-out sets.</summary>
    /// <exception cref="InvalidOperationException">A set is not in the store.</exception>
    public async ValueTask<HeldOutGuard> OfAsync(RunStarted run, CancellationToken cancellation)
    {
        if (_last is { } known && known.Run == run.Run)
            return known.Guard;
        List<string> sets = [.. run.HeldOut.Select(set => Ids.HeldOutStream(set.Sha256))];
        var stored = await reader.ReadFirstAsync(sets, cancellation);
        if (sets.Find(set => !stored.Of(set).Any()) is { } missing)
            throw new InvalidOperationException($"{missing} is not in the store: held-out items cannot be kept out of the curriculum");
        var guard = new HeldOutGuard(sets.SelectMany(stored.Of).OfType<HeldOutRegistered>().SelectMany(part => part.Items));
        _last = new Known(run.Run, guard);
        return guard;
    }

    private sealed record Known(string Run, HeldOutGuard Guard);
}
