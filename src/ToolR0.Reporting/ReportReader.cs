using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Reporting;

/// <summary>
/// Reads a run into a <see cref="RunReport"/> with examples: its own stream, the kept views of its work, and the streams of the examples. Nothing
/// else of the run is read, whatever its size.
/// </summary>
/// <param name="views">Null: folded from the streams concerned.</param>
public sealed class ReportReader(IFactLog log, IRunViews? views = null)
{
    /// <summary>How many tasks per iteration and how many answers per held-out set are shown.</summary>
    public const int TasksPerIteration = 4, AnswersPerSet = 5, RejectedReasons = 8;

    private readonly IRunViews _views = views ?? new FoldedViews(log);

    /// <exception cref="UserErrorException">There is no such run.</exception>
    public async Task<RunReport> ReadAsync(string run, CancellationToken cancellation = default)
    {
        var facts = await log.ReadFromAsync(Ids.RunStream(run), 0, cancellation);
        if (facts.Count == 0)
            throw new UserErrorException($"there is no run '{run}' in the store");
        var fold = new ReportFold();
        foreach (var stored in facts)
            fold.Add(stored);
        var report = fold.Build(await log.CountAsync(run, cancellation));
        var answers = await AnswersAsync(report.State, cancellation);
        return report with
        {
            TaskExamples = await TasksAsync(report, cancellation),
            AnswerExamples = [.. answers.SelectMany(set => Examples(set.Answers))],
            Failures = answers,
            RejectedExamples = await RejectedAsync(report.State, cancellation),
        };
    }

    private async Task<IReadOnlyList<TaskExample>> TasksAsync(RunReport report, CancellationToken cancellation)
    {
        // Spread over the order of training: from the easiest to the hardest.
        var picked = report.State.Curricula.Values
            .SelectMany(curriculum => Spread(curriculum.Tasks, TasksPerIteration).Select(task => (curriculum.Iteration, Task: task)))
            .ToList();
        var streams = await log.ReadAsync([.. picked.Select(pick => pick.Task.Task.Stream).Distinct()], cancellation);
        var examples = new List<TaskExample>();
        foreach (var (iteration, task) in picked)
        {
            if (streams.TryGetValue(task.Task.Stream, out var facts) && TaskSource.Resolve(task.Task, facts[0].Fact) is { } resolved)
                examples.Add(new TaskExample(iteration, task.Domain, task.Label, task.PassRate, resolved));
        }

        return examples;
    }

    /// <summary>One candidate of each reason, the most frequent reasons first.</summary>
    private async Task<IReadOnlyList<RejectedExample>> RejectedAsync(RunState state, CancellationToken cancellation)
    {
        var reasons = state.Curricula.Values.SelectMany(curriculum => curriculum.Rejected)
            .GroupBy(rejected => rejected.Key, rejected => rejected.Value)
            .OrderByDescending(reason => reason.Sum()).ThenBy(reason => reason.Key, StringComparer.Ordinal)
            .Select(reason => reason.Key).Take(RejectedReasons).ToList();
        var candidates = reasons.Count == 0 ? [] : await _views.RejectedAsync(state, reasons, cancellation);
        return [.. candidates.Where(candidate => candidate is { Spec: not null, Text: not null })
            .Select(c => new RejectedExample(c.Iteration, c.Reason!, c.Detail, c.Spec!, c.Text!))];
    }

    /// <summary>Per held-out set every item with the base model's and the last Solver's answer.</summary>
    private async Task<IReadOnlyList<Failures>> AnswersAsync(RunState state, CancellationToken cancellation)
    {
        var last = state.Evaluations.Count == 0 ? 0 : state.Evaluations.Max(e => e.Iteration);
        var sets = new List<Failures>();
        for (var place = 0; last > 0 && place < state.HeldOut.Count; place++)
        {
            var set = state.HeldOut[place];
            if (!state.Evaluations.Any(e => e.Set == set.Name && e.Iteration == last))
                continue;
            var items = await log.ReadHeldOutAsync(set.Sha256, cancellation);
            var before = await _views.EvaluatedAsync(state, 0, place, cancellation);
            var after = await _views.EvaluatedAsync(state, last, place, cancellation);
            var pairs = new List<AnswerExample>();
            for (var n = 0; n < items.Count; n++)
            {
                if (AnswerOf(before, n) is { } was && AnswerOf(after, n) is { } now)
                    pairs.Add(new AnswerExample(set.Name, items[n], was, now));
            }

            if (pairs.Count > 0)
                sets.Add(new Failures(set.Name, last, pairs));
        }

        return sets;
    }

    /// <summary>Mostly what was learned, but also what was lost and what never worked.</summary>
    private static IEnumerable<AnswerExample> Examples(IReadOnlyList<AnswerExample> pairs)
    {
        var learned = pairs.Where(pair => !pair.Before.Exact && pair.After.Exact).ToList();
        var lost = pairs.Where(pair => pair.Before.Exact && !pair.After.Exact).Take(1).ToList();
        var never = pairs.Where(pair => !pair.Before.Exact && !pair.After.Exact).Take(1).ToList();
        return [.. Spread(learned, AnswersPerSet - lost.Count - never.Count), .. lost, .. never];
    }

    private static Answer? AnswerOf(IReadOnlyDictionary<int, EvaluatedItem> items, int place) =>
        items.TryGetValue(place, out var item) && item is { Text: { } text, Score: { Void: false } score }
            ? new Answer(text, ErrorClasses.Of(score))
            : null;

    private static IEnumerable<T> Spread<T>(IReadOnlyList<T> all, int count) =>
        all.Count <= count ? all : Enumerable.Range(0, count).Select(i => all[(int)((i + 0.5) * all.Count / count)]);
}
