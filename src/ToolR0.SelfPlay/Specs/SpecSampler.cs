using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Specs;

/// <summary>Draws specs <c>s = (d, c, m, n)</c>.</summary>
public static class SpecSampler
{
    /// <summary>
    /// The spec of a seed. Depends on the weights only, not on the order in which a dictionary lists them. Multi-turn specs make one call.
    /// </summary>
    /// <exception cref="ArgumentException">A distribution has no positive weight.</exception>
    public static TaskSpec Sample(SpecOptions options, long seed)
    {
        var random = new SplitMix(seed);
        var context = random.NextDouble() < options.MultiTurn ? TaskContext.MultiTurn : TaskContext.SingleTurn;
        var callsDraw = random.NextDouble();
        var calls = context == TaskContext.MultiTurn ? 1 : Draw(options.Calls, Comparer<int>.Default, callsDraw, "specs.calls");
        var menu = calls > 1
            ? Draw(options.MenuForSeveralCalls, Comparer<int>.Default, random.NextDouble(), "specs.menuForSeveralCalls")
            : Draw(options.MenuForOneCall, Comparer<int>.Default, random.NextDouble(), "specs.menuForOneCall");
        var domain = Draw(options.Domains, StringComparer.Ordinal, random.NextDouble(), "specs.domains");
        var arguments = calls == 0 || options.Arguments.Count == 0 ? (int?)null
            : Draw(options.Arguments, Comparer<int>.Default, random.NextDouble(), "specs.arguments");
        var value = calls == 0 || options.Values.Count == 0 ? null
            : Draw(options.Values, StringComparer.Ordinal, random.NextDouble(), "specs.values");
        var drawn = options.Menu == MenuSource.Catalogue || options.Menu == MenuSource.Mixed && random.NextDouble() < 0.5;
        var chained = calls > 1 && options.Chained > 0 && random.NextDouble() < options.Chained;
        // Where nothing is to be called the only tool would leave an empty menu.
        if (!drawn || calls == 0 && options.Catalogue.Count == 1)
            return new TaskSpec(domain, context, menu, calls, arguments, value, Chained: chained);
        var (offered, server) = Offer(options.Catalogue, Math.Min(menu, options.Catalogue.Count), calls > 0, ref random);
        return new TaskSpec(server, context, offered.Names.Count, calls, Given: offered, Chained: chained);
    }

    /// <summary>A menu around one tool, every tool as often as another: half of the rest are its near neighbours, of the same server. Where nothing
    /// is to be called that tool is missing from its own menu.</summary>
    private static (GivenMenu Menu, string Server) Offer(IReadOnlyList<MenuTool> catalogue, int size, bool called, ref SplitMix random)
    {
        var wanted = catalogue[random.Next(catalogue.Count)];
        List<MenuTool> near = [.. catalogue.Where(tool => tool != wanted && tool.Server == wanted.Server)];
        List<MenuTool> far = [.. catalogue.Where(tool => tool.Server != wanted.Server)];
        List<string> names = called ? [wanted.Tool.Name] : [];
        while (names.Count < size && near.Count + far.Count > 0)
        {
            var from = near.Count > 0 && (far.Count == 0 || random.NextDouble() < 0.5) ? near : far;
            var at = random.Next(from.Count);
            names.Insert(random.Next(names.Count + 1), from[at].Tool.Name);
            from.RemoveAt(at);
        }

        return (new GivenMenu(names, called ? wanted.Tool.Name : null), wanted.Server);
    }

    /// <summary>The specs of one Generator step (kind generator) or of all candidates of an iteration (kind curriculum, step 0), seeded by their
    /// place.</summary>
    public static IReadOnlyList<TaskSpec> ForStep(RunOptions options, int iteration, Phase phase, int step)
    {
        var count = phase switch
        {
            Phase.Generator => options.Generator.PromptsPerStep,
            Phase.Curriculum => options.Curriculum.Candidates,
            Phase.WarmProposals => options.WarmStart.Generator.Prompts,
            _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, "only steps in which the Generator writes have specs"),
        };
        return [.. Enumerable.Range(0, count).Select(n =>
            Sample(options.Specs, Seeds.Derive(options.Seed, $"{iteration}/spec/{phase.WireName()}/{step}/{n}")))];
    }

    /// <summary>An entry by its weight. Depends on the weights only, not on the order in which a dictionary lists them.</summary>
    /// <param name="uniform">In [0, 1).</param>
    /// <exception cref="ArgumentException">No entry of the <paramref name="field"/> has a positive weight.</exception>
    internal static T Draw<T>(IReadOnlyDictionary<T, double> weights, IComparer<T> order, double uniform, string field)
    {
        var sorted = weights.Where(w => w.Value > 0).OrderBy(w => w.Key, order).ToArray();
        if (sorted.Length == 0)
            throw new ArgumentException($"{field}: no entry has a positive weight");
        var at = uniform * sorted.Sum(w => w.Value);
        foreach (var (value, weight) in sorted)
        {
            at -= weight;
            if (at < 0)
                return value;
        }

        return sorted[^1].Key;
    }
}

/// <summary>SplitMix64: a few uniform numbers from a derived seed. The same on every platform.</summary>
internal struct SplitMix(long seed)
{
    private ulong _state = (ulong)seed;

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public double NextDouble()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Uniform in [0, <paramref name="count"/>).</summary>
    public int Next(int count) => (int)(NextDouble() * count);
}
