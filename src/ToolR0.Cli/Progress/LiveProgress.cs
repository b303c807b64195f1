using Spectre.Console;
using Spectre.Console.Rendering;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Reporting;

namespace ToolR0.Cli.Progress;

/// <summary>A picture of the run that is redrawn in place, for terminals.</summary>
public sealed class LiveProgress(TimeProvider clock) : IProgressDisplay
{
    private readonly Lock _lock = new();
    private readonly List<string> _notes = [];
    private RunView? _view;

    public void Advanced(RunView view, object fact, DateTimeOffset at)
    {
        lock (_lock)
            _view = view;
    }

    public void Note(string line)
    {
        lock (_lock)
            _notes.Add(line);
    }

    /// <summary>Draws until <paramref name="work"/> ends.</summary>
    public async Task RunAsync(IAnsiConsole console, Func<Task> work)
    {
        await console.Live(Draw()).AutoClear(false).StartAsync(async live =>
        {
            var running = work();
            while (!running.IsCompleted)
            {
                live.UpdateTarget(Draw());
                await Task.WhenAny(running, Task.Delay(250));
            }

            live.UpdateTarget(Draw());
            await running;
        });
    }

    internal IRenderable Draw()
    {
        lock (_lock)
        {
            if (_view is not { State: { StartedAt: not null } state })
                return new Markup("[grey]starting…[/]");
            var now = clock.GetUtcNow();
            var (done, left) = _view.Estimate();
            var rows = new List<IRenderable>
            {
                new Markup(FormattableString.Invariant(
                    $"[bold]{Markup.Escape(state.Run)}[/]  preset {Markup.Escape(state.Options.Preset)}, seed {state.Options.Seed}, base {state.Base[..12]}")),
                Bar(done, _view, left, now),
                Now(_view),
                Metrics(_view),
            };
            if (state.Evaluations.Count > 0)
                rows.Add(AccuracyTable.Of([.. state.HeldOut.Select(set => set.Name)], state.Iteration, (set, iteration) =>
                    state.Evaluations.FirstOrDefault(e => e.Set == set && e.Iteration == iteration)?.Accuracy));
            rows.AddRange(_notes.Select(note => new Markup($"[yellow]{Markup.Escape(note)}[/]")));
            return new Rows(rows);
        }
    }

    private static Markup Bar(double done, RunView view, TimeSpan? left, DateTimeOffset now)
    {
        const int width = 40;
        var full = (int)Math.Round(done * width);
        var rest = left is { } span && !view.State.IsOver ? $"about {Durations.Text(span)} left" : "";
        return new Markup(FormattableString.Invariant(
            $"[deepskyblue1]{new string('━', full)}[/][grey]{new string('━', width - full)}[/] {100 * done,3:0} %  {Durations.Text(now - view.State.StartedAt!.Value)} so far  {rest}"));
    }

    private static Markup Now(RunView view)
    {
        var state = view.State;
        if (state.Status != RunStatus.Running)
            return new Markup($"[bold]{state.Status.ToString().ToLowerInvariant()}[/]{(state is { IsOver: true, Reason: { } reason } ? " " + Markup.Escape(reason) : "")}");
        var what = state.Phase?.Phase switch
        {
            Phase.Generator => "training the Generator",
            Phase.Curriculum => "building the curriculum",
            Phase.Solver => "training the Solver",
            Phase.WarmProposals => "warm start: sampling the Generator",
            Phase.WarmGenerator => "warm start: fitting the Generator",
            Phase.WarmAttempts => "warm start: sampling the Solver",
            Phase.WarmSolver => "warm start: fitting the Solver",
            Phase.Evaluation => state.Iteration == 0 ? "measuring the base model" : "measuring the Solver",
            _ => "starting",
        };
        var rate = view.TokensPerSecond() is { } tokens ? FormattableString.Invariant($"{tokens:#,0} tokens/s") : "";
        return new Markup(FormattableString.Invariant(
            $"iteration {state.Iteration}/{state.Options.Iterations}  [bold]{what}[/]  step {Math.Min(state.StepsDone + 1, state.Phase?.Steps ?? 0)}/{state.Phase?.Steps ?? 0}  {rate}"));
    }

    private static IRenderable Metrics(RunView view)
    {
        var grid = new Grid().AddColumn().AddColumn();
        foreach (var phase in new[] { Phase.Generator, Phase.Solver })
        {
            if (view.LastOf(phase) is { } step)
                grid.AddRow(phase == Phase.Generator ? "Generator" : "Solver", ProgressText.Metrics(step));
        }

        foreach (var curriculum in view.State.Curricula.Values.TakeLast(1))
            grid.AddRow("Curriculum", FormattableString.Invariant($"{curriculum.Tasks.Count} tasks of {curriculum.Candidates} candidates  ")
                + (view.LastOf(Phase.Curriculum) is { } written ? ProgressText.Metrics(written) : ""));
        return grid;
    }
}

/// <summary>Held-out accuracy per measured iteration, up to <c>last</c>.</summary>
internal static class AccuracyTable
{
    public static Table Of(IReadOnlyList<string> sets, int last, Func<string, int, double?> accuracy)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("iteration");
        foreach (var set in sets)
            table.AddColumn(new TableColumn($"{Markup.Escape(set)}: exact match").RightAligned()).AddColumn("against base");
        for (var iteration = 0; iteration <= last; iteration++)
        {
            if (sets.All(set => accuracy(set, iteration) is null))
                continue;
            var cells = new List<string> { iteration == 0 ? "base" : FormattableString.Invariant($"{iteration}") };
            foreach (var set in sets)
            {
                var (value, start) = (accuracy(set, iteration), accuracy(set, 0));
                cells.Add(value is { } share ? FormattableString.Invariant($"{100 * share:0.0} %") : "");
                cells.Add(iteration == 0 || value is null || start is null
                    ? ""
                    : FormattableString.Invariant($"{100 * (value - start):+0.0;-0.0;0.0} points") +
                      (start > 0 ? FormattableString.Invariant($"  {100 * ((value / start) - 1):+0;-0;0} %") : ""));
            }

            table.AddRow([.. cells]);
        }

        return table;
    }
}
