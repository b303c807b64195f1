using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Evaluation;
using ToolR0.Policies;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.TinyWorld;

namespace ToolR0.Studies;

/// <summary>One run of a study.</summary>
/// <param name="HeldOutSeed">Draws its held-out sets; the same for every arm of a seed.</param>
/// <param name="Digest">Of everything that decides the run's result: a stored run whose name ends with it is this one.</param>
public sealed record StudyCell(StudyArm Arm, StudyBase Base, long Seed, RunOptions Options, long HeldOutSeed, string Digest)
{
    public string Run => $"{Arm.Name}-s{Seed}-{Digest}";
}

/// <param name="Name">The folder's, the file's or the repository's own name.</param>
/// <param name="Model">What a run is told to start from; a model of the hub with its commit, so that all runs have the same.</param>
public sealed record StudyBase(string Name, string Model, string Sha256);

/// <summary>The grid of a study, checked: arms × bases × seeds.</summary>
/// <param name="Cells">All arms of a seed and base stand together, so that a study that is stopped early has whole pairs.</param>
/// <param name="Sets">Held-out sets that every run is measured on; behind one of two or three classes of items, each of these
/// (<see cref="ItemClasses"/>).</param>
public sealed record StudyPlan(StudyFile File, IReadOnlyList<StudyBase> Bases, IReadOnlyList<StudyCell> Cells, IReadOnlyList<string> Sets)
{
    /// <summary>Hexadecimal digits of a digest in a run's name.</summary>
    private const int DigestLength = 16;

    /// <exception cref="UserErrorException">An arm's options are not valid, a base is not a model, or arms differ in what they are measured
    /// on.</exception>
    public static async Task<StudyPlan> OfAsync(StudyFile file, ModelFinder finder, CancellationToken cancellation = default)
    {
        var arms = file.Arms.Select(arm => (Arm: arm, Options: OptionsOf(file, arm))).ToList();
        var sets = arms[0].Options.Evaluation.Sets;
        foreach (var (arm, options) in arms)
        {
            if (options.Evaluation.Sets.Count == 0 || !options.Evaluation.Sets.SequenceEqual(sets))
                throw new UserErrorException(
                    $"study {file.Name}: arm {arm.Name}: evaluation.sets [{string.Join(", ", options.Evaluation.Sets)}] must be the same in all arms, and not empty");
        }

        var bases = new List<StudyBase>();
        foreach (var name in file.Bases)
            bases.Add(await BaseOfAsync(name, arms[0].Options, finder, cancellation));
        if (bases.CountBy(b => b.Name).FirstOrDefault(count => count.Value > 1).Key is { } twice)
            throw new UserErrorException($"study {file.Name}: bases: two are called '{twice}'; they must have different names");

        var heldOut = file.Seeds.ToDictionary(seed => seed, seed => HeldOutFiles.LoadAll(arms[0].Options, HeldOutSeed(seed)));
        var cells =
            from seed in file.Seeds
            from start in bases
            from arm in arms
            select Cell(arm.Arm, start, arm.Options with { Seed = seed }, heldOut[seed]);
        return new StudyPlan(file, bases, [.. cells], [.. heldOut[file.Seeds[0]].SelectMany(set => Measured(set, arms[0].Options.Evaluation.Limit))]);
    }

    private static IEnumerable<string> Measured(LoadedSet set, int limit)
    {
        var items = limit > 0 ? set.Items.Take(limit) : set.Items;
        var classes = items.Select(item => item.Class).Distinct().Order(StringComparer.Ordinal).ToList();
        return [set.Set.Name, .. ItemClasses.AreShown(classes.Count) ? classes.Select(name => ItemClasses.Name(set.Set.Name, name)) : []];
    }

    /// <summary>The seed of a run's held-out sets, which nobody tuned on: fresh for every run seed, the same for all arms.</summary>
    public static long HeldOutSeed(long seed) => Seeds.Derive(seed, "study/held-out");

    private static StudyCell Cell(StudyArm arm, StudyBase start, RunOptions options, IReadOnlyList<LoadedSet> heldOut)
    {
        var identity = $"{RunOptionsJson.Write(options)}\n{start.Sha256}\n{string.Join('\n', heldOut.Select(set => set.Set.Sha256))}";
        return new StudyCell(arm, start, options.Seed, options, HeldOutSeed(options.Seed), Digests.Sha256Hex(identity)[..DigestLength]);
    }

    private static RunOptions OptionsOf(StudyFile file, StudyArm arm)
    {
        try
        {
            var options = RunOptionsJson.Load("{}", ShippedPresets.All, file.Preset);
            foreach (var (path, value) in (IEnumerable<KeyValuePair<string, JsonElement>>)[.. file.Set ?? Nothing, .. arm.Set ?? Nothing])
            {
                if (path is "seed" or "preset")
                    throw new OptionsException($"{path}: is the study's own member, not an option of an arm");
                options = RunOptionsJson.Set(options, path, value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText());
            }

            var problems = new RunOptionsValidator().Validate(options).Errors;
            return problems.Count == 0 ? options : throw new OptionsException(string.Join("; ", problems.Select(problem => problem.ErrorMessage)));
        }
        catch (OptionsException e)
        {
            throw new UserErrorException($"study {file.Name}: arm {arm.Name}: {e.Message}");
        }
    }

    private static async Task<StudyBase> BaseOfAsync(string name, RunOptions options, ModelFinder finder, CancellationToken cancellation)
    {
        var shipped = TinyWorldAssets.Base(name);
        var named = Directory.Exists(name) || !Directory.Exists(shipped) ? name : shipped;
        var (path, origin) = await finder.BaseAsync(named, options, TinyWorldAssets.BaseNano, cancellation);
        var model = origin?.Repository is null ? path : origin.ToString();
        var ownName = Path.GetFileName(origin?.File ?? origin?.Repository ?? Path.TrimEndingDirectorySeparator(path));
        return new StudyBase(ownName, model, Policy.HashOfWeights(path));
    }

    private static readonly IReadOnlyDictionary<string, JsonElement> Nothing = new Dictionary<string, JsonElement>();
}
