using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;

namespace ToolR0.Studies;

/// <summary>
/// Plays one run in a process of its own, on one core: one worker, one thread inside an operation. Each run has its own home folder, because runs
/// with equal beginnings make equal policies and would delete each other's step checkpoints.
/// </summary>
public sealed class StudyProcess(Settings settings, StudyCell cell, string run)
{
    private const string CostFile = "cost.json";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PauseLimit = TimeSpan.FromSeconds(30);

    private string Home => Path.Combine(settings.Home, "studies", "runs", run);

    private string Output => Path.Combine(Home, "output.txt");

    /// <summary>What the run has taken so far; null when no study played it here.</summary>
    public StudyCost? Cost =>
        File.Exists(Path.Combine(Home, CostFile)) ? JsonSerializer.Deserialize<StudyCost>(File.ReadAllText(Path.Combine(Home, CostFile))) : null;

    /// <summary>Starts the run or goes on with it, and waits for its end. Cancelled, the run is paused first.</summary>
    /// <returns>Null when it was completed, else why it was not.</returns>
    public async Task<string?> PlayAsync(bool resume, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Home);
        using var mine = Lock();
        if (mine is null)
            return "another process is playing it";
        var options = OutputFile.Write(Path.Combine(Home, "options.json"), RunOptionsJson.Write(cell.Options));
        string[] what = resume
            ? ["--resume", run]
            : ["--run", run, "--options", options, "--base", cell.Base.Model, "--heldout-seed",
                cell.HeldOutSeed.ToString(CultureInfo.InvariantCulture)];
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(StartInfo([RunArguments.Command, RunArguments.UntilInputEnds, .. what]))!;
        var core = TimeSpan.Zero;
        try
        {
            await using var output = new StreamWriter(Output, append: true);
            var reading = Task.WhenAll(Copy(process.StandardOutput, output), Copy(process.StandardError, output));
            while (!process.HasExited)
            {
                core = ProcessorTime(process) ?? core;
                await Task.Delay(Interval, cancellation);
            }

            await reading;
        }
        catch (OperationCanceledException)
        {
            // Its input ends, it pauses the run and ends by itself.
            process.StandardInput.Close();
            using var limit = new CancellationTokenSource(PauseLimit);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            OutputFile.Write(Path.Combine(Home, CostFile),
                JsonSerializer.Serialize((Cost ?? new StudyCost(0, 0)) + new StudyCost(clock.Elapsed.TotalSeconds, core.TotalSeconds)));
        }

        if (process.ExitCode == 0)
            return null;
        var last = (await File.ReadAllLinesAsync(Output, cancellation)).LastOrDefault(line => line.StartsWith("toolr0: ", StringComparison.Ordinal));
        return last?["toolr0: ".Length..] ?? FormattableString.Invariant($"the process ended with exit code {process.ExitCode}; see {Output}");
    }

    /// <summary>This program again, with settings of its own: nothing in the environment changes a study's options.</summary>
    private ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        var program = Environment.ProcessPath ?? "dotnet";
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        var ours = start.Environment.Keys.Where(name =>
            name.StartsWith("TOOLR0_", StringComparison.Ordinal) && name is not ("TOOLR0_TRACE" or "TOOLR0_COMMAND"));
        foreach (var name in ours.ToList())
            start.Environment.Remove(name);
        start.Environment["TOOLR0_HOME"] = Home;
        start.Environment["TOOLR0_POSTGRES"] = settings.RequirePostgres();
        start.Environment["TOOLR0_WORKERS"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["DOTNET_gcServer"] = "0";
        return start;
    }

    /// <summary>Null when another study is at this run.</summary>
    private FileStream? Lock()
    {
        try
        {
            return new FileStream(Path.Combine(Home, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static async Task Copy(StreamReader from, StreamWriter to)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (to)
                to.WriteLine(line);
        }
    }

    private static TimeSpan? ProcessorTime(Process process)
    {
        try
        {
            return process.TotalProcessorTime;
        }
        catch (InvalidOperationException)
        {
            // It has just ended.
            return null;
        }
    }
}

/// <summary>How a process asks another of its kind to play a run.</summary>
public static class RunArguments
{
    public const string Command = "run";

    /// <summary>Hidden: the run is paused when standard input ends, so that it never outlives, or has to be found by, who started it.</summary>
    public const string UntilInputEnds = "--until-input-ends";
}
