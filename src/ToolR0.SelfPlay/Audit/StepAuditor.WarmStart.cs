using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Variation;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.SelfPlay.Audit;

/// <summary>The warm start: the gate's verdicts, variants, what is kept, and what the fits learn from.</summary>
internal sealed partial class StepAuditor
{
    private IReadOnlyDictionary<string, VariantPlan>? _variants;
    private IReadOnlyList<VariantPlan?>? _curriculumPlans;
    private IReadOnlyList<TaskRef>? _attempted;

    private IReadOnlyList<VariantPlan?> CurriculumPlans =>
        _curriculumPlans ??= CurriculumVariants.Plan(step.Run, step.Iteration, step.Step, step.Tasks, selected, _options);

    /// <summary>What a Solver step trains on: its tasks, or variants in their place.</summary>
    private IReadOnlyList<TaskRef> Attempted => _attempted ??= CurriculumVariants.Attempted(step.Tasks, CurriculumPlans);

    /// <summary>What the facts so far give for a step in which the warm start samples; null, with a finding, where some are missing.</summary>
    public WarmStartSelected? WarmStartSelected(StoredFact stored)
    {
        try
        {
            var rounds = warm.Of(step.Run, _options);
            if (step.Phase == Phase.WarmProposals)
            {
                var proposals = rounds.SelectProposals(step.Step);
                _metrics = StepMetrics.OfWarmProposals(
                    proposals, step.Specs.Select((_, n) => Fact<ProposalsGated>(Stream(n))).OfType<ProposalsGated>());
                return proposals;
            }

            var attempts = rounds.SelectAttempts(step.Step);
            _metrics = StepMetrics.OfWarmAttempts(
                attempts, step.Tasks.SelectMany((_, n) => _facts.GetValueOrDefault(Stream(n), []).Select(fact => (Stream(n), fact))));
            return attempts;
        }
        catch (KeyNotFoundException missing)
        {
            findings.Add(stored.Stream, stored.Version, "kept", "some", $"nothing: {missing.Message}");
            return null;
        }
    }

    private void CheckGate(ProposalsGated gated, StoredFact stored)
    {
        warm.Add(stored.Stream, gated);
        if (Fact<TasksProposed>(stored.Stream) is not { } proposed || Fact<ToolCallsExecuted>(stored.Stream) is not { } executed)
        {
            findings.Add(stored.Stream, stored.Version, "verdicts", "some", "nothing: proposals or executions are missing");
            return;
        }

        findings.CompareFacts(stored, WarmGate.Judge(step.Run, proposed, executed, guard(), _options));
        foreach (var task in gated.Verdicts.Where(verdict => verdict.Kept is not null).Select(verdict => new TaskRef(stored.Stream, verdict.Sample)))
        {
            if (TaskSource.Resolve(task, _facts[task.Stream]) is { } known)
                warm.Tasks[task] = known;
        }
    }

    private void CheckVariant(TaskVaried varied, StoredFact stored)
    {
        warm.Add(stored.Stream, varied);
        warm.Tasks[new TaskRef(stored.Stream, 0)] = varied.Task;
        try
        {
            _variants ??= (step.Phase == Phase.Solver ? CurriculumPlans.OfType<VariantPlan>() : warm.Of(step.Run, _options).Variants(step.Step))
                .ToDictionary(plan => plan.To.Stream);
        }
        catch (KeyNotFoundException missing)
        {
            findings.Add(stored.Stream, stored.Version, "task", "some", $"nothing: {missing.Message}");
            return;
        }

        if (!_variants.TryGetValue(stored.Stream, out var plan) || Task(plan.Parent) is not { } parent
            || plan.Others.Any(other => Task(other) is null))
            findings.Add(stored.Stream, stored.Version, "task", "some", "nothing: no such variant was planned, or its tasks are missing");
        else
            findings.CompareFacts(
                stored, WarmVariants.Make(step.Run, plan, parent, [.. plan.Others.Select(other => Task(other)!)], _options.Variation));
    }

    /// <summary>Proposals or attempts of the warm start's first round were asked for with demonstrations.</summary>
    private Contracts.Options.PromptOptions PromptsOf(string stream, bool generator) =>
        generator ? WarmStartPrompts.OfGenerator(StreamKey.Parse(stream), _options) : WarmStartPrompts.OfSolver(StreamKey.Parse(stream), _options);
}
