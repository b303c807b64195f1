using Microsoft.Extensions.Hosting;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.Testing;

namespace ToolR0.Coordinator.Tests;

public sealed class MiniatureRunTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_goes_through_all_its_phases_and_completes()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        facts.Select(Describe).ShouldBe(
        [
            "RunStarted",
            "PhaseStarted 0 Evaluation", "StepStarted 0 Evaluation 0", "EvaluationCompleted 0", "StepCompleted 0 Evaluation 0",
            .. Iteration(1),
            .. Iteration(2),
            "RunCompleted",
        ]);
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task An_iteration_that_is_not_measured_goes_on_to_the_next()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(Miniature.Options with { Evaluation = Miniature.Options.Evaluation with { Every = 2 } }),
            Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        facts.Select(Describe).ShouldBe(
        [
            "RunStarted",
            "PhaseStarted 0 Evaluation", "StepStarted 0 Evaluation 0", "EvaluationCompleted 0", "StepCompleted 0 Evaluation 0",
            .. Iteration(1).Where(line => !line.Contains("Evaluation")),
            .. Iteration(2),
            "RunCompleted",
        ]);
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Each_step_starts_from_the_policy_that_the_step_before_left()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        var updates = log.All.Select(fact => fact.Fact).OfType<PolicyUpdated>().ToList();
        foreach (var role in new[] { Role.Generator, Role.Solver })
        {
            var chain = updates.Where(update => update.Role == role).OrderBy(update => update.Iteration).ThenBy(update => update.Step).ToList();
            chain.Count.ShouldBe(4);
            chain[0].Base.ShouldBe(Miniature.Base);
            chain.Skip(1).Select(update => update.Base).ShouldBe(chain.SkipLast(1).Select(update => update.Policy));
        }

        facts[^1].ShouldBe(new RunCompleted(
            Miniature.Run, updates.Last(update => update.Role == Role.Generator).Policy, updates.Last(update => update.Role == Role.Solver).Policy));
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task With_shared_weights_each_phase_goes_on_from_what_the_phase_before_trained()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(Miniature.Options with { SharedWeights = true }), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        var chain = log.All.Select(fact => fact.Fact).OfType<PolicyUpdated>().OrderBy(update => update.Iteration).ThenBy(update => update.Role)
            .ThenBy(update => update.Step).ToList();
        chain.Count.ShouldBe(8);
        chain[0].Base.ShouldBe(Miniature.Base);
        chain.Skip(1).Select(update => update.Base).ShouldBe(chain.SkipLast(1).Select(update => update.Policy));
        foreach (var step in facts.OfType<StepStarted>().Where(step => step.Phase is Phase.Curriculum or Phase.Evaluation))
            step.Policies[Role.Generator].ShouldBe(step.Policies[Role.Solver]);
        facts[^1].ShouldBe(new RunCompleted(Miniature.Run, chain[^1].Policy, chain[^1].Policy));
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Every_candidate_ends_selected_or_rejected_and_the_curriculum_lists_the_selected()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        var curriculum = facts.OfType<CurriculumSelected>().First();
        curriculum.Tasks.ShouldNotBeEmpty();
        (curriculum.Tasks.Count + curriculum.Rejected.Values.Sum()).ShouldBe(curriculum.Candidates);
        for (var n = 0; n < curriculum.Candidates; n++)
        {
            var stream = Ids.TaskStream(Miniature.Run, 1, n);
            var last = log.Stream(stream)[^1];
            var position = curriculum.Tasks.ToList().FindIndex(task => task.Task.Stream == stream);
            if (position < 0)
                last.ShouldBeOfType<TaskRejected>();
            else
                last.ShouldBeOfType<TaskSelected>().Position.ShouldBe(position);
        }

        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Steps_report_wall_time_model_time_and_tokens()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        foreach (var step in facts.OfType<StepCompleted>())
        {
            step.Metrics["wallSeconds"].ShouldBeGreaterThan(0);
            step.Metrics[MetricNames.TokensSampled].ShouldBeGreaterThan(0);
            step.Metrics["modelSeconds"]
                .ShouldBe(step.Phase is Phase.Generator or Phase.Curriculum ? 0.005 : 0, tolerance: step.Phase == Phase.Generator ? 0.05 : 0.5);
        }

        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Killing_the_process_in_the_middle_changes_no_fact()
    {
        var (undisturbed, _) = await Miniature.PlayedAsync(Miniature.Options);

        var log = await Miniature.StoreAsync();
        await Miniature.InterruptedAsync(log, Miniature.Start(), facts => facts.OfType<StepCompleted>().Count() >= 2);
        await Miniature.InterruptedAsync(log, null, facts => facts.OfType<CurriculumSelected>().Any());
        await Miniature.InterruptedAsync(log, null, facts => facts.OfType<StepCompleted>().Count() >= 8);
        using (var host = await Miniature.ProcessAsync(log))
        {
            await log.UntilAsync(Miniature.IsOver);
            await host.StopAsync(Cancellation);
        }

        log.Canonical().ShouldBe(undisturbed.Canonical());
    }

    [Fact]
    public async Task Under_a_divergence_term_the_base_is_asked_about_every_group_that_is_learned_from_once_and_the_run_audits()
    {
        var options = Miniature.Options with { Iterations = 1, Learning = Miniature.Options.Learning with { KlWeight = 0.1 } };
        var log = await Miniature.StoreAsync();
        await Miniature.InterruptedAsync(log, Miniature.Start(options), facts => facts.OfType<StepCompleted>().Count() >= 2);
        using var host = await Miniature.ProcessAsync(log);
        (await log.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunCompleted>();

        var learned = log.All.Select(fact => fact.Fact).OfType<PolicyUpdated>().SelectMany(update => update.Groups).ToList();
        log.All.Where(fact => fact.Fact is ReferenceMeasured).Select(fact => fact.Stream).ShouldBe(learned, ignoreOrder: true);
        log.All.Select(fact => fact.Fact).OfType<ReferenceMeasured>().ShouldAllBe(measured => measured.Policy == Miniature.Base);
        (await Miniature.AuditAsync(log)).ShouldBeEmpty();
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Answers_that_come_twice_and_commands_sent_twice_change_no_fact()
    {
        var log = await Miniature.StoreAsync();
        var work = new FakeWork();
        using var host = await Miniature.ProcessAsync(log, work, bus => bus.AddConsumer<Echo>());

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        await host.Sender().SendAsync(Miniature.Start(Miniature.Options with { Iterations = 1 }), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        facts.OfType<RunStarted>().Count().ShouldBe(1);
        facts.OfType<StepCompleted>().Count().ShouldBe(13);
        facts[^1].ShouldBeOfType<RunCompleted>();
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_shard_that_cannot_be_answered_ends_the_run_with_its_reason()
    {
        var log = await Miniature.StoreAsync();
        var work = new FakeWork
        {
            Before = command =>
            command is TrainPolicy ? throw new ShardRefusedException("the disk is full") : Task.CompletedTask
        };
        using var host = await Miniature.ProcessAsync(log, work);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        facts[^1].ShouldBeOfType<RunFailed>().Reason.ShouldBe("shard/mini/1/generator/0/train/0: the disk is full");
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_run_that_failed_is_resumed_when_its_cause_is_mended_and_ends_as_if_nothing_had_happened()
    {
        var undisturbed = await Miniature.StoreAsync();
        using (var quiet = await Miniature.ProcessAsync(undisturbed))
        {
            await quiet.Sender().SendAsync(Miniature.Start(), Cancellation);
            await undisturbed.UntilAsync(Miniature.IsOver);
            await quiet.StopAsync(Cancellation);
        }

        var log = await Miniature.StoreAsync();
        var broken = true;
        var work = new FakeWork
        {
            Before = command => broken && command is AttemptTasks { Purpose: AttemptPurpose.Verify }
                ? throw new ShardRefusedException("the disk is full") : Task.CompletedTask,
        };
        using var host = await Miniature.ProcessAsync(log, work);
        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        (await log.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunFailed>().Resumable.ShouldBeTrue();

        broken = false;
        await host.Sender().SendAsync(new ResumeRun(Miniature.Run), Cancellation);
        var facts = await log.UntilAsync(facts => facts[^1] is RunCompleted);

        facts.Where(fact => fact is not (RunFailed or RunResumed)).Select(Describe)
            .ShouldBe(undisturbed.Stream(Ids.RunStream(Miniature.Run)).Select(Describe));
        facts[^1].ShouldBe(undisturbed.Stream(Ids.RunStream(Miniature.Run))[^1]);
        facts.OfType<CurriculumSelected>().Select(c => c.Sha256)
            .ShouldBe(undisturbed.Stream(Ids.RunStream(Miniature.Run)).OfType<CurriculumSelected>().Select(c => c.Sha256));
        (await Miniature.AuditAsync(log)).ShouldBeEmpty();
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_paused_run_finishes_its_shards_and_goes_on_when_resumed()
    {
        var log = await Miniature.StoreAsync();
        var paused = new TaskCompletionSource();
        IHost? host = null;
        var work = new FakeWork
        {
            Before = async command =>
            {
                if (command is TrainPolicy && paused.TrySetResult())
                    await host!.Sender().SendAsync(new PauseRun(Miniature.Run), Cancellation);
            },
        };
        host = await Miniature.ProcessAsync(log, work);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        await log.UntilAsync(facts => facts.OfType<RunPaused>().Any());
        await Task.Delay(500, Cancellation);
        log.Stream(Ids.PolicyStream(Miniature.Run, 1, Role.Generator, 0)).Count.ShouldBe(1);
        log.Stream(Ids.RunStream(Miniature.Run))[^1].ShouldBeOfType<RunPaused>();

        await host.Sender().SendAsync(new ResumeRun(Miniature.Run), Cancellation);
        (await log.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunCompleted>();
        await host.StopAsync(Cancellation);
        host.Dispose();
    }

    [Fact]
    public async Task No_held_out_item_reaches_a_curriculum()
    {
        var log = await Miniature.StoreAsync();
        var items = FakeModels.HeldOutItems;
        using var host = await Miniature.ProcessAsync(log);

        await host.Sender().SendAsync(Miniature.Start(), Cancellation);
        var facts = await log.UntilAsync(Miniature.IsOver);

        facts.OfType<CurriculumSelected>().ShouldAllBe(curriculum => curriculum.Rejected.ContainsKey(Rejections.HeldOut));
        var trained = log.All.Select(fact => fact.Fact).OfType<TaskAttempted>().Where(attempt => attempt.Purpose == AttemptPurpose.Train)
            .Select(attempt => TaskSource.Resolve(attempt.Task, log.Stream(attempt.Task.Stream))!.Question).ToHashSet();
        trained.ShouldNotBeEmpty();
        trained.Overlaps(items.Select(item => item.Task.Question)).ShouldBeFalse();
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Tasks_in_which_no_tool_fits_go_through_the_whole_run_and_its_audit()
    {
        var log = await Miniature.StoreAsync();
        using var host = await Miniature.ProcessAsync(log);
        var options = Miniature.Options with
        {
            Specs = Miniature.Options.Specs with { Calls = new Dictionary<int, double> { [0] = 0.5, [1] = 0.5 } }
        };

        await host.Sender().SendAsync(Miniature.Start(options), Cancellation);
        (await log.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunCompleted>();

        var refusals = log.All.Where(fact => fact.Fact is TaskAttempted attempt && TaskOf(log, attempt).Gold.Count == 0).ToList();
        foreach (var purpose in new[] { AttemptPurpose.Probe, AttemptPurpose.Verify, AttemptPurpose.Train })
            refusals.ShouldContain(fact => ((TaskAttempted)fact.Fact).Purpose == purpose);
        refusals.SelectMany(fact => log.Stream(fact.Stream)).OfType<AttemptsScored>().SelectMany(scored => scored.Scores).Select(score => score.Total)
            .Distinct().Order()
            .ShouldBe([1.0, 2.0]);
        (await Miniature.AuditAsync(log)).ShouldBeEmpty();
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_repetition_penalty_over_the_batch_is_the_same_however_the_step_is_cut_and_audits()
    {
        var batch = Miniature.Options with
        {
            Iterations = 1,
            Generator = Miniature.Options.Generator with
            {
                Reward = Miniature.Options.Generator.Reward with { RepetitionScope = RepetitionScope.Batch }
            },
        };
        var whole = await ScoresAsync(batch with { Dispatch = new DispatchOptions { PromptsPerShard = 3 } });
        var cut = await ScoresAsync(batch with { Dispatch = new DispatchOptions { PromptsPerShard = 1 } }, workers: 4);
        cut.ShouldBe(whole);

        var grouped = await ScoresAsync(batch with { Generator = Miniature.Options.Generator });
        grouped.ShouldNotBe(whole);

        static async Task<List<(string, int, double, double)>> ScoresAsync(RunOptions options, int workers = 2)
        {
            var log = await Miniature.StoreAsync();
            using var host = await Miniature.ProcessAsync(log, workers: workers);
            await host.Sender().SendAsync(Miniature.Start(options), Cancellation);
            (await log.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunCompleted>();
            (await Miniature.AuditAsync(log)).ShouldBeEmpty();
            await host.StopAsync(Cancellation);
            return [.. log.All.Where(fact => fact.Fact is ProposalsScored).OrderBy(fact => fact.Stream, StringComparer.Ordinal)
                .SelectMany(fact => ((ProposalsScored)fact.Fact).Scores.Select(score =>
                    (fact.Stream, score.Sample, score.Repetition, score.Advantage)))];
        }
    }

    [Fact]
    public async Task A_judge_scores_proposals_and_labels_candidates_and_a_killed_process_changes_nothing_it_said()
    {
        var options = Miniature.Options with
        {
            Generator = Miniature.Options.Generator with { Reward = Miniature.Options.Generator.Reward with { CoherenceWeight = 0.5 } },
            Curriculum = Miniature.Options.Curriculum with { LabelBy = LabelBy.Judge },
        };
        var undisturbed = await Miniature.StoreAsync();
        using (var host = await Miniature.ProcessAsync(undisturbed))
        {
            await host.Sender().SendAsync(Miniature.Start(options), Cancellation);
            (await undisturbed.UntilAsync(Miniature.IsOver))[^1].ShouldBeOfType<RunCompleted>();
            await host.StopAsync(Cancellation);
        }

        (await Miniature.AuditAsync(undisturbed)).ShouldBeEmpty();
        undisturbed.All.Select(fact => fact.Fact).OfType<ProposalsScored>().SelectMany(scored => scored.Scores)
            .ShouldContain(score => score.Coherence > 0);
        undisturbed.Stream(Ids.RunStream(Miniature.Run)).OfType<CurriculumSelected>()
            .ShouldAllBe(c => c.Tasks.All(task => task.Label == "easy" || task.Label == "hard"));

        var log = await Miniature.StoreAsync();
        await Miniature.InterruptedAsync(
            log, Miniature.Start(options), _ => log.All.Any(fact => fact.Fact is TaskAttempted { Purpose: AttemptPurpose.Judge }));
        await Miniature.InterruptedAsync(log, null, _ => log.All.Any(fact => fact.Fact is TaskAttempted { Purpose: AttemptPurpose.Label }));
        using (var host = await Miniature.ProcessAsync(log))
        {
            await log.UntilAsync(Miniature.IsOver);
            await host.StopAsync(Cancellation);
        }

        log.Canonical().ShouldBe(undisturbed.Canonical());
    }

    private static ToolTask TaskOf(InMemoryFactLog log, TaskAttempted attempt) =>
        TaskSource.Resolve(attempt.Task, log.Stream(attempt.Task.Stream)).ShouldNotBeNull();

    private static IEnumerable<string> Iteration(int i) =>
    [
        $"IterationStarted {i}",
        $"PhaseStarted {i} Generator", $"StepStarted {i} Generator 0", $"StepCompleted {i} Generator 0", $"StepStarted {i} Generator 1",
        $"StepCompleted {i} Generator 1",
        $"PhaseStarted {i} Curriculum", $"StepStarted {i} Curriculum 0", $"CurriculumSelected {i}", $"StepCompleted {i} Curriculum 0",
        $"PhaseStarted {i} Solver", $"StepStarted {i} Solver 0", $"StepCompleted {i} Solver 0", $"StepStarted {i} Solver 1",
        $"StepCompleted {i} Solver 1",
        $"PhaseStarted {i} Evaluation", $"StepStarted {i} Evaluation 0", $"EvaluationCompleted {i}", $"StepCompleted {i} Evaluation 0",
    ];

    private static string Describe(object fact) => fact switch
    {
        IterationStarted e => $"IterationStarted {e.Iteration}",
        PhaseStarted e => $"PhaseStarted {e.Iteration} {e.Phase}",
        StepStarted e => $"StepStarted {e.Iteration} {e.Phase} {e.Step}",
        StepCompleted e => $"StepCompleted {e.Iteration} {e.Phase} {e.Step}",
        CurriculumSelected e => $"CurriculumSelected {e.Iteration}",
        EvaluationCompleted e => $"EvaluationCompleted {e.Iteration}",
        _ => fact.GetType().Name,
    };
}
