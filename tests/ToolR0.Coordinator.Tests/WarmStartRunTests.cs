using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.WarmStart;
using ToolR0.Testing;

namespace ToolR0.Coordinator.Tests;

/// <summary>The warm start in a whole run: the coordinator, scoring and execution as they are, with models that are fake.</summary>
public sealed class WarmStartRunTests
{
    private static readonly RunOptions Options = Miniature.Options with
    {
        Iterations = 1,
        WarmStart = new WarmStartOptions
        {
            Rounds = 2,
            BatchesPerStep = 2,
            TasksPerTool = 0,
            Generator = new WarmGeneratorOptions { Prompts = 5, Samples = 3, Keep = 7, Fit = new FitOptions { Epochs = 2, Batch = 3 } },
            Solver = new WarmSolverOptions { Samples = 3, Keep = 16, Fit = new FitOptions { Epochs = 1, Batch = 3 } },
        },
        Variation = new VariationOptions { Variants = 2, Curriculum = 0.5 },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_round_samples_and_fits_one_role_after_the_other_before_iteration_1()
    {
        var (_, facts) = await Miniature.PlayedAsync(Options);

        facts.OfType<PhaseStarted>().TakeWhile(phase => phase.Iteration == 0).Select(phase => phase.Phase).ShouldBe(
        [
            Phase.Evaluation,
            Phase.WarmProposals, Phase.WarmGenerator, Phase.WarmAttempts, Phase.WarmSolver,
            Phase.WarmProposals, Phase.WarmGenerator, Phase.WarmAttempts, Phase.WarmSolver,
        ]);
        facts[^1].ShouldBeOfType<RunCompleted>();
        foreach (var phase in new[] { Phase.WarmProposals, Phase.WarmGenerator, Phase.WarmAttempts, Phase.WarmSolver })
        {
            var steps = facts.OfType<StepStarted>().Where(step => step.Phase == phase).ToList();
            steps.Select(step => step.Step).ShouldBe(Enumerable.Range(0, steps.Count), phase.ToString());
        }
    }

    [Fact]
    public async Task Every_fit_begins_at_the_base_and_iteration_1_at_the_last_ones_end()
    {
        var (log, facts) = await Miniature.PlayedAsync(Options);

        foreach (var (phase, role) in new[] { (Phase.WarmGenerator, Role.Generator), (Phase.WarmSolver, Role.Solver) })
        {
            var first = facts.OfType<PhaseStarted>().Where(started => started.Phase == phase).Select(started => started.First).ToList();
            first.Count.ShouldBe(2);
            foreach (var step in first)
                Updated(log, role, step).Base.ShouldBe(Miniature.Base);
            var last = facts.OfType<StepCompleted>().Last(step => step.Phase == phase).Policy.ShouldNotBeNull();
            facts.OfType<StepStarted>().First(step => step.Iteration == 1).Policies[role].ShouldBe(last);
        }

        var second = facts.OfType<StepStarted>().Last(step => step.Phase == Phase.WarmProposals);
        second.Policies[Role.Generator].ShouldNotBe(Miniature.Base, "later rounds sample from the last round's policies");
    }

    [Fact]
    public async Task What_is_fitted_to_passed_the_gate_and_is_each_kept_example_once_an_epoch()
    {
        var (log, facts) = await Miniature.PlayedAsync(Options);

        var selected = facts.OfType<WarmStartSelected>().First(kept => kept.Role == Role.Generator);
        selected.Kept.ShouldNotBeEmpty();
        selected.Kept.Count.ShouldBeLessThanOrEqualTo(Options.WarmStart.Generator.Keep);
        (selected.Kept.Count + selected.Dropped.Values.Sum()).ShouldBe(selected.Samples);
        foreach (var task in selected.Kept)
        {
            log.Stream(task.Stream).OfType<ProposalsGated>().Single().Verdicts.Single(verdict => verdict.Sample == task.Index)
                .Reason.ShouldBeNull();
        }

        var fitted = facts.OfType<StepStarted>().Where(step => step.Phase == Phase.WarmGenerator)
            .Take(WarmStartPlan.Steps(selected, Options.WarmStart)).SelectMany(step => step.Tasks).ToList();
        fitted.CountBy(task => task).ShouldAllBe(count => count.Value == Options.WarmStart.Generator.Fit.Epochs);
        fitted.Distinct().ShouldBe(selected.Kept, ignoreOrder: true);
    }

    [Fact]
    public async Task The_Solver_is_fitted_to_right_answers_and_to_variants_of_the_tasks_that_they_verify()
    {
        var (log, facts) = await Miniature.PlayedAsync(Options);

        var selected = facts.OfType<WarmStartSelected>().Last(kept => kept.Role == Role.Solver);
        var own = selected.Kept.Where(example => StreamKey.Parse(example.Stream).Group == GroupKind.WarmAttempts).ToList();
        var variants = selected.Kept.Except(own).Select(example => log.Stream(example.Stream).OfType<TaskVaried>().Single()).ToList();
        own.ShouldNotBeEmpty();
        variants.ShouldNotBeEmpty();
        foreach (var answer in own)
            log.Stream(answer.Stream).OfType<AttemptsScored>().Single().Scores[answer.Index].Exact.ShouldBeTrue();
        var verified = own.Select(answer => log.Stream(answer.Stream).OfType<TaskAttempted>().Single().Task).ToHashSet();
        variants.ShouldAllBe(variant => verified.Contains(variant.Parent) && variant.Rules.Count > 0);
    }

    [Fact]
    public async Task Half_the_tasks_of_a_Solver_step_are_trained_on_as_variants()
    {
        var (log, facts) = await Miniature.PlayedAsync(Options);

        var attempts = log.All.Select(fact => fact.Fact).OfType<TaskAttempted>().Where(attempt => attempt.Purpose == AttemptPurpose.Train).ToList();
        var varied = attempts.Where(attempt => StreamKey.Parse(attempt.Task.Stream).Group == GroupKind.Variant
            && StreamKey.Parse(attempt.Task.Stream).Kind == StreamKind.Group).ToList();
        varied.Count.ShouldBeInRange(1, attempts.Count - 1);
        var curriculum = facts.OfType<CurriculumSelected>().Single().Tasks.Select(task => task.Task).ToHashSet();
        foreach (var attempt in varied)
            curriculum.ShouldContain(log.Stream(attempt.Task.Stream).OfType<TaskVaried>().Single().Parent);
    }

    [Fact]
    public async Task The_audit_finds_nothing_in_it_and_an_altered_verdict_or_variant_is_found()
    {
        var (log, _) = await Miniature.PlayedAsync(Options);

        var facts = await log.ReadRunAsync(Miniature.Run, cancellation: Cancellation).ToListAsync(Cancellation);
        (await Miniature.AuditAsync(facts.ToAsyncEnumerable())).ShouldBeEmpty();
        (await Miniature.AuditAsync(Altered<ProposalsGated>(facts, gated => gated with { Tokens = gated.Tokens + 1 }))).ShouldNotBeEmpty();
        (await Miniature.AuditAsync(Altered<TaskVaried>(facts, varied => varied with { Rules = ["menu.9"] }))).ShouldNotBeEmpty();
        (await Miniature.AuditAsync(Altered<WarmStartSelected>(facts, kept => kept with { Kept = [.. kept.Kept.Reverse()] }))).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Killing_the_process_in_the_middle_of_it_changes_no_fact()
    {
        var (undisturbed, _) = await Miniature.PlayedAsync(Options);

        var log = await Miniature.StoreAsync();
        await Miniature.InterruptedAsync(log, Miniature.Start(Options), facts => facts.OfType<WarmStartSelected>().Any());
        await Miniature.InterruptedAsync(log, null, facts => facts.OfType<StepCompleted>().Any(step => step.Phase == Phase.WarmGenerator));
        await Miniature.InterruptedAsync(log, null, facts => facts.OfType<WarmStartSelected>().Count() >= 3);
        using (var host = await Miniature.ProcessAsync(log))
        {
            await log.UntilAsync(Miniature.IsOver);
            await host.StopAsync(Cancellation);
        }

        log.Canonical().ShouldBe(undisturbed.Canonical());
    }

    [Fact]
    public async Task A_warm_start_that_keeps_nothing_ends_the_run_and_says_why()
    {
        var (_, facts) = await Miniature.PlayedAsync(Options with { Curriculum = Options.Curriculum with { MinDistinctTools = 100 } });

        var failed = facts[^1].ShouldBeOfType<RunFailed>();
        failed.Cause.ShouldBe(FailureCause.EmptyWarmStart);
        failed.Resumable.ShouldBeFalse();
        failed.Reason.ShouldContain("too_few_tools");
    }

    private static PolicyUpdated Updated(InMemoryFactLog log, Role role, int step) =>
        log.Stream(Ids.PolicyStream(Miniature.Run, 0, role, step)).OfType<PolicyUpdated>().Single();

    private static IAsyncEnumerable<StoredFact> Altered<T>(IReadOnlyList<StoredFact> facts, Func<T, T> change)
        where T : class
    {
        var first = facts.First(fact => fact.Fact is T);
        return facts.Select(fact => fact == first ? fact with { Fact = change((T)fact.Fact) } : fact).ToAsyncEnumerable();
    }
}
