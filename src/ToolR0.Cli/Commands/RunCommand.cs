using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Spectre.Console;
using ToolR0.Cli.Hosting;
using ToolR0.Cli.Progress;
using ToolR0.Cli.Running;
using ToolR0.Contracts;
using ToolR0.Evaluation.Benchmarks;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;
using ToolR0.Studies;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 run</c>: every service in this process, one run from start to report.</summary>
internal static class RunCommand
{
    /// <summary>Exit code of an interrupted run, as shells have it for Ctrl-C.</summary>
    private const int Interrupted = 130;

    public static Command Create()
    {
        var command = new Command("run", "Self-play: every service in this process, live progress, a report at the end");
        var flags = new RunFlags(command, starts: true);
        var resume = new Option<string?>("--resume") { Description = "Go on with an interrupted, paused or failed run", HelpName = "RUN" };
        var benchmarks = new Option<string?>("--benchmarks")
        {
            Description = "Afterwards measure base, warm start and Solver on the public sets in this folder: BFCL simple and irrelevance, ToolAlpaca, API-Bank",
            HelpName = "DIR"
        };
        command.Add(benchmarks);
        var untilInputEnds = new Option<bool>(RunArguments.UntilInputEnds) { Hidden = true };
        command.Add(resume);
        command.Add(untilInputEnds);
        var common = new CommonOptions(command, busOfEnvironment: false);
        command.SetAction((parsed, cancellation) =>
            RunAsync(parsed, flags, parsed.GetValue(resume), parsed.GetValue(benchmarks), common,
                parsed.GetValue(untilInputEnds) ? OrInputEnds(cancellation) : cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, RunFlags flags, string? resume, string? benchmarks, CommonOptions common,
        CancellationToken cancellation)
    {
        // Everything that can be wrong is looked at before anything is written.
        var settings = common.Settings(parsed);
        settings = settings with { ToolsFile = flags.ToolsFile(parsed) ?? settings.ToolsFile };
        var json = common.Json(parsed);
        var measured = benchmarks is null ? [] : BenchmarkRun.LoadAll(benchmarks);
        var wanted = resume is null ? await flags.NewRunAsync(parsed, common, cancellation) : null;
        var start = wanted?.Start;

        TorchRuntime.EnsureLoaded();
        await BusProbe.CheckAsync(settings.Bus, cancellation: cancellation);
        var run = start?.Run ?? Ids.CheckedRunName(resume!);
        using var host = ServiceHost.Build(settings, ServiceKinds.All(run), logging => AddLog(logging, settings, run));
        var state = await host.Services.GetRequiredService<RunStates>().LoadAsync(run, cancellation);
        if (start is not null && state.Status != RunStatus.NotStarted)
            throw new UserErrorException($"there is a run '{run}' already; choose another --run or go on with it: --resume {run}");
        if (start is null)
            CheckResumable(run, state);
        if ((start?.Options ?? state.Options).Tools.Execute && settings.ToolsFile is null)
            throw new UserErrorException($"run '{run}' calls its tools: say where their servers are, with --tools FILE as it was started with");

        if (wanted is not null)
            start = await wanted.StoreAsync(
                host.Services.GetRequiredService<IFactLog>(), host.Services.GetRequiredService<PolicyStore>(), cancellation);

        await host.StartAsync(cancellation);
        try
        {
            var code = await PlayAsync(host, settings, run, start, state, json, cancellation);
            if (code == 0 && measured.Count > 0)
                await RunFiles.MeasureAsync(host.Services, run, measured, json, cancellation);
            return code;
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Cancelled when <paramref name="cancellation"/> is or standard input ends.</summary>
    private static CancellationToken OrInputEnds(CancellationToken cancellation)
    {
        var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        new Thread(() =>
        {
            while (Console.In.Read() >= 0)
            {
                // What is said does not matter.
            }

            ended.Cancel();
        })
        { IsBackground = true, Name = "end of input" }.Start();
        return ended.Token;
    }

    private static void CheckResumable(string run, RunState state)
    {
        switch (state.Status)
        {
            case RunStatus.NotStarted:
                throw new UserErrorException($"there is no run '{run}' in the store");
            case RunStatus.Completed or RunStatus.Cancelled:
                throw new UserErrorException($"run '{run}' is {state.Status.ToString().ToLowerInvariant()}; there is nothing to go on with");
            case RunStatus.Failed when !state.IsResumable:
                throw new UserErrorException($"run '{run}' failed and cannot be resumed: {state.Reason}");
        }
    }

    private static async Task<int> PlayAsync(
        IHost host, Settings settings, string run, StartRun? start, RunState before, bool json, CancellationToken cancellation)
    {
        var log = host.Services.GetRequiredService<IFactLog>();
        var sender = host.Services.GetRequiredService<CommandSender>();
        var live = !json && AnsiConsole.Profile.Out.IsTerminal ? new LiveProgress(TimeProvider.System) : null;
        IProgressDisplay display = live is not null ? live : new PlainProgress(json ? Console.Error : Console.Out);
        var watcher = new RunWatcher(log, display, run);
        host.Services.GetRequiredService<StoreOutages>().Said += display.Note;

        async Task Work()
        {
            if (start is not null)
                await sender.SendAsync(start, cancellation);
            else if (before.Status is RunStatus.Paused or RunStatus.Failed)
                await sender.SendAsync(new ResumeRun(run), cancellation);
            if (!await watcher.WaitBeyondAsync(start is null && before.Status == RunStatus.Running ? 0
                : before.Version, TimeSpan.FromSeconds(60), cancellation))
                throw new UserErrorException($"the coordinator did not take up run '{run}' within 60 s");
            await watcher.FollowAsync(passPauses: false, cancellation);
        }

        try
        {
            if (live is not null)
                await live.RunAsync(AnsiConsole.Console, Work);
            else
                await Work();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await PauseAsync(sender, watcher, run);
            Console.Error.WriteLine($"interrupted; what was computed is stored. Go on with: {settings.Command} run --resume {run}");
            return Interrupted;
        }

        return await RunFiles.FinishAsync(host.Services, settings, run, "run --resume", json);
    }

    /// <summary>Stops dispatching and records the pause, so that the time until the run goes on does not count as its own.</summary>
    private static async Task PauseAsync(CommandSender sender, RunWatcher watcher, string run)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await watcher.UpdateAsync(limit.Token);
            if (watcher.View.State.Status != RunStatus.Running)
                return;
            await sender.SendAsync(new PauseRun(run), limit.Token);
            await watcher.FollowAsync(passPauses: false, limit.Token);
        }
        catch (OperationCanceledException)
        {
            // Not recorded in time: the run is resumable all the same.
        }
    }

    private static void AddLog(ILoggingBuilder logging, Settings settings, string run) =>
        logging.AddProvider(new FileLog(Path.Combine(settings.RunFolder(run), "log.txt")));
}
