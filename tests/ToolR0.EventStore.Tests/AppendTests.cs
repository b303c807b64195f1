using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class AppendTests(StoreFixture store)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_appended_is_read_back_in_order()
    {
        var run = Facts.Run();
        var stream = Ids.GroupStream(run, 1, "generator", 0, 0);
        var proposed = Facts.Proposed(run);
        (await store.Log.AppendAsync(run, "shard/1", [new FactAppend(stream, 1, proposed)], Cancellation)).ShouldBeTrue();
        (await store.Log.AppendAsync(run, "shard/2", [new FactAppend(stream, 2, Facts.Executed(run))], Cancellation)).ShouldBeTrue();

        var facts = (await store.Log.ReadAsync([stream, "group/none"], Cancellation)).ShouldHaveSingleItem().Value;
        facts.Select(f => f.Version).ShouldBe([1, 2]);
        facts.Select(f => f.CausationId).ShouldBe(["shard/1", "shard/2"]);
        facts[1].Sequence.ShouldBeGreaterThan(facts[0].Sequence);
        facts[0].At.ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        var read = facts[0].Fact.ShouldBeOfType<TasksProposed>();
        read.Spec.ShouldBe(proposed.Spec);
        Digests.OfGroup(read.PromptTokens, read.Samples).ShouldBe(proposed.Digest);
        facts[1].Fact.ShouldBeOfType<ToolCallsExecuted>().Samples[0].Calls[0].Call.Arguments["value"].GetDouble().ShouldBe(1.0);
    }

    [Fact]
    public async Task The_second_append_of_a_version_writes_nothing_and_says_so()
    {
        var run = Facts.Run();
        var append = new FactAppend(Ids.GroupStream(run, 1, "solver", 0, 0), 1, Facts.Proposed(run));
        (await store.Log.AppendAsync(run, "a", [append], Cancellation)).ShouldBeTrue();
        (await store.Log.AppendAsync(run, "b", [append], Cancellation)).ShouldBeFalse();
        (await store.Log.ReadAsync([append.Stream], Cancellation))[append.Stream].ShouldHaveSingleItem().CausationId.ShouldBe("a");
    }

    [Fact]
    public async Task A_version_ahead_of_its_stream_is_refused()
    {
        var run = Facts.Run();
        var stream = Ids.GroupStream(run, 1, "solver", 0, 0);
        (await store.Log.AppendAsync(run, "a", [new FactAppend(stream, 2, Facts.Executed(run))], Cancellation)).ShouldBeFalse();
        (await store.Log.VersionsAsync([stream], Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task One_stream_that_is_there_already_keeps_all_others_from_being_written()
    {
        var run = Facts.Run();
        var streams = Enumerable.Range(0, 8).Select(n => Ids.GroupStream(run, 1, "generator", 0, n)).ToList();
        (await store.Log.AppendAsync(run, "first", [new FactAppend(streams[5], 1, Facts.Proposed(run))], Cancellation)).ShouldBeTrue();
        (await store.Log.AppendAsync(run, "shard", [.. streams.Select(s => new FactAppend(s, 1, Facts.Proposed(run)))], Cancellation))
            .ShouldBeFalse();
        (await store.Log.VersionsAsync(streams, Cancellation)).ShouldBe(new Dictionary<string, long> { [streams[5]] = 1 });
    }

    [Fact]
    public async Task Several_facts_of_several_streams_go_in_together()
    {
        var run = Facts.Run();
        var life = Ids.RunStream(run);
        var task = Ids.TaskStream(run, 1, 0);
        (await store.Log.AppendAsync(
            run,
            "c",
            [
                new FactAppend(life, 1, Facts.Started(run)),
                new FactAppend(task, 1, Facts.Proposed(run)),
                new FactAppend(life, 2, new IterationStarted(run, 1, "g", "s")),
                new FactAppend(life, 3, new PhaseStarted(run, 1, Phase.Generator, 2)),
            ],
            Cancellation)).ShouldBeTrue();
        (await store.Log.VersionsAsync([life, task], Cancellation))
            .ShouldBe(new Dictionary<string, long> { [life] = 3, [task] = 1 }, ignoreOrder: true);
        (await store.Log.AppendAsync(run, "c", [new FactAppend(life, 4, new RunPaused(run)), new FactAppend(life, 5, new RunResumed(run))],
            Cancellation)).ShouldBeTrue();
        (await store.Log.ReadAsync([life], Cancellation))[life].Select(f => f.Version).ShouldBe([1, 2, 3, 4, 5]);
    }

    [Fact]
    public async Task Of_many_writers_of_one_version_exactly_one_wins()
    {
        var run = Facts.Run();
        for (var version = 1; version <= 3; version++)
        {
            FactAppend[] appends =
                [.. Enumerable.Range(0, 4).Select(n => new FactAppend(Ids.GroupStream(run, 1, "probe", 0, n), version, Facts.Executed(run)))];
            var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(writer =>
                Task.Run(() => store.Log.AppendAsync(run, $"{writer}", writer % 2 == 0 ? appends : [.. appends.Reverse()], Cancellation),
                    Cancellation)));
            answers.Count(won => won).ShouldBe(1);
            var stored = await store.Log.ReadAsync([.. appends.Select(a => a.Stream)], Cancellation);
            stored.Count.ShouldBe(4);
            stored.Values.Select(facts => facts[^1].CausationId).Distinct().Count().ShouldBe(1, "all four streams come from one writer");
        }
    }

    [Fact]
    public async Task An_append_of_nothing_is_done()
    {
        (await store.Log.AppendAsync(Facts.Run(), "", [], Cancellation)).ShouldBeTrue();
        (await store.Log.ReadAsync([], Cancellation)).ShouldBeEmpty();
        (await store.Log.VersionsAsync([], Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Mistakes_of_the_caller_are_told()
    {
        var run = Facts.Run();
        var stream = Ids.RunStream(run);
        (await Should.ThrowAsync<ArgumentException>(() =>
            store.Log.AppendAsync(run, "", [new FactAppend(stream, 1, "text")], Cancellation))).Message.ShouldContain("not a fact");
        (await Should.ThrowAsync<ArgumentException>(() =>
            store.Log.AppendAsync(run, "", [new FactAppend(stream, 0, new RunPaused(run))], Cancellation))).Message.ShouldContain("below 1");
        (await Should.ThrowAsync<ArgumentException>(() => store.Log.AppendAsync(
            run, "", [new FactAppend(stream, 1, new RunPaused(run)), new FactAppend(stream, 3, new RunResumed(run))],
                Cancellation))).Message.ShouldContain("does not follow");
    }
}
