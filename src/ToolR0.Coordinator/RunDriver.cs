using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Coordinator.Loop;
using ToolR0.Messaging;

namespace ToolR0.Coordinator;

/// <summary>What a driver does to the world besides the store.</summary>
public interface IRunOutlet
{
    Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation);

    Task PublishAsync(RunAdvanced advanced, string causation, CancellationToken cancellation);
}

/// <summary>
/// Carries out one run's decisions, one message at a time. Guards three things: events are appended before anything follows from them; only this class
/// writes the run's stream, at the version it has folded, and folds anew if another coordinator was there first; after a restart only shards that
/// the store does not answer are sent again.
/// </summary>
public sealed class RunDriver(string run, IFactLog log, StreamCache reader, IRunOutlet outlet, TimeProvider clock, ILogger logger)
{
    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, DateTimeOffset> _sent = new(StringComparer.Ordinal);
    private RunInFlight? _progress;

    /// <summary>The shards of the stage in hand may have been answered while nobody listened.</summary>
    private bool _recovering;

    /// <summary>Null until the first message.</summary>
    public RunInFlight? Progress => _progress;

    /// <summary>Decides on a message and carries the decision out, with all that follows from it.</summary>
    public async Task HandleAsync(object message, string causation, CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await LoadAsync(cancellation);
            await CarryOutAsync(message, causation, cancellation);
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

    /// <summary>Sends again what is not answered after <see cref="DispatchOptions.ResendAfterSeconds"/>, unless the store has the answer.</summary>
    public async Task ResendAsync(CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await LoadAsync(cancellation);
            if (_progress is not { Step: { } step, State.IsOver: false } progress)
                return;
            var due = clock.GetUtcNow() - TimeSpan.FromSeconds(progress.Options.Dispatch.ResendAfterSeconds);
            var late = step.Outstanding.Values.Where(command => _sent.GetValueOrDefault(command.Shard) <= due).ToList();
            if (late.Count == 0)
                return;
            logger.LogWarning("{Count} shards of {Run} are unanswered since {Due}: sending them again", late.Count, run, due);
            foreach (var answered in await DispatchAsync(late, Ids.RunStream(run), lookFirst: true, cancellation))
                await CarryOutAsync(answered, Ids.RunStream(run), cancellation);
        }
        catch
        {
            _progress = null;
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        if (_progress is not null)
            return;
        var stream = Ids.RunStream(run);
        var read = await log.ReadAsync([stream], cancellation);
        _progress = RunInFlight.Fold(read.TryGetValue(stream, out var facts) ? facts : []);
        _recovering = _progress.Step is not null;
        _sent.Clear();
        if (_recovering)
            await CarryOutAsync(new Continue(), stream, cancellation);
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
            if (decision.Read is { } places)
                pending.Enqueue(new StepRead(await reader.ReadAsync(places, cancellation)));
            if (decision.Commands.Count > 0)
            {
                var answered = await DispatchAsync(decision.Commands, causation, _recovering, cancellation);
                _recovering &= answered.Count == decision.Commands.Count;
                foreach (var answer in answered)
                    pending.Enqueue(answer);
            }
        }
    }

    /// <summary>Deciding reads nothing and waits for nothing: if it fails, it fails every time, so the run ends with the reason instead of hanging.</summary>
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
        var appends = decision.Events.Select((fact, i) => new FactAppend(stream, decision.State.State.Version + i + 1, fact)).Concat(decision.TaskFacts).ToList();
        if (!await log.AppendAsync(run, causation, appends, cancellation))
        {
            logger.LogWarning("{Stream} moved on without this coordinator: folding it again", stream);
            _progress = null;
            await LoadAsync(cancellation);
            return false;
        }

        var now = clock.GetUtcNow();
        _progress = decision.State;
        _sent.Clear();
        foreach (var fact in decision.Events)
        {
            _progress = _progress.Apply(fact, now);
            var state = _progress.State;
            var step = fact is StepCompleted completed ? completed.Step : state.Step?.Step;
            await outlet.PublishAsync(new RunAdvanced(run, FactNames.Of(fact.GetType()), state.Iteration, state.Phase?.Phase, step), causation, cancellation);
        }

        return true;
    }

    /// <returns>For commands that are not sent: the store's answer, or why they cannot be sent at all.</returns>
    private async Task<IReadOnlyList<object>> DispatchAsync(
        IReadOnlyList<IShardCommand> commands, string causation, bool lookFirst, CancellationToken cancellation)
    {
        var answered = new List<object>();
        IReadOnlyDictionary<string, long> versions = lookFirst
            ? await log.VersionsAsync([.. commands.SelectMany(ShardAnswers.PlacesOf).Select(place => place.Stream)], cancellation)
            : new Dictionary<string, long>();
        var now = clock.GetUtcNow();
        foreach (var command in commands)
        {
            var places = ShardAnswers.PlacesOf(command);
            if (places.All(place => versions.GetValueOrDefault(place.Stream) >= place.Version))
            {
                answered.Add(new FactsStored(run, command.Shard, ShardAnswers.FactOf(command), [.. places.Select(place => place.Stream)], now, now, 0));
                continue;
            }

            try
            {
                await outlet.SendAsync(command, causation, cancellation);
                _sent[command.Shard] = now;
            }
            catch (MessageTooLargeException e)
            {
                answered.Add(new ShardFailed(run, command.Shard, e.Message));
            }
        }

        return answered;
    }
}
