
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Reporting;

/// <summary>Reads a run from the store into a <see cref="RunReport"/> with examples.</summary>
public sealed class ReportReader(IFactLog log)
{
    /// <summary>How many tasks per iteration and how many answers per held-out set are shown.</summary>
    public const int TasksPerIteration = 4, AnswersPerSet = 5, RejectedReasons = 8;

    /// <exception cref="UserErrorException">There is no such run.</exception>
    public async Task<RunReport> ReadAsync(string run, long? upTo = null, CancellationToken cancellation = default)
    {
        var fold = new ReportFold();
        var any = false;
        await foreach (var stored in log.ReadRunAsync(run, upTo, cancellation))
        {
            fold.Add(stored);
            any = true;
        }

        if (!any)
            throw new UserErrorException($"there is no run '{run}' in the store");
        var report = fold.Build();
        var answers = await AnswersAsync(report, cancellation);
        return report with
        {
            TaskExamples = await TasksAsync(report, cancellation),
            AnswerExamples = [.. answers.SelectMany(set => Examples(set.Answers))],
            Failures = answers,
            RejectedExamples = await RejectedAsync(report, cancellation),
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
    private async Task<IReadOnlyList<RejectedExample>> RejectedAsync(RunReport report, CancellationToken cancellation)
    {
        var picked = report.Refused.OrderByDescending(r => report.State.Curricula.Values.Sum(c => c.Rejected.GetValueOrDefault(r.Key)))
            .ThenBy(r => r.Key, StringComparer.Ordinal).Select(r => r.Value).Take(RejectedReasons).ToList();
        var streams = await log.ReadAsync([.. picked.Select(pick => pick.Stream)], cancellation);
        return [.. picked.Where(pick => streams.ContainsKey(pick.Stream)).Select(pick => (pick, Proposed: streams[pick.Stream][0].Fact as TasksProposed))
            .Where(p => p.Proposed is { Samples.Count: > 0 })
            .Select(p => new RejectedExample(p.pick.Fact.Iteration, p.pick.Fact.Reason, p.pick.Fact.Detail, p.Proposed!.Spec, p.Proposed.Samples[0].Text))];
    }

    /// <summary>Per held-out set every item with the base model's and the last Solver's answer.</summary>
    private async Task<IReadOnlyList<Failures>> AnswersAsync(RunReport report, CancellationToken cancellation)
    {
        var last = report.State.Evaluations.Count == 0 ? 0 : report.State.Evaluations.Max(e => e.Iteration);
        var sets = new List<Failures>();
        for (var step = 0; last > 0 && step < report.State.HeldOut.Count; step++)
        {
            var set = report.State.HeldOut[step];
            var items = await log.ReadHeldOutAsync(set.Sha256, cancellation);
            var measured = report.State.Evaluations.FirstOrDefault(e => e.Set == set.Name && e.Iteration == last)?.Items ?? 0;

            var pairs = new List<AnswerExample>();
            foreach (var chunk in Enumerable.Range(0, Math.Min(measured, items.Count)).Chunk(100))
            {
                var keys = chunk.ToDictionary(n => n, n => (
                    Before: Ids.GroupStream(report.State.Run, 0, Phase.Evaluation.WireName(), step, n),
                    After: Ids.GroupStream(report.State.Run, last, Phase.Evaluation.WireName(), step, n)));
                var streams = await log.ReadAsync([.. keys.Values.SelectMany(key => new[] { key.Before, key.After })], cancellation);
                foreach (var (n, key) in keys)
                {
                    if (AnswerIn(streams, key.Before) is { } before && AnswerIn(streams, key.After) is { } after)
                        pairs.Add(new AnswerExample(set.Name, items[n], before, after));
                }
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

    private static Answer? AnswerIn(IReadOnlyDictionary<string, IReadOnlyList<StoredFact>> streams, string stream)
    {
        if (!streams.TryGetValue(stream, out var facts))
            return null;
        var attempt = facts.Select(f => f.Fact).OfType<TaskAttempted>().FirstOrDefault()?.Samples.FirstOrDefault();
        var score = facts.Select(f => f.Fact).OfType<AttemptsScored>().FirstOrDefault()?.Scores.FirstOrDefault();
        return attempt is null || score is null || score.Void ? null : new Answer(attempt.Text, ErrorClasses.Of(score));
    }

    private static IEnumerable<T> Spread<T>(IReadOnlyList<T> all, int count) =>
        all.Count <= count ? all : Enumerable.Range(0, count).Select(i => all[(int)((i + 0.5) * all.Count / count)]);
}
