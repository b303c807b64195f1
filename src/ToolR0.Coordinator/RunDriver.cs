using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Coordinator.Loop;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.Coordinator;

/// <summary>What a driver does to the world besides the store.</summary>
public interface IRunOutlet
{
    Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation);
}

/// <summary>
/// Carries out one run's decisions, one message at a time. Guards four things: events are appended before anything follows from them; only this class
/// writes the run's stream, at the version it has folded; what another coordinator did while this one was not active, or heard instead of this one,
/// is found in the store, so that a take-over never waits for a message that was heard elsewhere; after a restart only shards that the store does not
/// answer are sent again.
/// </summary>
public sealed class RunDriver(string run, IFactLog log, StreamCache reader, IRunOutlet outlet, TimeProvider clock, ILogger logger)
{
    /// <summary>After so long without a message the store is asked whether it has answers that nobody told this coordinator of.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, DateTimeOffset> _sent = new(StringComparer.Ordinal);
    private RunInFlight? _progress;
    private DateTimeOffset _heard;

    /// <summary>The shards of the stage in hand may have been answered while nobody listened.</summary>
    private bool _recovering;

    /// <summary>Null until the first message.</summary>
    public RunInFlight? Progress => _progress;

    /// <summary>Decides on a message and carries the decision out, with all that follows from it.</summary>
    public Task HandleAsync(object message, string causation, CancellationToken cancellation = default) => AloneAsync(
        async () =>
        {
            if (!await LoadAsync(cancellation) && !IsExpected(message))
                await CatchUpAsync(cancellation);
            await CarryOutAsync(message, causation, cancellation);
        },
        cancellation);

    /// <summary>
    /// Takes up what another coordinator did, and answers that are in the store but were not heard; sends again what has no answer after
    /// <see cref="DispatchOptions.ResendAfterSeconds"/>.
    /// </summary>
    public async Task ResendAsync(CancellationToken cancellation = default)
    {
        await AloneAsync(
            async () =>
            {
                if (!await LoadAsync(cancellation))
                    await CatchUpAsync(cancellation);
                if (_progress is not { Step: { } step, State.IsOver: false } || step.Outstanding.IsEmpty)
                    return;
                var now = clock.GetUtcNow();
                if (now - _heard < Quiet && !step.Outstanding.Keys.Any(IsLate))
                    return;
                _heard = now;
                await LookAsync(step, cancellation);
            },
            cancellation,
            isMessage: false);
    }

    private async Task AloneAsync(Func<Task> work, CancellationToken cancellation, bool isMessage = true)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await work();
            if (isMessage)
                _heard = clock.GetUtcNow();
        }
        catch
        {
            // What is in memory may be ahead of, or behind, the store: fold again before the next message.
            _progress = null;
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A message that fits what is held: the store need not be asked whether another coordinator was here.</summary>
    private bool IsExpected(object message) => message switch
    {
        FactsStored stored => IsOutstanding(stored.Shard),
        ShardFailed failed => IsOutstanding(failed.Shard),
        _ => false,
    };

    private bool IsOutstanding(string shard) => _progress?.Step?.Outstanding.ContainsKey(shard) == true;

    private bool IsLate(string shard) =>
        _sent.GetValueOrDefault(shard) <= clock.GetUtcNow() - TimeSpan.FromSeconds(_progress!.Options.Dispatch.ResendAfterSeconds);

    private async Task CatchUpAsync(CancellationToken cancellation)
    {
        var stream = Ids.RunStream(run);
        if ((await log.VersionsAsync([stream], cancellation)).GetValueOrDefault(stream) == _progress!.State.Version)
            return;
        logger.LogInformation("{Stream} moved on without this coordinator: folding it again", stream);
        _progress = null;
        await LoadAsync(cancellation);
    }

    private async Task LookAsync(StepProgress step, CancellationToken cancellation)
    {
        var causation = Ids.RunStream(run);
        var answered = await AnsweredAsync(step.Outstanding.Values, cancellation);
        var late = step.Outstanding.Values.Where(command => !answered.Contains(command.Shard) && IsLate(command.Shard)).ToList();
        if (late.Count > 0)
            logger.LogWarning(
                "{Count} shards of {Run} are unanswered for {Seconds} s: sending them again", late.Count, run,
                    _progress!.Options.Dispatch.ResendAfterSeconds);
        List<object> said = [.. answered.Select(Heard), .. await SendAsync(late, causation, cancellation)];
        foreach (var message in said)
            await CarryOutAsync(message, causation, cancellation);
    }

    /// <returns>False if there was nothing to load: what is held is gone on from.</returns>
    private async Task<bool> LoadAsync(CancellationToken cancellation)
    {
        if (_progress is not null)
            return false;
        var stream = Ids.RunStream(run);
        var read = await log.ReadAsync([stream], cancellation);
        _progress = RunInFlight.Fold(read.TryGetValue(stream, out var facts) ? facts : []);
        _recovering = _progress.Step is not null;
        _sent.Clear();
        if (_recovering)
            await CarryOutAsync(new Continue(), stream, cancellation);
        return true;
    }

    private async Task CarryOutAsync(object message, string causation, CancellationToken cancellation)
    {
        var pending = new Queue<object>([message]);
        while (pending.TryDequeue(out var next))
        {
            var decision = Decide(_progress!, next);
            if (decision.Events.Count > 0)
            {
                if (!await AppendAsync(decision, causation, cancellation))
                    return;
                pending.Enqueue(new Continue());
                continue;
            }

            _progress = decision.State;
            if (decision.Read is { } read)
                pending.Enqueue(new StepRead(read.Exactly ? new Facts(await log.ReadAtAsync(read.Places, cancellation))
                    : await reader.ReadAsync(read.Places, cancellation)));
            if (decision.Commands.Count > 0)
            {
                var answered = _recovering ? await AnsweredAsync(decision.Commands, cancellation) : new HashSet<string>();
                _recovering &= answered.Count == decision.Commands.Count;
                foreach (var shard in answered)
                    pending.Enqueue(Heard(shard));
                foreach (var failed in await SendAsync([.. decision.Commands.Where(command => !answered.Contains(command.Shard))], causation,
                    cancellation))
                    pending.Enqueue(failed);
            }
        }
    }

    /// <summary>Deciding reads nothing and waits for nothing: if it fails, it fails every time, so the run ends with the reason instead of
    /// hanging.</summary>
    private Decision Decide(RunInFlight progress, object message)
    {
        try
        {
            return RunDecider.Decide(progress, message, clock.GetUtcNow());
        }
        catch (Exception e)
        {
            logger.LogError(e, "{Run} cannot go on", run);
            return Decision.Append(progress, new RunFailed(run, $"the coordinator cannot go on: {e.Message.ReplaceLineEndings(" ")}"));
        }
    }

    /// <returns>False if another writer was first: the store's state has been folded again and carried on from.</returns>
    private async Task<bool> AppendAsync(Decision decision, string causation, CancellationToken cancellation)
    {
        var stream = Ids.RunStream(run);
        var appends = decision.Events.Select((fact, i) => new FactAppend(stream, decision.State.State.Version + i + 1, fact))
            .Concat(decision.TaskFacts).ToList();
        if (!await log.AppendAsync(run, causation, appends, cancellation))
        {
            logger.LogWarning("{Stream} moved on without this coordinator: folding it again", stream);
            _progress = null;
            await LoadAsync(cancellation);
            return false;
        }

        var now = clock.GetUtcNow();
        _progress = decision.Events.Aggregate(decision.State, (progress, fact) => progress.Apply(fact, now));
        foreach (var step in decision.Events.OfType<StepCompleted>())
            Warn(step);
        _sent.Clear();
        _recovering |= decision.Events.Any(fact => fact is RunResumed);
        return true;
    }

    /// <summary>Says once that the Generator repeats itself, at the step where it is first seen.</summary>
    private void Warn(StepCompleted step)
    {
        foreach (var warning in Collapse.Of(_progress!.State.CompletedSteps)
            .Where(warning => (warning.Iteration, warning.Phase, warning.Step) == (step.Iteration, step.Phase, step.Step)))
            logger.LogWarning("{Run}: {Warning}", run, warning);
    }

    /// <summary>The shards of commands that the store answers.</summary>
    private async Task<IReadOnlySet<string>> AnsweredAsync(IEnumerable<IShardCommand> commands, CancellationToken cancellation)
    {
        var places = commands.Select(command => (command.Shard, command.Answers)).ToList();
        var versions = await log.VersionsAsync([.. places.SelectMany(shard => shard.Answers).Select(place => place.Stream)], cancellation);
        return places.Where(shard => shard.Answers.All(place => versions.GetValueOrDefault(place.Stream) >= place.Version))
            .Select(shard => shard.Shard).ToHashSet();
    }

    /// <summary>What a worker would have said of a shard that is answered: when it was computed is not known.</summary>
    private FactsStored Heard(string shard)
    {
        var now = clock.GetUtcNow();
        return new FactsStored(run, shard, now, now);
    }

    /// <returns>Why commands cannot be sent at all.</returns>
    private async Task<IReadOnlyList<ShardFailed>> SendAsync(IReadOnlyList<IShardCommand> commands, string causation, CancellationToken cancellation)
    {
        var failed = new List<ShardFailed>();
        foreach (var command in commands)
        {
            try
            {
                await outlet.SendAsync(command, causation, cancellation);
                _sent[command.Shard] = clock.GetUtcNow();
            }
            catch (MessageTooLargeException e)
            {
                failed.Add(new ShardFailed(run, command.Shard, e.Message));
            }
        }

        return failed;
    }
}
