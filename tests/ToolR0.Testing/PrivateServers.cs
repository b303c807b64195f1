using System.Diagnostics;

namespace ToolR0.Testing;

/// <summary>Runs the repository's infra scripts for tests that need a real server.</summary>
public static class PrivateServers
{
    /// <summary>The repository's root: the first folder above the test's binaries that holds the solution.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>Runs <c>infra/{script} {arguments}</c>; its output without the line end.</summary>
    /// <exception cref="InvalidOperationException">The script failed; the message is what it said.</exception>
    public static string Run(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(RepositoryRoot, "infra", script));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        if (script == "postgres.sh")
            start.Environment["TOOLR0_POSTGRES_OPTIONS"] = "-c fsync=off"; // a test's facts must survive the server, not the machine
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"cannot run bash for infra/{script}");
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"infra/{script} {string.Join(' ', arguments)}: {errors.Result.Trim()}");
    }

    /// <summary>A home folder in a place that other users can reach (PostgreSQL does not run as root).</summary>
    public static string NewHome() => Path.Combine(Path.GetTempPath(), $"toolr0-test-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}");

    public static void Remove(string home)
    {
        try
        {
            Directory.Delete(home, recursive: true);
        }
        catch (IOException)
        {
            // A server's last file may still be on its way out; a folder in the temporary folder does no harm.
        }
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ToolR0.Pipeline.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside the repository (no ToolR0.Pipeline.sln above it)");
    }
}
