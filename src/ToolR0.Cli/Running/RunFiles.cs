using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using ToolR0.Cli.Progress;
using ToolR0.Contracts;
using ToolR0.Evaluation.Benchmarks;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Running;

/// <summary>Writes what a run leaves for people and programs: report.html and summary.json.</summary>
public static class RunFiles
{
    /// <returns>The paths of report and summary.</returns>
    /// <exception cref="UserErrorException">They can not be written.</exception>
    public static (string Report, string Summary) Write(Settings settings, RunReport report)
    {
        var folder = settings.RunFolder(report.State.Run);
        return (OutputFile.Write(Path.Combine(folder, "report.html"), HtmlReport.Render(report)),
            OutputFile.Write(Path.Combine(folder, "summary.json"), Summary.Of(report).ToJson() + "\n"));
    }

    /// <summary>Reads a run's report from the store.</summary>
    /// <exception cref="UserErrorException">There is no such run.</exception>
    public static Task<RunReport> ReadAsync(IServiceProvider store, string run, CancellationToken cancellation = default) =>
        new ReportReader(store.GetRequiredService<IFactLog>(), store.GetRequiredService<IRunViews>()).ReadAsync(run, cancellation);

    /// <summary>Measures a run's base, its warm-started and its last Solver on public sets; stores and shows what came out.</summary>
    public static async Task MeasureAsync(
        IServiceProvider services, string run, IReadOnlyList<Benchmark> sets, bool json, CancellationToken cancellation)
    {
        var store = services.GetRequiredService<PolicyStore>();
        var state = await services.GetRequiredService<RunStates>().LoadAsync(run, cancellation);
        var policies = new List<(string, IReadOnlyList<BenchmarkResult>)>();
        foreach (var (name, policy) in state.SolversToCompare())
        {
            var results = BenchmarkRun.Measure(store.FolderOf(policy), sets, state.Options, cancellation);
            foreach (var (result, set) in results.Zip(sets))
                await result.StoreAsync(services.GetRequiredService<IFactLog>(), BenchmarkRun.Asked(set.Items, state.Options), cancellation);
            policies.Add((name, results));
        }

        BenchmarkRun.Write(json ? AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }) : AnsiConsole.Console,
            policies);
    }

    /// <summary>Ends a command that followed a run: report and summary, a closing table or the summary as JSON.</summary>
    /// <param name="goOn">What goes on with a run that was paused or failed: <c>run --resume</c> in this process, <c>resume</c> on a stack.</param>
    /// <returns>0 for a completed run.</returns>
    /// <exception cref="UserErrorException">The run ended otherwise.</exception>
    public static async Task<int> FinishAsync(IServiceProvider store, Settings settings, string run, string goOn, bool json)
    {
        var report = await ReadAsync(store, run);
        var (html, summary) = Write(settings, report);
        if (json)
            Console.Out.Write(await File.ReadAllTextAsync(summary));
        else
            Closing.Write(AnsiConsole.Console, report, html, summary, settings.CopyOut);
        return report.State.Status switch
        {
            RunStatus.Completed => 0,
            RunStatus.Failed when !report.State.IsResumable =>
                throw new UserErrorException($"run '{run}' failed and cannot be resumed: {report.State.Reason}"),
            RunStatus.Failed => throw new UserErrorException(
                $"run '{run}' failed: {report.State.Reason}. When the cause is mended, go on with: {settings.Command} {goOn} {run}"),
            RunStatus.Paused => throw new UserErrorException($"run '{run}' was paused; go on with: {settings.Command} {goOn} {run}"),
            _ => throw new UserErrorException($"run '{run}' was cancelled: {report.State.Reason}"),
        };
    }
}

/// <summary>What stands under the progress of a run that ended.</summary>
internal static class Closing
{
    public static void Write(IAnsiConsole console, RunReport report, string html, string summary, string? copyOut)
    {
        console.WriteLine();
        console.Write(AccuracyTable.Of(
            [.. report.State.HeldOut.Select(set => set.Name)],
            report.State.Iteration,
            (set, iteration) => report.State.AccuracyOf(set) is { } accuracy && iteration < accuracy.Count ? accuracy[iteration] : null));
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{report.State.Status.ToString().ToLowerInvariant()} in {Durations.Text(TimeSpan.FromSeconds(report.WallSeconds))}, {report.Events:#,0} events, {report.Tokens:#,0} tokens sampled");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"outside model computation: {100 * report.OutsideModelShare:0.0} % of wall time");
        console.WriteLine($"report   {html}");
        console.WriteLine($"summary  {summary}");
        if (copyOut is not null)
            console.WriteLine($"copy it out with: {copyOut}{html} .");
    }
}
