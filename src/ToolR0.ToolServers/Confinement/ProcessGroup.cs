using System.Globalization;
using System.Runtime.InteropServices;

namespace ToolR0.ToolServers.Confinement;

/// <summary>
/// The processes of one server: its process group, and processes that left the group but carry its mark in their environment. On systems without
/// <c>/proc</c> the group alone.
/// </summary>
internal sealed class ProcessGroup(int id, string mark)
{
    /// <summary>Stands in the environment of a server and so of all that it starts.</summary>
    public const string MarkVariable = "TOOL_SERVER_SESSION";

    private const int Terminate = 15;
    private const int KillSignal = 9;

    private readonly string _entry = $"{MarkVariable}={mark}";

    public void Stop() => Signal(Terminate);

    public void Kill() => Signal(KillSignal);

    /// <summary>Living processes and the memory they take together, in bytes.</summary>
    public (int Processes, long Bytes) Usage()
    {
        var (count, bytes) = (0, 0L);
        foreach (var member in Members())
        {
            count++;
            bytes += Resident(member);
        }

        return (count, bytes);
    }

    /// <summary>Process ids of the living; zombies do not count.</summary>
    public IReadOnlyList<int> Members()
    {
        if (!Directory.Exists("/proc/self"))
            return [];
        var members = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                && (IsInGroup(process) ?? false))
                members.Add(process);
        }

        return members;
    }

    private void Signal(int signal)
    {
        if (OperatingSystem.IsWindows())
            return;
        _ = SendSignal(-id, signal);
        foreach (var stray in Members())
            _ = SendSignal(stray, signal);
    }

    /// <summary>Null where the process is gone or is none that can be looked at.</summary>
    private bool? IsInGroup(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
                return null;
            return int.Parse(fields[2], CultureInfo.InvariantCulture) == id
                || File.ReadAllText($"/proc/{process}/environ").Split('\0').Contains(_entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    private static long Resident(int process)
    {
        try
        {
            var pages = File.ReadAllText($"/proc/{process}/statm").Split(' ')[1];
            return long.Parse(pages, CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int process, int signal);
}
