using System.Diagnostics;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>What a process did.</summary>
public sealed record Outcome(int ExitCode, string Output, string Errors)
{
    /// <summary>The lines of standard error.</summary>
    public string[] ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the built command and the repository's scripts as a user does: as processes.</summary>
internal static class Product
{
    private static readonly string Configuration =
        AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}") ? "Release" : "Debug";

    public static string Root => PrivateServers.RepositoryRoot;

    public static string Command => Path.Combine(Root, "src", "ToolR0.Cli", "bin", Configuration, "net10.0", "toolr0.dll");

    public static async Task<Outcome> Toolr0Async(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var process = Start("dotnet", environment, [Command, .. arguments]);
        return await EndAsync(process);
    }

    /// <summary>Plays a run to its end and audits it: no failure, no difference, nothing unchecked.</summary>
    /// <returns>What the run wrote to standard error.</returns>
    public static async Task<string> PlayAndAuditAsync(
        IReadOnlyDictionary<string, string> environment, string name, string options, params string[] more)
    {
        var run = await Toolr0Async(environment, ["run", "--run", name, "--options", options, .. more]);
        run.ExitCode.ShouldBe(0, run.Errors);
        var audit = await Toolr0Async(environment, "audit", name);
        audit.ExitCode.ShouldBe(0, audit.Output);
        audit.Output.ShouldContain("0 differences");
        audit.Output.ShouldNotContain("unchecked");
        return run.Errors;
    }

    public static async Task<Outcome> BashAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var process = Start("bash", environment, arguments);
        return await EndAsync(process);
    }

    /// <summary>Runs a script that may mount file systems which only it sees.</summary>
    public static async Task<Outcome> UnshareAsync(IReadOnlyDictionary<string, string> environment, string script)
    {
        using var process = Start("unshare", environment, ["--mount", "--map-root-user", "bash", "-c", script]);
        return await EndAsync(process);
    }

    public static Task<Outcome> ScriptAsync(string script, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        BashAsync(environment, [Path.Combine(Root, "infra", script), .. arguments]);

    public static Process Start(string file, IReadOnlyDictionary<string, string> environment, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(file)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // Settings of whoever runs the tests must not reach the command.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("TOOLR0_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        start.Environment["TOOLR0_CONFIGURATION"] = Configuration;
        start.Environment["TOOLR0_SKIP_BUILD"] = "1";
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException($"cannot start {file}");
        process.StandardInput.Close();
        return process;
    }

    public static async Task<Outcome> EndAsync(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new Outcome(process.ExitCode, await output, await errors);
    }
}
