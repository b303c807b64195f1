using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Evaluation;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.Solving;
using ToolR0.TinyWorld;
using ToolR0.ToolExecution;

namespace ToolR0.Cli.Commands;

/// <summary>What needs no bus, and a store only to keep a benchmark's result: eval, heldout, pretrain, generate.</summary>
internal static class ModelCommands
{
    public static IEnumerable<Command> Create() => [Eval(), HeldOutSets(), PretrainCommand.Create(), GenerateCommand.Create()];

    private static Command Eval()
    {
        var command = new Command("eval", "Measure a policy on held-out sets, a JSON Lines file or a public benchmark, greedily");
        var policy = new Option<string?>(
            "--policy")
        {
            Description = $"The model: {RunFlags.Kinds}; or the SHA-256 of a policy in the home folder or its beginning (default: base-nano)",
            HelpName = "MODEL|SHA"
        };
        var sets = new Option<string[]>(
            "--set-file")
        { Description = "seen, unseen or a JSON Lines file; may be repeated (default: the preset's sets)", HelpName = "NAME|FILE" };
        var limit = new Option<int>("--limit") { Description = "Items per set (default: all)", HelpName = "N" };
        var benchmark = new BenchmarkFlags(command);
        command.Add(policy);
        command.Add(sets);
        command.Add(limit);
        var flags = new RunFlags(command);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            var asked = parsed.GetValue(policy) ?? flags.Base(parsed);
            async Task<string> Found(Func<ModelFinder, Task<FoundModel>> find) => (await common.FindAsync(parsed, asked, find)).Path;
            var isAsked = (benchmark.Predictions(parsed) ?? benchmark.WriteGold(parsed)) is null;
            var trained = isAsked ? TrainedWith.Read(await Found(finder => finder.ModelAsync(asked, TinyWorldAssets.BaseNano, cancellation))) : null;
            var options = flags.Options(parsed, trained);
            Task<string> Model() => Found(finder => finder.BaseAsync(asked, options, TinyWorldAssets.BaseNano, cancellation));
            if (benchmark.Name(parsed) is { } name)
                return await BenchmarkEval.RunAsync(name, benchmark.Predictions(parsed), benchmark.WriteGold(parsed), Model, parsed.GetValue(limit),
                    options, settings, common.Json(parsed), cancellation);
            if (parsed.GetValue(sets) is { Length: > 0 } named)
                options = options with { Evaluation = options.Evaluation with { Sets = named } };
            var loaded = HeldOutFiles.LoadAll(options, flags.HeldOutSeed(parsed));
            var path = await Model();
            TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
            using var source = CompletionSources.OpenFolder(Role.Solver, path, options.Inference, options.Policies.Precision);
            var results = new List<(string Name, List<(HeldOutItem Item, AttemptScore Score)> Scores)>();
            foreach (var set in loaded)
            {
                IReadOnlyList<HeldOutItem> items = parsed.GetValue(limit) is > 0 and var n ? [.. set.Items.Take(n)] : set.Items;
                results.Add((set.Set.Name, await MeasureAsync(source, items, options, cancellation)));
            }

            Show(Policy.HashOf(path), results, common.Json(parsed));
            return 0;
        });
        return command;
    }

    /// <summary>Item and score, in order; tools of the tiny world are called.</summary>
    private static async Task<List<(HeldOutItem Item, AttemptScore Score)>> MeasureAsync(
        ICompletionSource source, IReadOnlyList<HeldOutItem> items, RunOptions options, CancellationToken cancellation)
    {
        var world = ToolExecutor.ForWorld();
        var scores = await ActingEvaluation.ScoreAsync(
            source,
            items,
            options,
            async (task, calls, earlier, stop) => (await world.ExecuteAsync(task, calls, options.Tools, stop, earlier)).Calls,
            cancellation);
        return [.. items.Zip(scores)];
    }

    private static void Show(string sha, IReadOnlyList<(string Name, List<(HeldOutItem Item, AttemptScore Score)> Scores)> results, bool json)
    {
        static double Share(IEnumerable<(HeldOutItem Item, AttemptScore Score)> scores, Func<AttemptScore, double> of) =>
            scores.Select(s => of(s.Score)).DefaultIfEmpty().Average();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    policy = sha,
                    sets = results.ToDictionary(set => set.Name, set => new
                    {
                        items = set.Scores.Count,
                        exact = Share(set.Scores, s => s.Exact ? 1 : 0),
                        name = Share(set.Scores, s => s.Name),
                        keys = Share(set.Scores, s => s.Keys),
                        values = Share(set.Scores, s => s.Values),
                        format = Share(set.Scores, s => s.Format),
                        byClass = set.Scores.GroupBy(s => s.Item.Class).OrderBy(g => g.Key, StringComparer.Ordinal)
                        .ToDictionary(g => g.Key, g => Share(g, s => s.Exact ? 1 : 0)),
                    }),
                },
                new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }));
            return;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumns("set", "items", "exact match", "name", "keys", "values", "format");
        foreach (var (name, scores) in results.SelectMany(set => WithClasses(set.Name, set.Scores)))
            table.AddRow(
                Markup.Escape(name),
                scores.Count.ToString(CultureInfo.InvariantCulture),
                FormattableString.Invariant($"{100 * Share(scores, s => s.Exact ? 1 : 0):0.0} %"),
                FormattableString.Invariant($"{Share(scores, s => s.Name):0.00}"),
                FormattableString.Invariant($"{Share(scores, s => s.Keys):0.00}"),
                FormattableString.Invariant($"{Share(scores, s => s.Values):0.00}"),
                FormattableString.Invariant($"{Share(scores, s => s.Format):0.00}"));
        AnsiConsole.WriteLine($"policy {sha}");
        AnsiConsole.Write(table);
    }

    /// <summary>A set, and behind it each of its classes where they are few.</summary>
    private static IEnumerable<(string Name, List<(HeldOutItem Item, AttemptScore Score)> Scores)> WithClasses(string set,
        List<(HeldOutItem Item, AttemptScore Score)> scores)
    {
        var classes = scores.GroupBy(s => s.Item.Class).OrderBy(g => g.Key, StringComparer.Ordinal).ToList();
        return [(set, scores), .. ItemClasses.AreShown(classes.Count) ? classes.Select(g => (ItemClasses.Name(set, g.Key), g.ToList())) : []];
    }

    private static Command HeldOutSets()
    {
        var command = new Command("heldout", "Draw a fresh held-out set of the tiny world");
        var seed = new Option<long>("--seed") { Description = "Equal seeds give equal sets", HelpName = "N", Required = true };
        var kind = new Option<string>(
            "--kind")
        {
            Description =
                "seen (known tools, new values), unseen (tools that pretraining never named), refusal (no tool fits: small talk, or a tool that is not on the menu), two_calls, three_calls or chained (the second call needs the first one's result)",
            HelpName = "KIND",
            DefaultValueFactory = _ => HeldOut.Seen
        };
        var count = new Option<int>("--count") { Description = "Items", HelpName = "N", DefaultValueFactory = _ => HeldOutFiles.FreshCount };
        var output = new Option<string>("--out") { Description = "JSON Lines file to write", HelpName = "FILE", Required = true };
        foreach (var option in new Option[] { seed, kind, count, output })
            command.Add(option);
        command.SetAction(parsed =>
        {
            var (of, items, path) = (parsed.GetValue(kind)!, parsed.GetValue(count), parsed.GetValue(output)!);
            if (!HeldOut.Kinds.Contains(of))
                throw new UserErrorException($"--kind {of}: must be {string.Join(" or ", HeldOut.Kinds)}");
            if (items is < 1 or > 100_000)
                throw new UserErrorException(FormattableString.Invariant($"--count {items}: must be from 1 to 100000"));
            var text = HeldOutLines.Write(HeldOut.Make(of, items, parsed.GetValue(seed)));
            OutputFile.Write(path, text);
            Console.Error.WriteLine(FormattableString.Invariant($"{items} items in {path}, SHA-256 {Digests.Sha256Hex(text)}"));
            return 0;
        });
        return command;
    }
}
