using System.Text.Json;
using MassTransit;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;

namespace ToolR0.Coordinator.Tests;

/// <summary>
/// Stands in for the language models: what it writes is a function of the seed, as a real policy's tokens are, and tasks are of the tiny world, so
/// that the real executor and the real rewards have something to do.
/// </summary>
public static class FakeModels
{
    public static IReadOnlyList<HeldOutItem> HeldOutItems { get; } = HeldOut.Make(HeldOut.Seen, 10, 99);

    /// <summary>
    /// Of four proposals one is cut off and one is a held-out item, as if the Generator knew them by heart. Where no call is asked for, the menu is
    /// another task's.
    /// </summary>
    public static Trajectory Propose(long seed, TaskSpec spec)
    {
        var task = seed % 4 == 1 ? HeldOutItems[(int)(seed / 4 % HeldOutItems.Count)].Task : HeldOut.Make(HeldOut.Seen, 1, seed)[0].Task;
        if (spec.Calls == 0)
            task = task with { Menu = HeldOut.Make(HeldOut.Seen, 1, seed + 1)[0].Task.Menu, Gold = [] };
        var text = CompactFormat.Proposal("these", task);
        return Sampled(seed, seed % 4 == 0 ? text[..(text.Length / 2)] : text);
    }

    /// <summary>Every other answer is right; the others call nothing, or the first tool where nothing is right.</summary>
    public static Trajectory Answer(long seed, ToolTask task) =>
        Sampled(seed, CompactFormat.Answer(seed % 2 == 0 ? task.Gold : task.Gold.Count > 0 ? []
            : [new ToolCall(task.Menu[0].Name, new Dictionary<string, JsonElement>())]));

    /// <summary>Tries until an answer can be read; every fifth can not.</summary>
    public static Trajectory[] Judge(IReadOnlyList<long> seeds, AttemptPurpose purpose)
    {
        var tries = seeds.Select(seed =>
            Sampled(seed, seed % 5 == 0 ? "hm" : purpose == AttemptPurpose.Judge ? $"<score>{seed % 5}</score>" : seed % 2 == 0 ? "easy" : "hard"))
            .ToList();
        var readable = tries.FindIndex(sample => SelfPlay.Rewards.Judge.IsReadable(purpose, sample.Text));
        return [.. readable < 0 ? tries : tries.Take(readable + 1)];
    }

    public static Trajectory Sampled(long seed, string text)
    {
        var tokens = text.Select(letter => (int)letter).Take(8).ToArray();
        return new Trajectory(seed, tokens, [.. tokens.Select(_ => -0.5f)], text, FinishReason.Stop);
    }

    /// <summary>The next policy's name follows from the base and what was learned from.</summary>
    public static PolicyUpdated Train(TrainPolicy c, IEnumerable<string> digests) => new(
        c.Run, c.Role, c.Iteration, StreamKey.Parse(c.To.Stream).Step, c.Base, Digests.Sha256Hex(c.Base + string.Concat(digests)), c.Groups,
            new Dictionary<string, double> { ["loss"] = 0.5 });
}

/// <summary>What a test does to the fake workers.</summary>
public sealed class FakeWork
{
    private int _computed;

    public int Computed => _computed;

    /// <summary>Called when a shard's computation begins.</summary>
    public Func<IShardCommand, Task>? Before { get; set; }

    public async Task BeginAsync(IShardCommand command)
    {
        Interlocked.Increment(ref _computed);
        if (Before is { } before)
            await before(command);
    }
}

public sealed class FakeProposer(IFactLog log, StreamCache reader, FakeWork work, ILogger<FakeProposer> logger)
    : ShardConsumer<ProposeTasks>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ProposeTasks command, CancellationToken cancellation)
    {
        await work.BeginAsync(command);
        var started = DateTimeOffset.UtcNow;
        var facts = command.Groups.Select(group =>
        {
            Trajectory[] samples = [.. group.Seeds.Select(seed => FakeModels.Propose(seed, group.Spec))];
            return new TasksProposed(command.Run, group.Spec, command.Policy, [1, 2], samples, Digests.OfGroup([1, 2], samples));
        }).ToList();
        return new ShardAnswer(facts, started, started.AddMilliseconds(5), 100);
    }
}

public sealed class FakeSolver(IFactLog log, StreamCache reader, FakeWork work, ILogger<FakeSolver> logger)
    : ShardConsumer<AttemptTasks>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(AttemptTasks command, CancellationToken cancellation)
    {
        await work.BeginAsync(command);
        var tasks = await Reader.ReadFirstAsync(command.Groups.Select(group => group.Task.Stream), cancellation);
        return ShardAnswer.Plain([.. command.Groups.Select(group =>
        {
            var task = TaskSource.Resolve(group.Task, tasks.Of(group.Task.Stream)).ShouldNotBeNull();
            Trajectory[] samples = command.Purpose is AttemptPurpose.Judge or AttemptPurpose.Label
                ? FakeModels.Judge(group.Seeds, command.Purpose)
                : [.. group.Seeds.Select(seed => FakeModels.Answer(seed, task))];
            return new TaskAttempted(command.Run, group.Task, command.Purpose, command.Policy, [3], samples, Digests.OfGroup([3], samples));
        })]);
    }
}

public sealed class FakeLearner(IFactLog log, StreamCache reader, FakeWork work, ILogger<FakeLearner> logger)
    : ShardConsumer<TrainPolicy>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(TrainPolicy command, CancellationToken cancellation)
    {
        await work.BeginAsync(command);
        var facts = await Reader.ReadAsync(command.Groups.Select(StreamLayout.Last), cancellation);
        return ShardAnswer.Plain([FakeModels.Train(command, command.Groups.Select(group => facts.Of(group).First() switch
        {
            TasksProposed proposed => proposed.Digest,
            TaskAttempted attempted => attempted.Digest,
            TaskVaried varied => varied.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture),
            var other => throw new InvalidOperationException(other.GetType().Name),
        }))]);
    }
}

/// <summary>The base finds everything a little less likely.</summary>
public sealed class FakeReference(IFactLog log, StreamCache reader, FakeWork work, ILogger<FakeReference> logger)
    : ShardConsumer<MeasureReference>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(MeasureReference command, CancellationToken cancellation)
    {
        await work.BeginAsync(command);
        var facts = await Reader.ReadFirstAsync(command.Groups.Select(group => group.Stream), cancellation);
        return ShardAnswer.Plain([.. command.Groups.Select(group =>
        {
            var samples = facts.Of(group.Stream).First() is TasksProposed proposed ? proposed.Samples
                : ((TaskAttempted)facts.Of(group.Stream).First()).Samples;
            float[][] logProbs = [.. samples.Select(sample => sample.LogProbs.Select(logProb => logProb - 0.25f).ToArray())];
            return new ReferenceMeasured(command.Run, command.Policy, logProbs, Digests.OfLogProbs(command.Policy, logProbs));
        })]);
    }
}

public sealed class FakeProposerDefinition() : ShardConsumerDefinition<FakeProposer, ProposeTasks>(2);

public sealed class FakeSolverDefinition() : ShardConsumerDefinition<FakeSolver, AttemptTasks>(2);

public sealed class FakeLearnerDefinition() : ShardConsumerDefinition<FakeLearner, TrainPolicy>(1);

public sealed class FakeReferenceDefinition() : ShardConsumerDefinition<FakeReference, MeasureReference>(1);

public static class FakeModelRegistration
{
    public static void AddFakeModels(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<FakeProposer, FakeProposerDefinition>();
        bus.AddConsumer<FakeSolver, FakeSolverDefinition>();
        bus.AddConsumer<FakeReference, FakeReferenceDefinition>();
        bus.AddConsumer<FakeLearner, FakeLearnerDefinition>();
    }
}
