using Spectre.Console;
using ToolR0.Policies.Hub;

namespace ToolR0.Cli.Progress;

/// <summary>A bar on standard error while a model is loaded; without a terminal a line now and then.</summary>
internal static class DownloadProgress
{
    /// <param name="isNeeded">False: nothing can be loaded, and nothing is drawn.</param>
    public static Task<T> ShowAsync<T>(bool isNeeded, Func<IProgress<HubProgress>?, Task<T>> work)
    {
        if (!isNeeded)
            return work(null);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var progress = console.Progress().AutoClear(true).Columns(
            new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn());
        return progress.StartAsync(context => work(new Bar(console, context)));
    }

    private sealed class Bar(IAnsiConsole console, ProgressContext context) : IProgress<HubProgress>
    {
        private readonly Lock _lock = new();
        private ProgressTask? _task;

        public void Report(HubProgress value)
        {
            lock (_lock)
            {
                if (value.Note is { } note)
                    console.WriteLine(note);
                if (value.Total == 0)
                    return;
                _task ??= context.AddTask(Markup.Escape(value.Model));
                _task.MaxValue = value.Total;
                _task.Value = value.Done;
            }
        }
    }
}
