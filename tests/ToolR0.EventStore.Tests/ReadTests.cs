using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class ReadTests(StoreFixture store)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_is_read_in_global_order_and_no_other_run_is_in_it()
    {
        var (run, other) = (Facts.Run(), Facts.Run());
        for (var n = 0; n < 20; n++)
        {
            foreach (var r in new[] { run, other })
                await store.Log.AppendAsync(r, $"{n}", [new FactAppend(Ids.GroupStream(r, 1, "generator", 0, (n * 7) % 20), 1, Facts.Executed(r))],
                    Cancellation);
        }

        var facts = await store.Log.ReadRunAsync(run, cancellation: Cancellation).ToListAsync(Cancellation);
        facts.Count.ShouldBe(20);
        facts.Select(f => f.CausationId).ShouldBe(Enumerable.Range(0, 20).Select(n => $"{n}"));
        facts.Select(f => f.Sequence).ShouldBeInOrder();
        facts.ShouldAllBe(f => ((ToolCallsExecuted)f.Fact).Run == run);

        var upTo = facts[11].Sequence;
        (await store.Log.ReadRunAsync(run, upTo, Cancellation).ToListAsync(Cancellation)).Count.ShouldBe(12);
    }

    [Fact]
    public async Task Reading_a_run_takes_rows_as_they_are_asked_for()
    {
        var run = Facts.Run();
        const int Groups = 400;
        for (var n = 0; n < Groups; n += 50)
        {
            await store.Log.AppendAsync(
                run, "c", [.. Enumerable.Range(n, 50)
                    .Select(i => new FactAppend(Ids.GroupStream(run, 1, "solver", 0, i), 1, Facts.Proposed(run, i, samples: 8, tokens: 200)))],
                    Cancellation);
        }

        // Memory held at the end of the run is what it was near its start: nothing is gathered.
        long early = 0;
        var count = 0;
        await foreach (var fact in store.Log.ReadRunAsync(run, cancellation: Cancellation))
        {
            if (++count == 40)
                early = GC.GetTotalMemory(forceFullCollection: true);
        }

        count.ShouldBe(Groups);
        (GC.GetTotalMemory(forceFullCollection: true) - early).ShouldBeLessThan(8 << 20);

        // Leaving early gives the connection back.
        for (var i = 0; i < 20; i++)
            (await store.Log.ReadRunAsync(run, cancellation: Cancellation).FirstAsync(Cancellation)).Sequence.ShouldBePositive();
    }

    [Theory]
    [InlineData("type = 'task_invented', mt_dotnet_type = 'None, None'", "is a 'task_invented', which this version of ToolR0 does not know")]
    [InlineData("data = '[]'", "(run_paused) can not be read")]
    public async Task An_event_that_this_version_can_not_read_is_told_by_place(string change, string told)
    {
        var run = Facts.Run();
        var stream = Ids.RunStream(run);
        await store.Log.AppendAsync(run, "c", [new FactAppend(stream, 1, new RunPaused(run))], Cancellation);
        await using var command =
            store.Database.DataSource.CreateCommand(
                $"update {EventStoreDatabase.Schema}.mt_events set {change} where stream_id = $1 returning seq_id");
        command.Parameters.AddWithValue(stream);
        var sequence = (long)(await command.ExecuteScalarAsync(Cancellation))!;
        foreach (var read in new Func<Task>[]
        {
            () => store.Log.ReadAsync([stream], Cancellation), () => store.Log.ReadFromAsync(stream, 0, Cancellation),
            () => store.Log.ReadRunAsync(run, cancellation: Cancellation).ToListAsync(Cancellation).AsTask(),
        })
        {
            (await Should.ThrowAsync<EventStoreException>(read)).Message.ShouldSatisfyAllConditions(m =>
                m.ShouldStartWith($"event {sequence} "), m => m.ShouldContain(told));
        }
    }

    [Fact]
    public async Task Runs_are_listed_newest_first()
    {
        string[] runs = [Facts.Run(), Facts.Run(), Facts.Run()];
        foreach (var run in runs)
            await store.Log.AppendAsync(run, "start", [new FactAppend(Ids.RunStream(run), 1, Facts.Started(run))], Cancellation);
        (await store.Log.RunsAsync(Cancellation)).Where(runs.Contains).ShouldBe(runs.Reverse());
    }

    [Fact]
    public async Task A_catalogue_of_tools_is_stored_once_and_its_schemas_stay_as_they_were_served()
    {
        CatalogueTool[] tools = [.. Enumerable.Range(0, 150).Select(i => new CatalogueTool(
            $"t{i}", "s", $"t{i}", "", "", """{"type":"object","properties":{"z":{"type":"number","minimum":1.50},"a":{}}}""", "", "", true, true, true))];
        var sha = Digests.Sha256Hex(Guid.NewGuid().ToString());
        (await store.Log.RegisterToolsAsync(sha, tools, [new RefusedTool("s", "bad", "why")], Cancellation)).ShouldBeTrue();
        (await store.Log.RegisterToolsAsync(sha, tools, [], Cancellation)).ShouldBeFalse();

        var read = (await store.Log.ReadToolsAsync(sha, Cancellation)).ShouldNotBeNull();
        read.Tools.ShouldBe(tools);
        read.Refused.ShouldBe([new RefusedTool("s", "bad", "why")]);
        (await store.Log.ReadToolsAsync("unknown", Cancellation)).ShouldBeNull();

        var none = Digests.Sha256Hex(Guid.NewGuid().ToString());
        (await store.Log.RegisterToolsAsync(none, [], [new RefusedTool("s", "bad", "why")], Cancellation)).ShouldBeTrue();
        (await store.Log.ReadToolsAsync(none, Cancellation))!.Tools.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_held_out_set_is_stored_once()
    {
        HeldOutItem[] items = [.. Enumerable.Range(0, 250).Select(i => new HeldOutItem(
            $"i{i}",
            "finance",
            new ToolTask($"What is {i} miles in km?", [new ToolSpec("convert", "", [new ToolParameter("value", "number")], ["value"])],
                [Facts.Call("convert", $$"""{"value":{{i}}}""")])))];
        var sha = Digests.Sha256Hex(Guid.NewGuid().ToString());
        (await store.Log.RegisterHeldOutAsync("seen", sha, items, Cancellation)).ShouldBeTrue();
        (await store.Log.RegisterHeldOutAsync("seen", sha, items, Cancellation)).ShouldBeFalse();
        (await store.Log.VersionsAsync([Ids.HeldOutStream(sha)], Cancellation)).Values.ShouldBe([3]);

        var read = await store.Log.ReadHeldOutAsync(sha, Cancellation);
        read.Select(i => i.Id).ShouldBe(items.Select(i => i.Id));
        read[249].Task.Gold[0].Arguments["value"].GetInt32().ShouldBe(249);
        (await store.Log.ReadHeldOutAsync("unknown", Cancellation)).ShouldBeEmpty();
    }
}
