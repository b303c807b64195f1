using System.Diagnostics;
using System.Globalization;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Confinement;

/// <summary>
/// How a server's program is started: in a session and process group of its own (<c>setsid</c>), under limits (<c>prlimit</c>), where asked for
/// without
/// a network (<c>unshare</c>), never by a shell. Each of these programs replaces itself by the next, so that the process that is started is the
/// server.
/// </summary>
internal static class ConfinedCommand
{
    private const int OpenFiles = 4096;

    /// <summary>Variables of this process that every program needs; all others stay here.</summary>
    private static readonly string[] Passed =
        ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "PATHEXT", "PROGRAMFILES",];

    private static readonly Lazy<IReadOnlyList<string>?> Unshared = new(FindUnshare);

    /// <exception cref="ServerStartException">The program is not there, or no way to cut it off from the network.</exception>
    public static ProcessStartInfo Of(ServerDefinition server, ToolOptions options, string folder, string mark)
    {
        var start = new ProcessStartInfo
        {
            WorkingDirectory = server.WorkingFolder.Length > 0 ? server.WorkingFolder : folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (!Directory.Exists(start.WorkingDirectory))
            throw new ServerStartException($"its working folder {start.WorkingDirectory} is not there");
        var path = server.Environment.GetValueOrDefault("PATH") ?? Environment.GetEnvironmentVariable("PATH") ?? "";
        var program = FindProgram(server.Command, path, start.WorkingDirectory)
            ?? throw new ServerStartException($"there is no program '{server.Redact(server.Command)}' on PATH");

        List<string> words = [.. Limits(options), program, .. server.Arguments];
        start.FileName = words[0];
        foreach (var word in words.Skip(1))
            start.ArgumentList.Add(word);

        start.Environment.Clear();
        foreach (var name in Passed)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
                start.Environment[name] = value;
        }

        start.Environment["TMPDIR"] = folder;
        foreach (var (name, value) in server.Environment)
            start.Environment[name] = value;
        start.Environment[ProcessGroup.MarkVariable] = mark;
        return start;
    }

    private static List<string> Limits(ToolOptions options)
    {
        var words = new List<string>();
        if (Find("setsid") is { } setsid)
            words.Add(setsid);
        if (!options.Network)
        {
            words.AddRange(Unshared.Value
                ?? throw new ServerStartException("tools.network is false, and nothing here can start a program without a network"));
        }

        if (Find("prlimit") is { } prlimit)
        {
            var memory = (options.MemoryMegabytes * 1024L * 1024L).ToString(CultureInfo.InvariantCulture);
            words.AddRange(
            [
                prlimit, $"--data={memory}", $"--fsize={memory}", FormattableString.Invariant($"--cpu={options.CpuSeconds}"), $"--nofile={OpenFiles}",
                "--core=0", "--",
            ]);
        }

        return words;
    }

    /// <summary>The file of a program, by its path or by PATH; on Windows with the endings that PATHEXT names.</summary>
    private static string? FindProgram(string command, string path, string folder)
    {
        if (command.Length == 0)
            return null;
        if (command.Contains('/') || command.Contains(Path.DirectorySeparatorChar))
            return Existing(Path.GetFullPath(command, folder));
        return path.Split(Path.PathSeparator).Where(p => p.Length > 0).Select(p => Existing(Path.Combine(p, command)))
            .FirstOrDefault(p => p is not null);
    }

    private static string? Existing(string file)
    {
        if (!OperatingSystem.IsWindows())
            return File.Exists(file) ? file : null;
        var endings = (Environment.GetEnvironmentVariable("PATHEXT") ?? ".EXE;.CMD;.BAT").Split(';');
        return Path.HasExtension(file) && File.Exists(file) ? file : endings.Select(ending => file + ending).FirstOrDefault(File.Exists);
    }

    private static string? Find(string program) =>
        OperatingSystem.IsWindows() ? null : FindProgram(program, Environment.GetEnvironmentVariable("PATH") ?? "", "/");

    /// <summary>The way to cut a program off that works here: as root, else in a user namespace; null where none does.</summary>
    private static IReadOnlyList<string>? FindUnshare()
    {
        if (Find("unshare") is not { } unshare)
            return null;
        foreach (var words in (List<string>[])[[unshare, "--net", "--"], [unshare, "--net", "--map-current-user", "--"]])
        {
            using var probe = Process.Start(new ProcessStartInfo(words[0], [.. words.Skip(1), "true"]) { RedirectStandardError = true });
            if (probe is not null && probe.WaitForExit(5000) && probe.ExitCode == 0)
                return words;
        }

        return null;
    }
}
