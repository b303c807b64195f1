using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.SelfPlay.Audit;

/// <summary>The curriculum: what was said of each candidate, and what was selected, from the candidates' own payloads.</summary>
internal sealed partial class StepAuditor
{
    private readonly Dictionary<int, CandidateFiltered> _filtered = [];
    private readonly Dictionary<int, CandidateRated> _rated = [];
    private readonly Dictionary<int, CandidateLabelled> _labelled = [];

    /// <summary>What the step's facts give: the selection, and each candidate's outcome with its place.</summary>
    public (CurriculumSelected Fact, IReadOnlyList<FactAppend> Outcomes) Curriculum(StoredFact selected)
    {
        var candidates = Enumerable.Range(0, step.Specs.Count)
            .Select(n => (Filtered: FilteredOf(n), n))
            .Where(candidate => candidate.Filtered is not null)
            .Select(candidate => new FilteredCandidate(new TaskRef(CandidateStream(candidate.n), 0), candidate.n, candidate.Filtered!));
        var verdicts = CurriculumBuilder.Verdicts([.. candidates]);
        var rated = verdicts.Where(verdict => verdict.Survives && RatedOf(verdict.Index) is not null)
            .Select(verdict => new RatedCandidate(verdict, RatedOf(verdict.Index)!, LabelledOf(verdict.Index))).ToList();
        var selection = CurriculumBuilder.Select(rated, step.Iteration, _options);
        var fact = selection.ToFact(step.Run, step.Iteration, verdicts);
        _metrics = StepMetrics.OfCurriculum(fact, selection, verdicts, rated, _options.Specs.KnownTools);
        if (IsFromBeforeCandidateFacts)
            fact = fact with
            {
                Sha256 = Digests.Sha256Hex(
                string.Concat(fact.Tasks.Select(task => Fingerprints.CanonicalText(Task(task.Task)!) + "\n")))
            };
        else
            Missing(verdicts, rated);
        var outcomes = selection.Outcomes(step.Run, step.Iteration, verdicts)
            .Select(outcome => new FactAppend(outcome.Task.Stream, _facts[outcome.Task.Stream].Count + 1, outcome.Fact));
        return (fact, [.. outcomes]);
    }

    /// <summary>Runs of older versions have no facts about single candidates, and a curriculum's SHA-256 over its texts.</summary>
    private bool IsFromBeforeCandidateFacts => !_facts.Values.Any(facts => facts.Any(fact => fact is CandidateFiltered));

    private void CheckCandidate(StoredFact stored, int number)
    {
        object? again = stored.Fact switch
        {
            CandidateFiltered => FilteredOf(number),
            CandidateRated => RatedOf(number),
            _ => LabelledOf(number),
        };
        if (again is null)
            findings.Add(stored.Stream, stored.Version, "fact", stored.Fact.GetType().Name, "nothing: what it was made from is missing");
        else if (again.GetType() != stored.Fact.GetType())
            findings.Add(stored.Stream, stored.Version, "fact", stored.Fact.GetType().Name, again.GetType().Name);
        else
            findings.CompareFacts(stored, again);
    }

    private void Missing(IReadOnlyList<CandidateVerdict> verdicts, IReadOnlyList<RatedCandidate> rated)
    {
        foreach (var verdict in verdicts)
            Need<CandidateFiltered>(verdict.Task.Stream);
        foreach (var verdict in verdicts.Where(verdict => verdict.Survives))
            Need<CandidateRated>(verdict.Task.Stream);
        foreach (var candidate in rated.Where(candidate => candidate.Labelled is not null))
            Need<CandidateLabelled>(StepStream(GroupKind.Label, candidate.Verdict.Index));

        void Need<T>(string stream)
            where T : class
        {
            if (Fact<T>(stream) is null)
                findings.Add(stream, 0, "fact", "nothing", typeof(T).Name);
        }
    }

    private CandidateFiltered? FilteredOf(int n) => Once(_filtered, n, () =>
        Fact<TasksProposed>(CandidateStream(n)) is { Samples.Count: > 0 } proposed
            ? AsStored(n, CandidateFacts.Filter(step.Run, Candidate.Of(proposed, Fact<ToolCallsExecuted>(CandidateStream(n))), guard(), _options))
            : null);

    /// <summary>Without a sketch of its question where it was stored without: an older build made none. Where others have one, the metrics tell that
    /// it was taken away.</summary>
    private CandidateFiltered AsStored(int n, CandidateFiltered made) =>
        made.Kept is { } kept && Fact<CandidateFiltered>(CandidateStream(n)) is { Kept.Sketch: null }
            ? made with { Kept = kept with { Sketch = null } } : made;

    private CandidateRated? RatedOf(int n) => Once(_rated, n, () =>
        Whole(CandidateStream(n)) is { Attempted: var attempt } && Task(new TaskRef(CandidateStream(n), 0)) is { } task
            ? CandidateFacts.Rate(step.Run, task, attempt)
            : null);

    private CandidateLabelled? LabelledOf(int n) => Once(_labelled, n, () =>
        Fact<TaskAttempted>(StepStream(GroupKind.Label, n)) is { } judged ? CandidateFacts.Label(step.Run, judged, _options.Judge) : null);

    private static T? Once<T>(Dictionary<int, T> known, int n, Func<T?> compute)
        where T : class =>
        known.TryGetValue(n, out var value) ? value : compute() is { } made ? known[n] = made : null;
}
