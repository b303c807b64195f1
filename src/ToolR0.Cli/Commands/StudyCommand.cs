using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using ToolR0.Contracts;
using ToolR0.Evaluation;
using ToolR0.EventStore;
using ToolR0.Policies;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.ServiceDefaults;
using ToolR0.Studies;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 study</c>: arms × bases × seeds, with intervals.</summary>
internal static class StudyCommand
{
    public static Command Create()
    {
        var command = new Command("study",
            "Play a grid of arms, bases and seeds and compare the arms with error bars; a killed study goes on where it was");
        var file = new Argument<string>("study") { Description = "A study file, or the name of a shipped study" };
        var parallel = new Option<int>("--parallel")
        {
            Description = "Runs side by side, one core each (default: all cores)",
            HelpName = "N",
            DefaultValueFactory = _ => Environment.ProcessorCount
        };
        var output = new Option<string?>("--out")
        {
            Description = "Folder of study.md, study.json and plot.svg (default: in the home folder)",
            HelpName = "DIR"
        };
        var seeds = new Option<long[]>("--seed") { Description = "Instead of the study's seeds; may be repeated", HelpName = "N" };
        var bases = new Option<string[]>("--base")
        {
            Description = $"Instead of the study's bases, may be repeated: a shipped one, {RunFlags.Kinds}",
            HelpName = "MODEL"
        };
        var arms = new Option<string[]>("--arm") { Description = "Only these arms of the study; may be repeated", HelpName = "NAME" };
        var set = new Option<string[]>("--set") { Description = "One more option of every arm; may be repeated", HelpName = "PATH=VALUE" };
        command.Add(file);
        foreach (var option in new Option[] { parallel, output, seeds, bases, arms, set })
            command.Add(option);
        var common = new CommonOptions(command, usesBus: false, busOfEnvironment: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var study = StudyFile.Load(parsed.GetValue(file)!);
            study = study with
            {
                Seeds = parsed.GetValue(seeds) is { Length: > 0 } otherSeeds ? otherSeeds : study.Seeds,
                Bases = parsed.GetValue(bases) is { Length: > 0 } otherBases ? otherBases : study.Bases,
                Arms = parsed.GetValue(arms) is { Length: > 0 } only ? Only(study, only) : study.Arms,
                Set = parsed.GetValue(set) is { Length: > 0 } more ? With(study.Set, more) : study.Set,
            };
            if (study.Problem() is { } problem)
                throw new UserErrorException($"study {study.Name}: {problem}");
            var side = parsed.GetValue(parallel);
            if (side is < 1 or > 1024)
                throw new UserErrorException(FormattableString.Invariant($"--parallel {side}: must be from 1 to 1024"));
            var plan = await common.FindAsync(parsed, study.Bases.FirstOrDefault(ModelFinder.IsOnHub), finder =>
                StudyPlan.OfAsync(study, finder, cancellation));
            return await PlayAsync(plan, side, parsed.GetValue(output), common.Settings(parsed), common.Json(parsed), cancellation);
        });
        return command;
    }

    private static async Task<int> PlayAsync(StudyPlan plan, int parallel, string? output, Settings settings, bool json,
        CancellationToken cancellation)
    {
        TorchRuntime.EnsureLoaded();
        var study = plan.File;
        var progress = json ? Console.Error : Console.Out;
        await using var store = ServiceHost.Store(settings);
        var runner = new StudyRunner(settings, store.GetRequiredService<IFactLog>(), store.GetRequiredService<RunStates>(), progress);
        progress.WriteLine(
            $"study {study.Name}: {study.Arms.Count} arms × {plan.Bases.Count} bases × {study.Seeds.Count} seeds = {plan.Cells.Count} runs of preset {study.Preset}, {parallel} side by side");
        var runs = await runner.PlayAsync(plan, parallel, cancellation);

        var measured = HeldOutFiles.LoadAll(plan.Cells[0].Options, plan.Cells[0].HeldOutSeed).Min(loaded => loaded.Items.Count);
        var limit = plan.Cells[0].Options.Evaluation.Limit;
        var result = StudyResult.Of(plan, runs, limit > 0 ? Math.Min(limit, measured)
            : measured, typeof(StudyCommand).Assembly.GetName().Version?.ToString(3) ?? "0");
        var folder = Path.GetFullPath(output ?? Path.Combine(settings.Home, "studies", study.Name));
        var plot = OutputFile.Write(Path.Combine(folder, "plot.svg"), StudyPlot.Render(result));
        var table = OutputFile.Write(Path.Combine(folder, "study.md"), StudyText.Markdown(result, Path.GetFileName(plot)));
        var data = OutputFile.Write(Path.Combine(folder, "study.json"), result.ToJson() + "\n");
        if (json)
            Console.Out.WriteLine(result.ToJson());
        else
            StudyText.Write(AnsiConsole.Console, result);
        progress.WriteLine($"{table}\n{data}\n{plot}");
        var failed = result.Failures.Count();
        return failed == 0 ? 0
            : throw new UserErrorException($"{failed} of {runs.Count} runs failed and are left out; the same command goes on with them");
    }

    private static IReadOnlyList<StudyArm> Only(StudyFile study, string[] names) =>
        [.. names.Select(name => study.Arms.FirstOrDefault(arm => arm.Name == name)
            ?? throw new UserErrorException($"--arm {name}: study {study.Name} has {string.Join(", ", study.Arms.Select(arm => arm.Name))}"))];

    private static Dictionary<string, JsonElement> With(IReadOnlyDictionary<string, JsonElement>? set, string[] more)
    {
        var options = new Dictionary<string, JsonElement>(set ?? new Dictionary<string, JsonElement>());
        foreach (var option in more)
        {
            var at = option.IndexOf('=');
            if (at <= 0)
                throw new UserErrorException($"--set {option}: must be of the form path=value, e.g. --set solver.steps=10");
            options[option[..at].Trim()] = JsonSerializer.SerializeToElement(option[(at + 1)..]);
        }

        return options;
    }
}
