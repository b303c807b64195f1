using ToolR0.Contracts;
using ToolR0.Testing;

namespace ToolR0.EventStore.Tests;

/// <summary>What every fact log keeps to: one suite for the real one and for the one in memory that tests of services stand on.</summary>
public abstract class FactLogContract
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected abstract IFactLog Log { get; }

    [Fact]
    public async Task A_version_that_leaves_a_gap_answers_false_and_writes_nothing()
    {
        var run = Facts.Run();
        var (fresh, grown) = (Ids.GroupStream(run, 1, "solver", 0, 0), Ids.GroupStream(run, 1, "solver", 0, 1));
        (await Log.AppendAsync(run, "a", [new FactAppend(grown, 1, Facts.Proposed(run))], Cancellation)).ShouldBeTrue();
        (await Log.AppendAsync(run, "b", [new FactAppend(fresh, 2, Facts.Executed(run))], Cancellation)).ShouldBeFalse();
        (await Log.AppendAsync(run, "b", [new FactAppend(fresh, 1, Facts.Proposed(run)), new FactAppend(grown, 3, Facts.Executed(run))],
            Cancellation)).ShouldBeFalse();
        (await Log.VersionsAsync([fresh, grown], Cancellation)).ShouldBe(new Dictionary<string, long> { [grown] = 1 });
    }

    [Fact]
    public async Task A_version_that_is_taken_answers_false_and_writes_nothing()
    {
        var run = Facts.Run();
        string[] streams = [.. Enumerable.Range(0, 3).Select(n => Ids.GroupStream(run, 1, "solver", 0, n))];
        (await Log.AppendAsync(run, "a", [new FactAppend(streams[1], 1, Facts.Proposed(run))], Cancellation)).ShouldBeTrue();
        (await Log.AppendAsync(run, "b", [.. streams.Select(s => new FactAppend(s, 1, Facts.Proposed(run)))], Cancellation)).ShouldBeFalse();
        (await Log.ReadAsync(streams, Cancellation)).ShouldHaveSingleItem().Value.ShouldHaveSingleItem().CausationId.ShouldBe("a");
    }

    [Fact]
    public async Task Versions_that_do_not_follow_each_other_are_the_callers_mistake()
    {
        var run = Facts.Run();
        var stream = Ids.RunStream(run);
        await Should.ThrowAsync<ArgumentException>(() => Log.AppendAsync(run, "", [new FactAppend(stream, 0, new RunPaused(run))], Cancellation));
        await Should.ThrowAsync<ArgumentException>(() => Log.AppendAsync(
            run, "", [new FactAppend(stream, 1, new RunPaused(run)), new FactAppend(stream, 3, new RunResumed(run))], Cancellation));
    }

    [Fact]
    public async Task A_stream_is_read_from_a_version_on()
    {
        var run = Facts.Run();
        var stream = Ids.RunStream(run);
        object[] facts = [Facts.Started(run), new RunPaused(run), new RunResumed(run), new RunPaused(run)];
        await Log.AppendAsync(run, "c", [.. facts.Select((fact, i) => new FactAppend(stream, i + 1, fact))], Cancellation);
        (await Log.ReadFromAsync(stream, 0, Cancellation)).Select(f => f.Version).ShouldBe([1, 2, 3, 4]);
        (await Log.ReadFromAsync(stream, 3, Cancellation)).Select(f => f.Fact).ShouldBe([new RunResumed(run), new RunPaused(run)]);
        (await Log.ReadFromAsync(stream, 5, Cancellation)).ShouldBeEmpty();
        (await Log.ReadFromAsync(Ids.RunStream("unknown"), 0, Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_runs_facts_come_in_order_by_type_up_to_a_sequence_and_are_counted()
    {
        var (run, other) = (Facts.Run(), Facts.Run());
        foreach (var name in new[] { run, other })
        {
            await Log.AppendAsync(name, "c", [new FactAppend(Ids.RunStream(name), 1, Facts.Started(name))], Cancellation);
            for (var n = 0; n < 3; n++)
            {
                var task = Ids.TaskStream(name, 1, n);
                await Log.AppendAsync(name, "c",
                    [new FactAppend(task, 1, Facts.Proposed(name)), new FactAppend(task, 2, new TaskRejected(name, 1, $"r{n}"))], Cancellation);
            }
        }

        var all = await Log.ReadRunAsync(run, cancellation: Cancellation).ToListAsync(Cancellation);
        all.Select(f => f.Sequence).ShouldBeInOrder();
        all.Count.ShouldBe(7);
        (await Log.CountAsync(run, Cancellation)).ShouldBe(7);
        (await Log.ReadRunAsync(run, all[4].Sequence, Cancellation).CountAsync(Cancellation)).ShouldBe(5);
        (await Log.ReadFactsAsync(run, [typeof(TaskRejected)], Cancellation).ToListAsync(Cancellation))
            .Select(f => ((TaskRejected)f.Fact).Reason).ShouldBe(["r0", "r1", "r2"]);
        // Other tests start runs in the same store.
        (await Log.RunsAsync(Cancellation)).Where(name => name == run || name == other).ShouldBe([other, run]);
    }

    [Fact]
    public async Task Of_many_writers_exactly_one_wins()
    {
        var run = Facts.Run();
        var append = new FactAppend(Ids.RunStream(run), 1, Facts.Started(run));
        var answers = await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(n => Task.Run(() => Log.AppendAsync(run, $"{n}", [append], Cancellation), Cancellation)));
        answers.Count(won => won).ShouldBe(1);
    }
}

public sealed class MartenFactLogTests(StoreFixture store) : FactLogContract
{
    private protected override IFactLog Log => store.Log;
}

public sealed class InMemoryFactLogTests : FactLogContract
{
    private protected override IFactLog Log { get; } = new InMemoryFactLog();
}
