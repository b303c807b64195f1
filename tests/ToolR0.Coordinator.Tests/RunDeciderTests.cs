using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Coordinator.Loop;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Coordinator.Tests;

/// <summary>Given these facts of the run, when this message comes, then these events or commands follow.</summary>
public sealed class RunDeciderTests
{
    private const string Run = Miniature.Run;

    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_started_run_evaluates_its_base_model_first()
    {
        var then = When(RunInFlight.None, Miniature.Start());

        then.Events.Select(fact => fact.GetType()).ShouldBe([typeof(RunStarted), typeof(PhaseStarted), typeof(StepStarted)]);
        then.Events[1].ShouldBe(new PhaseStarted(Run, 0, Phase.Evaluation, 1));
        var step = then.Events[2].ShouldBeOfType<StepStarted>();
        step.Tasks.ShouldBe(Enumerable.Range(0, 10).Select(i => new TaskRef(Ids.HeldOutStream(Miniature.HeldOut.Sha256), i)));
        step.Policies[Role.Solver].ShouldBe(Miniature.Base);
    }

    [Fact]
    public void Without_held_out_sets_the_first_iteration_comes_at_once()
    {
        var then = When(RunInFlight.None, Miniature.Start() with { HeldOut = [] });

        then.Events[1].ShouldBe(new IterationStarted(Run, 1, Miniature.Base, Miniature.Base));
        then.Events[2].ShouldBe(new PhaseStarted(Run, 1, Phase.Generator, 2));
    }

    [Theory]
    [InlineData(1, new[] { 1, 2, 3, 4 })]
    [InlineData(2, new[] { 2, 4 })]
    [InlineData(3, new[] { 3, 4 })]
    [InlineData(9, new[] { 4 })]
    public void Between_the_base_and_the_last_iteration_only_every_nth_is_measured(int every, int[] measured)
    {
        var evaluation = new EvaluationOptions { Every = every };

        Enumerable.Range(0, 5).Where(iteration => evaluation.IsDue(iteration, iterations: 4)).ShouldBe([0, .. measured]);
    }

    [Fact]
    public void A_frozen_Generator_goes_straight_to_the_curriculum()
    {
        var frozen = Miniature.Options with { Generator = Miniature.Options.Generator with { Train = false } };

        var then = When(RunInFlight.None, Miniature.Start(frozen) with { HeldOut = [] });

        then.Events.OfType<PhaseStarted>().Single().Phase.ShouldBe(Phase.Curriculum);
    }

    [Fact]
    public void Options_that_break_a_rule_fail_the_run_with_the_rule()
    {
        var wrong = Miniature.Options with { Iterations = 0 };

        var then = When(RunInFlight.None, Miniature.Start(wrong));

        then.Events.Count.ShouldBe(2);
        then.Events[1].ShouldBeOfType<RunFailed>().Reason.ShouldContain("iterations");
    }

    [Fact]
    public void A_start_that_comes_twice_is_ignored() => When(Given(GeneratorStep()), Miniature.Start()).ShouldBeNothing();

    [Fact]
    public void A_message_for_a_run_that_is_not_there_is_ignored() => When(RunInFlight.None, new PauseRun(Run)).ShouldBeNothing();

    [Fact]
    public void A_step_begins_with_its_first_stage_cut_into_shards()
    {
        var then = When(Given(GeneratorStep()), new Continue());

        var shards = then.Commands.Cast<ProposeTasks>().ToList();
        shards.Select(shard => shard.Shard).ShouldBe(["shard/mini/1/generator/0/propose/0", "shard/mini/1/generator/0/propose/1"]);
        shards.SelectMany(shard => shard.Groups).Select(group => group.To.Stream)
            .ShouldBe(["group/mini/1/generator/0/0", "group/mini/1/generator/0/1", "group/mini/1/generator/0/2"]);
        shards[0].Groups[1].Seeds.ShouldBe(
            [Seeds.Completion(Miniature.Options.Seed, 1, "generator", 0, 1, 0), Seeds.Completion(Miniature.Options.Seed, 1, "generator", 0, 1, 1)]);
        shards[0].Policy.ShouldBe(Miniature.Base);
    }

    [Fact]
    public void A_stage_waits_for_all_its_shards()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;

        var first = When(given, Stored("shard/mini/1/generator/0/propose/1"));
        first.ShouldBeNothing();
        var then = When(first.State, Stored("shard/mini/1/generator/0/propose/0"));

        then.Commands.Cast<ExecuteToolCalls>().SelectMany(command => command.Groups).Count().ShouldBe(3);
    }

    [Fact]
    public void An_answer_that_comes_twice_counts_once()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;

        var first = When(given, Stored("shard/mini/1/generator/0/propose/1"));

        When(first.State, Stored("shard/mini/1/generator/0/propose/1")).ShouldBeNothing();
    }

    [Theory]
    [InlineData("shard/mini/1/generator/1/propose/0")]
    [InlineData("shard/mini/0/evaluation/0/attempt/0")]
    public void An_answer_for_another_step_is_ignored(string shard)
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;

        var then = When(given, Stored(shard));

        then.ShouldBeNothing();
        then.State.ShouldBe(given);
    }

    [Fact]
    public void A_paused_run_takes_answers_and_dispatches_no_more()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State.Apply(new RunPaused(Run), Noon);

        var then = When(When(given, Stored("shard/mini/1/generator/0/propose/0")).State, Stored("shard/mini/1/generator/0/propose/1"));

        then.ShouldBeNothing();
        var resumed = then.State.Apply(new RunResumed(Run), Noon.AddMinutes(1));
        When(resumed, new Continue()).Commands.ShouldAllBe(command => command is ExecuteToolCalls);
        resumed.Step!.Paused.ShouldBe(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Pausing_and_resuming_twice_is_once()
    {
        var running = Given(GeneratorStep());
        var paused = running.Apply(new RunPaused(Run), Noon);

        When(running, new PauseRun(Run)).Events.ShouldBe([new RunPaused(Run)]);
        When(paused, new PauseRun(Run)).ShouldBeNothing();
        When(paused, new ResumeRun(Run)).Events.ShouldBe([new RunResumed(Run)]);
        When(running, new ResumeRun(Run)).ShouldBeNothing();
    }

    [Fact]
    public void A_cancelled_run_stays_cancelled()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;
        When(given, new CancelRun(Run, "enough")).Events.ShouldBe([new RunCancelled(Run, "enough")]);

        var cancelled = given.Apply(new RunCancelled(Run, "enough"), Noon);

        When(cancelled, Stored("shard/mini/1/generator/0/propose/0")).ShouldBeNothing();
        When(cancelled, new ResumeRun(Run)).ShouldBeNothing();
        When(cancelled, new Continue()).ShouldBeNothing();
    }

    [Fact]
    public void A_failed_shard_fails_the_run_only_while_it_is_outstanding()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;
        var failure = new ShardFailed(Run, "shard/mini/1/generator/0/propose/0", "no such policy");

        When(given, failure).Events.ShouldBe([new RunFailed(Run, "shard/mini/1/generator/0/propose/0: no such policy")]);
        When(When(given, Stored(failure.Shard)).State, failure).ShouldBeNothing();
    }

    [Fact]
    public void Without_anything_to_probe_proposals_are_scored_at_once()
    {
        var given = Answer(When(Given(GeneratorStep()), new Continue()));
        given = Answer(given);
        given.Read.ShouldNotBeNull().Places.Count.ShouldBe(3);
        var broken = FakeModels.Sampled(1, "I would rather talk about the weather");
        var facts = Enumerable.Range(0, 3).ToDictionary(
            n => Ids.GroupStream(Run, 1, "generator", 0, n),
            n => Stream($"group/{Run}/1/generator/0/{n}", Proposed([broken, broken]),
                new ToolCallsExecuted(Run, [new SampleExecution(0, []), new SampleExecution(1, [])])));

        var then = When(given.State, new StepRead(new Facts(facts)));

        then.Commands.Cast<ScoreProposals>().SelectMany(command => command.Groups).SelectMany(group => group.Probes)
            .ShouldAllBe(probe => probe == null);
    }

    [Fact]
    public void The_last_stage_is_one_update_from_all_groups_and_knows_where_the_phase_began()
    {
        var solver = Digests.Sha256Hex("solver 1");
        var tasks = Enumerable.Range(0, 4).Select(n => new TaskRef(Ids.TaskStream(Run, 1, n), 0)).ToList();
        var given = Given(
            new IterationStarted(Run, 1, Miniature.Base, Miniature.Base),
            new PhaseStarted(Run, 1, Phase.Solver, 2),
            SolverStep(0, tasks, Miniature.Base),
            new StepCompleted(Run, 1, Phase.Solver, 0, solver, new Dictionary<string, double>()),
            SolverStep(1, tasks, solver));

        var then = Answer(Answer(Answer(When(given, new Continue()))));

        var train = then.Commands.ShouldHaveSingleItem().ShouldBeOfType<TrainPolicy>();
        train.ShouldBe(new TrainPolicy(Run, "shard/mini/1/solver/1/train/0", new StreamPlace("policy/mini/1/solver/1", 1), Role.Solver, 1, 1, 2,
            solver, Miniature.Base, train.Groups));
        train.Groups.ShouldBe(Enumerable.Range(0, 4).Select(n => Ids.GroupStream(Run, 1, "solver", 1, n)));
    }

    [Fact]
    public void An_empty_curriculum_fails_the_run_and_says_why()
    {
        var specs = GeneratorStep().OfType<StepStarted>().Single().Specs;
        var given = Given(
            new IterationStarted(Run, 1, Miniature.Base, Miniature.Base),
            new PhaseStarted(Run, 1, Phase.Curriculum, 1),
            new StepStarted(Run, 1, Phase.Curriculum, 0, specs, [], Policies(Miniature.Base)));
        var facts = Enumerable.Range(0, 3).Select(n => new StoredFact(
            Ids.TaskStream(Run, 1, n), 3, n + 1, new CandidateFiltered(Run, "math", Rejections.MissingTags, null, null, 2), Noon, null)).ToList();

        var filtered = Answer(Answer(Answer(When(given, new Continue()))));
        filtered.Read.ShouldBe(new StepReads(filtered.Read!.Places, Exactly: true));
        filtered.Read.Places.ShouldBe(Enumerable.Range(0, 3).Select(n => new StreamPlace(Ids.TaskStream(Run, 1, n), 3)));
        var end = When(filtered.State, new StepRead(new Facts(facts)));
        var then = When(end.State, new StepRead(new Facts(facts)));

        then.Events.Select(fact => fact.GetType()).ShouldBe([typeof(CurriculumSelected), typeof(StepCompleted), typeof(RunFailed)]);
        var failed = then.Events[2].ShouldBeOfType<RunFailed>();
        failed.Reason.ShouldStartWith("the curriculum of iteration 1 is empty: of 3 candidates none was selected (");
        failed.Reason.ShouldEndWith("start another run with other options");
        failed.Resumable.ShouldBeFalse();
        then.TaskFacts.Select(fact => (fact.Stream, fact.Version)).ShouldBe(Enumerable.Range(0, 3).Select(n => (Ids.TaskStream(Run, 1, n), 4L)));

        var over = then.Events.Aggregate(end.State, (run, fact) => run.Apply(fact, Noon));
        When(over, new ResumeRun(Run)).ShouldBeNothing();
    }

    [Fact]
    public void A_run_that_failed_for_a_reason_outside_of_it_goes_on_with_its_step_when_resumed()
    {
        var given = When(Given(GeneratorStep()), new Continue()).State;
        var failure = When(given, new ShardFailed(Run, "shard/mini/1/generator/0/propose/0", "the disk is full")).Events.ShouldHaveSingleItem();
        var failed = given.Apply(failure, Noon);
        When(failed, Stored("shard/mini/1/generator/0/propose/1")).ShouldBeNothing();

        When(failed, new ResumeRun(Run)).Events.ShouldBe([new RunResumed(Run)]);
        var resumed = failed.Apply(new RunResumed(Run), Noon.AddHours(1));

        resumed.State.Reason.ShouldBeNull();
        resumed.Step!.Paused.ShouldBe(TimeSpan.FromHours(1));
        When(resumed, new Continue()).Commands.Select(command => command.Shard)
            .ShouldBe(["shard/mini/1/generator/0/propose/0", "shard/mini/1/generator/0/propose/1"]);
    }

    [Fact]
    public void Options_that_break_a_rule_can_never_be_resumed()
    {
        var failed = When(RunInFlight.None, Miniature.Start(Miniature.Options with { Iterations = 0 })).Events.Aggregate(
            RunInFlight.None, (run, fact) => run.Apply(fact, Noon));

        failed.State.IsResumable.ShouldBeFalse();
        When(failed, new ResumeRun(Run)).ShouldBeNothing();
    }

    [Fact]
    public void Model_time_side_by_side_counts_once()
    {
        ModelInterval Interval(int from, int to) => new(Noon.AddSeconds(from), Noon.AddSeconds(to));

        StepEnd.UnionSeconds([Interval(5, 7), Interval(0, 3), Interval(1, 2), Interval(2, 4)]).ShouldBe(6);
        StepEnd.UnionSeconds([]).ShouldBe(0);
    }

    [Theory]
    [InlineData(8, 2, 4, 0, new[] { 0, 1, 2, 3 })]
    [InlineData(8, 2, 4, 1, new[] { 4, 5, 6, 7 })]
    [InlineData(16, 2, 4, 1, new[] { 8, 10, 12, 14 })]
    [InlineData(6, 3, 4, 0, new[] { 0, 1, 2, 3 })]
    [InlineData(6, 3, 4, 1, new[] { 1, 2, 3, 4 })]
    [InlineData(6, 3, 4, 2, new[] { 2, 3, 4, 5 })]
    [InlineData(3, 2, 4, 1, new[] { 0, 1, 2, 0 })]
    public void Steps_walk_through_the_curriculum_from_easy_to_hard(int tasks, int steps, int prompts, int step, int[] expected) =>
        TrainingOrder.Positions(tasks, steps, prompts, step).ShouldBe(expected);

    private static RunInFlight Given(params object[] facts)
    {
        var start = new RunStarted(Run, Miniature.Options, Miniature.Base, [], "0.1.0");
        return facts.Prepend(start).Aggregate(RunInFlight.None, (progress, fact) => progress.Apply(fact, Noon));
    }

    private static Decision When(RunInFlight given, object message) => RunDecider.Decide(given, message, Noon.AddSeconds(1));

    /// <summary>Answers every command of a decision.</summary>
    private static Decision Answer(Decision decision) =>
        decision.Commands.Aggregate(decision, (last, command) => When(last.State, Stored(command.Shard)));

    private static FactsStored Stored(string shard) => new(Run, shard, Noon, Noon);

    private static object[] GeneratorStep()
    {
        var opened = When(RunInFlight.None, Miniature.Start() with { HeldOut = [] }).Events;
        return [.. opened.Skip(1)];
    }

    private static StepStarted SolverStep(int step, IReadOnlyList<TaskRef> tasks, string solver) =>
        new(Run, 1, Phase.Solver, step, [], tasks, Policies(solver));

    private static Dictionary<Role, string> Policies(string solver) => new() { [Role.Generator] = Miniature.Base, [Role.Solver] = solver };

    private static TasksProposed Proposed(Trajectory[] samples) =>
        new(Run, new TaskSpec("math", TaskContext.SingleTurn, 2, 1), Miniature.Base, [1], samples, Digests.OfGroup([1], samples));

    private static IReadOnlyList<StoredFact> Stream(string name, params object[] facts) =>
        [.. facts.Select((fact, i) => new StoredFact(name, i + 1, i + 1, fact, Noon, null))];
}

internal static class DecisionAssertions
{
    public static void ShouldBeNothing(this Decision decision)
    {
        decision.Events.ShouldBeEmpty();
        decision.Commands.ShouldBeEmpty();
        decision.TaskFacts.ShouldBeEmpty();
        decision.Read.ShouldBeNull();
    }
}
