using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using ToolR0.Cli.Progress;
using ToolR0.Cli.Running;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Commands;

/// <summary>What talks to a running stack: start, status, watch, pause, resume, cancel.</summary>
internal static class StackCommands
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(30);

    public static IEnumerable<Command> Create() => [Start(), Status(), Watch(), Pause(), Resume(), Cancel()];

    private static Command Start()
    {
        var command = new Command("start", "Start a run on the stack");
        var flags = new RunFlags(command, starts: true);
        var watch = new Option<bool>("--watch") { Description = "Follow it to its end" };
        command.Add(watch);
        var common = new CommonOptions(command, BusKind.RabbitMq);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            var wanted = await flags.NewRunAsync(parsed, common, cancellation);
            var run = wanted.Start.Run;
            await BusProbe.CheckAsync(settings.Bus, cancellation: cancellation);
            using var host = ServiceHost.Build(settings, []);
            if ((await host.Services.GetRequiredService<RunStates>().LoadAsync(run, cancellation)).Status != RunStatus.NotStarted)
                throw new UserErrorException($"there is a run '{run}' already; choose another --run");

            using var policies = new PolicyStore(settings.PoliciesFolder);
            var log = host.Services.GetRequiredService<IFactLog>();
            var start = await wanted.StoreAsync(log, policies, cancellation);
            await host.StartAsync(cancellation);
            await host.Services.GetRequiredService<CommandSender>().SendAsync(start, cancellation);
            await host.StopAsync(cancellation);

            var watcher = new RunWatcher(log, new PlainProgress(TextWriter.Null), run);
            if (!await watcher.WaitBeyondAsync(0, AnswerLimit, cancellation))
                throw new UserErrorException(
                    $"no coordinator took up run '{run}' within {AnswerLimit.TotalSeconds:0} s; the command waits in its queue");
            if (common.Json(parsed) && !parsed.GetValue(watch))
                Console.WriteLine(JsonSerializer.Serialize(new { run }));
            else
                Console.WriteLine(run);
            return parsed.GetValue(watch) ? await FollowAsync(host.Services, settings, run, common.Json(parsed), cancellation) : 0;
        });
        return command;
    }

    private static Command Watch()
    {
        var (command, run) = WithRun("watch", "Follow a run to its end and write its report");
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            var name = await KnownRunAsync(store, parsed.GetValue(run), cancellation);
            return await FollowAsync(store, settings, name, common.Json(parsed), cancellation);
        });
        return command;
    }

    private static async Task<int> FollowAsync(IServiceProvider store, Settings settings, string run, bool json, CancellationToken cancellation)
    {
        var live = !json && AnsiConsole.Profile.Out.IsTerminal ? new LiveProgress(TimeProvider.System) : null;
        var watcher = new RunWatcher(store.GetRequiredService<IFactLog>(), live is not null ? live
            : new PlainProgress(json ? Console.Error : Console.Out), run);
        try
        {
            if (live is not null)
                await live.RunAsync(AnsiConsole.Console, () => watcher.FollowAsync(passPauses: true, cancellation));
            else
                await watcher.FollowAsync(passPauses: true, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Console.Error.WriteLine($"no longer watching; run '{run}' goes on");
            return 130;
        }

        return await RunFiles.FinishAsync(store, settings, run, "resume", json);
    }

    private static Command Pause() =>
        Order("pause", "Dispatch nothing more until resumed", RunStatus.Paused, (run, _) => new PauseRun(run), RunStatus.Running);

    private static Command Resume() =>
        Order("resume", "Go on with a paused or failed run", RunStatus.Running, (run, _) => new ResumeRun(run), RunStatus.Paused, RunStatus.Failed);

    private static Command Cancel() => Order(
        "cancel", "End a run", RunStatus.Cancelled, (run, reason) =>
            new CancelRun(run, reason ?? "cancelled from the command line"), RunStatus.Running, RunStatus.Paused);

    /// <summary>A command that sends one message and waits until the run's state says that it was obeyed.</summary>
    private static Command Order(string name, string description, RunStatus expected, Func<string, string?, object> message, params RunStatus[] from)
    {
        var (command, run) = WithRun(name, description);
        var reason = new Option<string?>("--reason") { Description = "Recorded with the run", HelpName = "TEXT" };
        if (expected == RunStatus.Cancelled)
            command.Add(reason);
        var common = new CommonOptions(command, BusKind.RabbitMq);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await BusProbe.CheckAsync(settings.Bus, cancellation: cancellation);
            using var host = ServiceHost.Build(settings, []);
            var states = host.Services.GetRequiredService<RunStates>();
            var named = await KnownRunAsync(host.Services, parsed.GetValue(run), cancellation);
            var state = await states.LoadAsync(named, cancellation);
            if (!from.Contains(state.Status))
                throw new UserErrorException(
                    $"run '{named}' is {state.Status.ToString().ToLowerInvariant()}; {name} needs one that is {string.Join(" or ", from.Select(s => s.ToString().ToLowerInvariant()))}");

            if (expected == RunStatus.Running && state is { Status: RunStatus.Failed, IsResumable: false })
                throw new UserErrorException($"run '{named}' failed and cannot be resumed: {state.Reason}");

            await host.StartAsync(cancellation);
            var sender = host.Services.GetRequiredService<CommandSender>();
            await (message(named, expected == RunStatus.Cancelled ? parsed.GetValue(reason) : null) switch
            {
                PauseRun pause => sender.SendAsync(pause, cancellation),
                ResumeRun resume => sender.SendAsync(resume, cancellation),
                CancelRun cancel => sender.SendAsync(cancel, cancellation),
                var other => throw new InvalidOperationException($"{other.GetType().Name} is not a run command"),
            });
            await host.StopAsync(cancellation);

            var until = DateTime.UtcNow + AnswerLimit;
            while (state.Status != expected)
            {
                if (DateTime.UtcNow > until)
                    throw new UserErrorException($"no coordinator obeyed within {AnswerLimit.TotalSeconds:0} s; the command waits in its queue");
                await Task.Delay(200, cancellation);
                state = await states.LoadAsync(named, cancellation);
            }

            Console.WriteLine(common.Json(parsed) ? JsonSerializer.Serialize(new { run = named, status = Word(state.Status) })
                : $"{named} {Word(state.Status)}");
            return 0;
        });
        return command;
    }

    private static Command Status()
    {
        var (command, run) = WithRun("status", "The state of runs, and messages that nobody could answer");
        var common = new CommonOptions(command, BusKind.Memory);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            var log = store.GetRequiredService<IFactLog>();
            IReadOnlyList<string> names = parsed.GetValue(run) is { } one ? [await KnownRunAsync(store, one, cancellation)]
                : await log.RunsAsync(cancellation);
            var states = await store.GetRequiredService<RunStates>().SummariesAsync(names, cancellation);
            var errors = await ErrorQueues.CountAsync(settings.Bus, cancellation);
            if (common.Json(parsed))
                Console.WriteLine(JsonSerializer.Serialize(new { runs = states.Select(Line), errorQueues = errors },
                    new JsonSerializerOptions(JsonSerializerDefaults.Web)));
            else
                Show(states, errors);
            return 0;
        });
        return command;
    }

    private static object Line(RunState state) => new
    {
        state.Run,
        status = Word(state.Status),
        state.Reason,
        state.Iteration,
        iterations = state.Options.Iterations,
        phase = state.Phase?.Phase.WireName(),
        stepsDone = state.StepsDone,
        steps = state.Phase?.Steps,
        heldOut = state.HeldOut.ToDictionary(set => set.Name, set => state.AccuracyOf(set.Name)),
        policies = state.Policies.ToDictionary(p => p.Key.WireName(), p => p.Value),
    };

    private static void Show(IReadOnlyList<RunState> states, IReadOnlyDictionary<string, long> errors)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("run", "status", "where", "held-out exact match (base to last)");
        foreach (var state in states)
        {
            var where = state.Phase is { } phase && !state.IsOver
                ? FormattableString.Invariant(
                    $"iteration {state.Iteration}/{state.Options.Iterations}, {phase.Phase.WireName()}, step {Math.Min(state.StepsDone + 1, phase.Steps)}/{phase.Steps}")
                : state.IsOver ? Markup.Escape(state.Reason ?? "") : "";
            var accuracy = state.HeldOut.Select(set => (set.Name, Measured: state.MeasuredOn(set.Name)))
                .Where(set => set.Measured.Count > 0)
                .Select(set => FormattableString.Invariant(
                    $"{set.Name} {100 * set.Measured[0].Accuracy:0.0} → {100 * set.Measured[^1].Accuracy:0.0} %"));
            table.AddRow(Markup.Escape(state.Run), Word(state.Status), where, string.Join(", ", accuracy));
        }

        AnsiConsole.Write(table);
        if (states.Count == 0)
            AnsiConsole.WriteLine("no runs");
        foreach (var (queue, count) in errors.Where(error => error.Value > 0))
            AnsiConsole.MarkupLineInterpolated($"[red]{count} messages in {queue}: commands that could not be answered[/]");
    }

    private static string Word(RunStatus status) => status.ToString().ToLowerInvariant();

    internal static (Command Command, Argument<string?> Run) WithRun(string name, string description)
    {
        var run = new Argument<string?>("run") { Description = "Name of the run (default: the newest)", Arity = ArgumentArity.ZeroOrOne };
        return (new Command(name, description) { run }, run);
    }

    /// <summary>The named run, or the newest.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    internal static async Task<string> KnownRunAsync(IServiceProvider store, string? run, CancellationToken cancellation)
    {
        var runs = await store.GetRequiredService<IFactLog>().RunsAsync(cancellation);
        if (run is null)
            return runs.Count > 0 ? runs[0] : throw new UserErrorException("there is no run in the store");
        return runs.Contains(run) ? run : throw new UserErrorException($"there is no run '{run}' in the store");
    }
}
