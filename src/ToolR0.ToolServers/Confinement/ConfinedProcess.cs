using System.Diagnostics;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Confinement;

/// <summary>
/// A server's program and all that it starts. When it is disposed its standard input is closed, then the group gets SIGTERM, then SIGKILL, and its
/// temporary folder is gone: no process is left over. It is stopped before that where it takes more memory or processes than it may.
/// </summary>
internal sealed class ConfinedProcess : IAsyncDisposable
{
    private static readonly TimeSpan Polite = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hurried = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan WatchEvery = TimeSpan.FromMilliseconds(500);

    private readonly ServerDefinition _server;
    private readonly ToolOptions _options;
    private readonly Process _process;
    private readonly ProcessGroup _group;
    private readonly string _folder;
    private readonly TextTail _errors = new(lines: 8, columns: 300);
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _watching;
    private readonly Task _readingErrors;
    private int _disposed;

    private ConfinedProcess(ServerDefinition server, ToolOptions options, Process process, ProcessGroup group, string folder)
    {
        (_server, _options, _process, _group, _folder) = (server, options, process, group, folder);
        _readingErrors = Task.Run(ReadErrorsAsync);
        _watching = Task.Run(WatchAsync);
    }

    public Stream Input => _process.StandardInput.BaseStream;

    public Stream Output => _process.StandardOutput.BaseStream;

    public int Id => _process.Id;

    /// <summary>Why it was stopped from here; empty where it was not.</summary>
    public string StopReason { get; private set; } = "";

    public bool HasExited => _process.HasExited;

    /// <summary>Living processes of the group.</summary>
    public IReadOnlyList<int> Members => _group.Members();

    /// <summary>How it ended, as far as it has, and the end of its standard error, in one line without secrets; empty where nothing is
    /// known.</summary>
    public string Account()
    {
        var errors = _server.Redact(_errors.ToString());
        var end = StopReason.Length > 0 ? StopReason
            : !_process.HasExited ? ""
            : _process.ExitCode > 128 ? FormattableString.Invariant($"it was ended by signal {_process.ExitCode - 128}")
            : FormattableString.Invariant($"it exited with code {_process.ExitCode}");
        return string.Join("; ", new[] { end, errors.Length > 0 ? $"standard error: {errors}" : "" }.Where(part => part.Length > 0));
    }

    /// <exception cref="ServerStartException">It cannot be started.</exception>
    public static ConfinedProcess Start(ServerDefinition server, ToolOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("toolr0-server-").FullName;
        try
        {
            var mark = Guid.NewGuid().ToString("N");
            var start = ConfinedCommand.Of(server, options, folder, mark);
            var process = Process.Start(start) ?? throw new ServerStartException("it could not be started");
            return new ConfinedProcess(server, options, process, new ProcessGroup(process.Id, mark), folder);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or ServerStartException)
        {
            Remove(folder);
            throw e as ServerStartException ?? new ServerStartException($"it could not be started: {server.Redact(e.Message)}", e);
        }
    }

    /// <summary>Ends the group at once.</summary>
    public void Stop(string reason)
    {
        if (StopReason.Length == 0)
            StopReason = reason;
        KillAll();
    }

    /// <summary>Waits a moment for a process that is about to exit, so that its account is whole.</summary>
    public async Task SettleAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(Hurried);
            await _process.WaitForExitAsync(limit.Token);
            await _readingErrors.WaitAsync(Hurried);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
        }
    }

    public ValueTask DisposeAsync() => DisposeAsync(Polite);

    /// <summary>Ends a server that failed: nobody waits for it.</summary>
    public ValueTask DisposeFailedAsync() => DisposeAsync(Hurried);

    private async ValueTask DisposeAsync(TimeSpan patience)
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
            return;
        await _ended.CancelAsync();
        try
        {
            _process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
        }

        if (!await ExitedAsync(patience))
        {
            Terminate();
            await ExitedAsync(patience);
        }

        KillAll();
        await ExitedAsync(Polite);
        await Task.WhenAny(Task.WhenAll(_watching, _readingErrors), Task.Delay(Hurried));
        _process.Dispose();
        _ended.Dispose();
        Remove(_folder);
    }

    private void Terminate()
    {
        if (OperatingSystem.IsWindows())
            _process.Kill(entireProcessTree: true);
        else
            _group.Stop();
    }

    private void KillAll()
    {
        if (OperatingSystem.IsWindows())
        {
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
            return;
        }

        // What forks while it is being killed is found in the next round.
        _group.Kill();
        for (var round = 0; round < 20 && _group.Members().Count > 0; round++)
        {
            Thread.Sleep(5);
            _group.Kill();
        }
    }

    private async Task<bool> ExitedAsync(TimeSpan patience)
    {
        var until = Stopwatch.StartNew();
        while (!_process.HasExited || _group.Members().Count > 0)
        {
            if (until.Elapsed > patience)
                return false;
            await Task.Delay(10);
        }

        return true;
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(WatchEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                var (processes, bytes) = _group.Usage();
                if (processes > _options.Processes)
                    Stop(FormattableString.Invariant($"it was stopped: it had {processes} processes, more than {_options.Processes}"));
                else if (bytes > _options.MemoryMegabytes * 1024L * 1024L)
                    Stop(FormattableString.Invariant($"it was stopped: it took {bytes >> 20} MB of memory, more than {_options.MemoryMegabytes}"));
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ReadErrorsAsync()
    {
        var buffer = new char[4096];
        var line = new System.Text.StringBuilder();
        try
        {
            while (await _process.StandardError.ReadAsync(buffer) is > 0 and var read)
            {
                foreach (var c in buffer.AsSpan(0, read))
                {
                    if (c is '\n' or '\r')
                    {
                        _errors.Add(line.ToString());
                        line.Clear();
                    }
                    else if (line.Length < 2000)
                    {
                        line.Append(c);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
        }

        _errors.Add(line.ToString());
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
