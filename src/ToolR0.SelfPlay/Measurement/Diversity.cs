using System.Numerics;
using System.Runtime.Intrinsics;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Measurement;

/// <summary>
/// How different tasks are from one another, from sketches of their questions alone. Counts of pairs and tasks, so that their order makes no
/// difference to the last bit.
/// </summary>
/// <param name="Tasks">What it is about.</param>
/// <param name="Questions">Distinct questions, spelling and digits folded.</param>
/// <param name="Tools">Distinct names of offered tools.</param>
/// <param name="QuestionsOf100">
/// Distinct questions to be expected of a hundred of the tasks drawn at random; null where there are fewer. As <paramref name="Similarity"/> it
/// compares between sets of tasks of different sizes, which the numbers above do not.
/// </param>
/// <param name="ToolsOf100">The same of the names of tools.</param>
/// <param name="Similarity">Mean over all pairs of the Jaccard similarity of their questions' character 3-grams, estimated, in [0, 1].</param>
/// <param name="NearDuplicateShare">Tasks whose question has one with an estimated similarity of at least 0.7 among the others, of all tasks.</param>
internal sealed record Diversity(
    int Tasks, int Questions, int Tools, double? QuestionsOf100, double? ToolsOf100, double Similarity, double NearDuplicateShare)
{
    private const int Drawn = 100;

    /// <summary>Two questions that agree in so many of 32 minima are near duplicates: at least 0.7 alike.</summary>
    public const int NearMinima = 23;

    private const int Minima = QuestionSketches.Minima;

    /// <summary>Two that are near differ in at most nine minima, so that of ten bands at least one is the same in both.</summary>
    private const int Bands = Minima - NearMinima + 1;

    /// <summary>Null where there is no task, or one without a sketch: an older build made it.</summary>
    public static Diversity? Of(IReadOnlyCollection<KeptCandidate> tasks)
    {
        if (tasks.Count == 0 || tasks.Any(task => task.Sketch is null))
            return null;
        var questions = tasks.CountBy(task => task.Sketch!.Folded, StringComparer.Ordinal).Select(kind => kind.Value).ToList();
        var tools = tasks.SelectMany(task => task.Tools.Distinct(StringComparer.Ordinal)).CountBy(tool => tool, StringComparer.Ordinal)
            .Select(kind => kind.Value).ToList();
        return new Diversity(
            tasks.Count, questions.Count, tools.Count, OfDrawn(tasks.Count, questions), OfDrawn(tasks.Count, tools), SimilarityOf(tasks),
            (double)NearDuplicates(tasks) / tasks.Count);
    }

    /// <summary>The metrics of <see cref="MetricNames.OfDiversity"/>; nothing where nothing is known.</summary>
    /// <param name="domain">Of one domain: its name follows each metric's.</param>
    public static void Write(Dictionary<string, double> metrics, IReadOnlyCollection<KeptCandidate> tasks, string? domain = null)
    {
        if (Of(tasks) is not { } diversity)
            return;
        double?[] values =
        [
            diversity.Tasks, diversity.Questions, diversity.Tools, diversity.QuestionsOf100, diversity.ToolsOf100, diversity.Similarity,
            diversity.NearDuplicateShare,
        ];
        foreach (var (name, value) in MetricNames.OfDiversity.Zip(values))
        {
            if (value is { } known)
                metrics[domain is null ? name : MetricNames.OfDomain(name, domain)] = known;
        }
    }

    /// <summary>Σ over kinds of the probability that a draw without replacement holds one of its tasks: 1 − C(n − c, 100) / C(n, 100).</summary>
    /// <param name="tasks">n.</param>
    /// <param name="counts">Of each kind, c: the tasks that have it.</param>
    private static double? OfDrawn(int tasks, IEnumerable<int> counts)
    {
        if (tasks < Drawn)
            return null;
        var expected = 0.0;
        foreach (var (count, kinds) in counts.CountBy(count => count).OrderBy(kind => kind.Key))
        {
            var missed = 1.0;
            for (var i = 0; i < Drawn; i++)
                missed *= Math.Max(0, tasks - count - i) / (double)(tasks - i);
            expected += kinds * (1 - missed);
        }

        return expected;
    }

    /// <summary>Over each minimum the share of pairs that agree in it, by counting equals: no pair is looked at.</summary>
    private static double SimilarityOf(IReadOnlyCollection<KeptCandidate> tasks)
    {
        if (tasks.Count < 2)
            return 0;
        var sketches = Read([.. tasks.Select(task => task.Sketch!.Minima)]);
        var minima = new ushort[tasks.Count];
        long agreeing = 0;
        for (var order = 0; order < Minima; order++)
        {
            for (var i = 0; i < minima.Length; i++)
                minima[i] = sketches[(i * Minima) + order];
            Array.Sort(minima);
            for (int i = 1, equal = 0; i < minima.Length; i++)
            {
                equal = minima[i] == minima[i - 1] ? equal + 1 : 0;
                agreeing += equal;
            }
        }

        return agreeing / (Minima * (tasks.Count * (tasks.Count - 1.0) / 2));
    }

    /// <summary>
    /// Tasks that have a near duplicate. Of equal sketches one is looked at, and only those that share a band; pairs whose both members are known to
    /// have one are passed over, so that many alike cost as little as many that differ.
    /// </summary>
    private static int NearDuplicates(IReadOnlyCollection<KeptCandidate> tasks)
    {
        var kinds = tasks.CountBy(task => task.Sketch!.Minima, StringComparer.Ordinal).ToList();
        var sketches = Read([.. kinds.Select(kind => kind.Key)]);
        bool[] near = [.. kinds.Select(kind => kind.Value > 1)];
        // By a band's minima the last kind that has them, and by kind the one before it.
        var last = new Dictionary<ulong, int>(kinds.Count);
        var before = new int[kinds.Count];
        for (var band = 0; band < Bands; band++)
        {
            var (first, end) = (band * Minima / Bands, (band + 1) * Minima / Bands);
            last.Clear();
            for (var i = 0; i < kinds.Count; i++)
            {
                ulong key = 0;
                foreach (var minimum in Sketch(i)[first..end])
                    key = (key << 16) | minimum;
                before[i] = last.GetValueOrDefault(key, -1);
                last[key] = i;
                for (var other = before[i]; other >= 0; other = before[other])
                {
                    if ((!near[i] || !near[other]) && Agreeing(Sketch(i), Sketch(other)) >= NearMinima)
                        near[i] = near[other] = true;
                }
            }
        }

        return kinds.Where((_, i) => near[i]).Sum(kind => kind.Value);

        ReadOnlySpan<ushort> Sketch(int kind) => sketches.AsSpan(kind * Minima, Minima);
    }

    /// <summary>[sketches · <see cref="Minima"/>].</summary>
    private static ushort[] Read(IReadOnlyList<string> sketches)
    {
        var minima = new ushort[sketches.Count * Minima];
        for (var i = 0; i < sketches.Count; i++)
            QuestionSketches.Read(sketches[i], minima.AsSpan(i * Minima, Minima));
        return minima;
    }

    private static int Agreeing(ReadOnlySpan<ushort> a, ReadOnlySpan<ushort> b)
    {
        var agreeing = 0;
        for (var i = 0; i < Minima; i += Vector256<ushort>.Count)
        {
            var equal = Vector256.Equals(Vector256.Create(a[i..]), Vector256.Create(b[i..]));
            agreeing += BitOperations.PopCount(equal.ExtractMostSignificantBits());
        }

        return agreeing;
    }
}
