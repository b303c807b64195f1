using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class RunStateTests(StoreFixture store)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The life of a run with one Generator step, one curriculum and one Solver step.</summary>
    internal static object[] Life(string run) =>
    [
        Facts.Started(run),
        new PhaseStarted(run, 0, Phase.Evaluation, 1),
        new StepStarted(run, 0, Phase.Evaluation, 0, [], [new TaskRef("heldout/abc", 0)], Policies("base", "base")),
        new EvaluationCompleted(run, 0, "seen", "base", 500, 0.25, new Dictionary<string, double> { ["finance"] = 0.25 }),
        new StepCompleted(run, 0, Phase.Evaluation, 0, null, new Dictionary<string, double>()),
        new IterationStarted(run, 1, "base", "base"),
        new PhaseStarted(run, 1, Phase.Generator, 2),
        new StepStarted(run, 1, Phase.Generator, 0, [new TaskSpec("finance", TaskContext.SingleTurn, 3, 1)], [], Policies("base", "base")),
        new StepCompleted(run, 1, Phase.Generator, 0, "gen1", new Dictionary<string, double> { [MetricNames.RewardMean] = 0.5 }),
        new RunPaused(run),
        new RunResumed(run),
        new PhaseStarted(run, 1, Phase.Curriculum, 1),
        new StepStarted(run, 1, Phase.Curriculum, 0, [], [], Policies("gen1", "base")),
        new CurriculumSelected(run, 1, [new SelectedTask(new TaskRef("task/x/1/0", 0), "finance", "easy", 0.9, "f")], "cur1", 10,
            new Dictionary<string, int> { ["duplicate"] = 9 }),
        new StepCompleted(run, 1, Phase.Curriculum, 0, null, new Dictionary<string, double>()),
        new PhaseStarted(run, 1, Phase.Solver, 1),
        new StepStarted(run, 1, Phase.Solver, 0, [], [new TaskRef("task/x/1/0", 0)], Policies("gen1", "base")),
        new StepCompleted(run, 1, Phase.Solver, 0, "sol1", new Dictionary<string, double>()),
        new RunCompleted(run, "gen1", "sol1"),
    ];

    private static Dictionary<Role, string> Policies(string generator, string solver) =>
        new() { [Role.Generator] = generator, [Role.Solver] = solver };

    internal static List<StoredFact> Stored(string run, object[] facts) =>
        [.. facts.Select((fact, i) => new StoredFact(Ids.RunStream(run), i + 1, i + 1, fact, DateTimeOffset.UnixEpoch.AddSeconds(i), "c"))];

    [Fact]
    public void Nothing_stored_is_a_run_not_started()
    {
        RunState.Fold([]).Status.ShouldBe(RunStatus.NotStarted);
        RunState.Fold([]).IsOver.ShouldBeFalse();
    }

    [Fact]
    public void Given_a_step_in_progress_then_the_state_says_which_with_which_policies()
    {
        var state = RunState.Fold(Stored("r", Life("r")).Take(17));
        state.Status.ShouldBe(RunStatus.Running);
        state.Iteration.ShouldBe(1);
        state.Phase.ShouldNotBeNull().Phase.ShouldBe(Phase.Solver);
        state.Step.ShouldNotBeNull().Step.ShouldBe(0);
        state.Policies.ShouldBe(Policies("gen1", "base"), ignoreOrder: true);
        state.PhaseStartPolicies.ShouldBe(Policies("gen1", "base"), ignoreOrder: true);
        state.Curricula[1].Sha256.ShouldBe("cur1");
        state.Version.ShouldBe(17);
        state.PhaseDone.ShouldBeFalse();
    }

    [Fact]
    public void Given_a_generator_step_completed_then_its_policy_is_the_generators_and_the_phase_goes_on()
    {
        var state = RunState.Fold(Stored("r", Life("r")).Take(9));
        state.Policies.ShouldBe(Policies("gen1", "base"), ignoreOrder: true);
        state.PhaseStartPolicies.ShouldBe(Policies("base", "base"), ignoreOrder: true);
        state.Step.ShouldBeNull();
        state.StepsDone.ShouldBe(1);
        state.PhaseDone.ShouldBeFalse();
        state.CompletedSteps[^1].Metrics[MetricNames.RewardMean].ShouldBe(0.5);
    }

    [Fact]
    public void Given_a_pause_then_paused_and_given_a_resume_then_running()
    {
        RunState.Fold(Stored("r", Life("r")).Take(10)).Status.ShouldBe(RunStatus.Paused);
        RunState.Fold(Stored("r", Life("r")).Take(11)).Status.ShouldBe(RunStatus.Running);
    }

    [Fact]
    public void Given_the_end_then_the_state_names_how_and_why()
    {
        var run = Stored("r", Life("r"));
        var completed = RunState.Fold(run);
        completed.Status.ShouldBe(RunStatus.Completed);
        completed.IsOver.ShouldBeTrue();
        completed.Policies[Role.Solver].ShouldBe("sol1");
        completed.Evaluations.ShouldHaveSingleItem().Accuracy.ShouldBe(0.25);
        completed.Counts["step_completed"].ShouldBe(4);

        var failed = RunState.Fold([.. run.Take(8), run[8] with { Fact = new RunFailed("r", "disk full") }]);
        failed.Status.ShouldBe(RunStatus.Failed);
        failed.Reason.ShouldBe("disk full");
        // A failed run goes on with the step it failed in.
        failed.Step.ShouldBe(RunState.Fold([.. run.Take(8)]).Step);
        failed.IsResumable.ShouldBeTrue();
        RunState.Fold([.. run.Take(8), run[8] with { Fact = new RunCancelled("r", "by hand") }]).Status.ShouldBe(RunStatus.Cancelled);
    }

    [Fact]
    public void Facts_of_the_work_are_counted_and_change_nothing_else()
    {
        var life = Stored("r", Life("r"));
        var work = new StoredFact("group/r/1/generator/0/0", 1, 99, Facts.Proposed("r"), DateTimeOffset.UnixEpoch, null);
        var state = RunState.Fold([.. life.Take(8), work]);
        state.Counts["tasks_proposed"].ShouldBe(1);
        state.Version.ShouldBe(8);
        state.Sequence.ShouldBe(99);
        JsonSerializer.Serialize(state with { Counts = RunState.Empty.Counts, Sequence = 8, At = life[7].At })
            .ShouldBe(JsonSerializer.Serialize(RunState.Fold(life.Take(8)) with { Counts = RunState.Empty.Counts }));
    }

    [Fact]
    public async Task The_state_as_of_any_event_is_the_fold_up_to_it()
    {
        var run = Facts.Run();
        var life = Life(run);
        for (var i = 0; i < life.Length; i++)
        {
            await store.Log.AppendAsync(run, "c", [new FactAppend(Ids.RunStream(run), i + 1, life[i])], Cancellation);
            if (i == 7)
                await store.Log.AppendAsync(run, "shard", [new FactAppend(Ids.GroupStream(run, 1, "generator", 0, 0), 1, Facts.Proposed(run))],
                    Cancellation);
        }

        var rows = await RunTimeline.ReadAsync(store.Log, run, cancellation: Cancellation).ToListAsync(Cancellation);
        rows.Count.ShouldBe(life.Length + 1);
        rows.ShouldAllBe(row => row.What.Length > 5 && !row.What.Contains('\n'));
        rows[8].What.ShouldBe("4 tasks proposed (finance, 3 tools, 1 calls)");
        (await RunTimeline.ReadAsync(store.Log, run, lifeOnly: true, cancellation: Cancellation).CountAsync(Cancellation)).ShouldBe(life.Length);
        foreach (var (row, i) in rows.Where(r => r.Stream == Ids.RunStream(run)).Select((row, i) => (row, i)))
        {
            var asOf = await RunTimeline.StateAsync(store.Log, run, row.Sequence, Cancellation);
            var folded = RunState.Fold(Stored(run, life).Take(i + 1));
            (asOf.Version, asOf.Status, asOf.Iteration, asOf.StepsDone).ShouldBe((folded.Version, folded.Status, folded.Iteration, folded.StepsDone));
            asOf.Policies.ShouldBe(folded.Policies);
        }

        var states = new RunStates(store.Database);
        var loaded = await states.LoadAsync(run, Cancellation);
        (loaded.Status, loaded.Version, loaded.Sequence).ShouldBe((RunStatus.Completed, life.Length, rows[^1].Sequence));
        (await states.LatestAsync(run, Cancellation)).ShouldNotBeNull().Version.ShouldBe(life.Length);
        (await states.LatestAsync("unknown", Cancellation)).ShouldBeNull();
        (await states.LoadAsync("unknown", Cancellation)).Status.ShouldBe(RunStatus.NotStarted);
    }
}
