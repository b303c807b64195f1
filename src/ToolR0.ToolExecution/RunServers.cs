using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Catalogue;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolExecution;

/// <summary>The run's servers cannot be had: they do not start, or offer other tools than the run was started with. A failure of infrastructure,
/// for all calls alike.</summary>
public sealed class ServersAwayException(string message) : Exception(message);

/// <summary>
/// The servers of a file, as runs call their tools. Where nothing that one trajectory does is seen by another (only tools that change nothing are
/// taken, or <see cref="ToolOptions.Session"/> says so) all share them; else each trajectory has servers of its own, of which
/// <see cref="MostKept"/> are kept between turns.
/// </summary>
/// <param name="file">As <c>--tools</c> takes it; null: nothing can be called.</param>
/// <param name="environment">Where the file's variables are looked up.</param>
public sealed class RunServers(string? file, IReadOnlyDictionary<string, string> environment) : IAsyncDisposable
{
    /// <summary>Trajectories with servers of their own whose servers wait for the next turn; those of others are closed, the longest unused
    /// first.</summary>
    public const int MostKept = 32;

    /// <summary>Trajectories with servers of their own that call tools at a time.</summary>
    private const int MostAtOnce = 8;

    private const string Everybody = "";

    private readonly SemaphoreSlim _places = new(MostAtOnce);
    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, Lease> _kept = new(StringComparer.Ordinal);
    private readonly LinkedList<string> _byUse = [];
    private ToolCatalogue? _offered;

    /// <summary>No servers.</summary>
    public static RunServers None { get; } = new(null, new Dictionary<string, string>());

    /// <summary>Whether calls of a run's catalogue are made.</summary>
    /// <exception cref="ServersAwayException">They are to be made, and nobody said where.</exception>
    public bool Serve(ToolOptions options) => options.Execute && options.CatalogueSha256.Length > 0
        && (file is not null ? true : throw new ServersAwayException(
            "the run calls its tools, and tool execution was not told of their servers: give --tools FILE (toolr0 run), or TOOLR0_TOOLS_FILE to the service"));

    /// <summary>What the run's servers offer.</summary>
    /// <exception cref="ServersAwayException">They cannot be had.</exception>
    public async Task<ToolCatalogue> CatalogueAsync(ToolOptions options, CancellationToken cancellation)
    {
        if (_offered is { } known && known.Digest == options.CatalogueSha256)
            return known;
        await using var lease = await OfAsync(options, "catalogue", [], cancellation);
        return _offered!;
    }

    /// <summary>The servers of a trajectory, its own until they are given back.</summary>
    /// <param name="trajectory">Its name. Servers of its own are kept under it.</param>
    /// <param name="earlier">What it called before. Where that changed something, its servers must be those that it called.</param>
    /// <returns>Null where they are gone.</returns>
    /// <exception cref="ServersAwayException">They cannot be had.</exception>
    internal async Task<Lease?> OfAsync(
        ToolOptions options, string trajectory, IReadOnlyList<CallOutcome> earlier, CancellationToken cancellation)
    {
        var shared = options.ReadOnlyOnly || options.Session == ToolSessions.Run;
        if (!shared)
            await _places.WaitAsync(cancellation);
        Lease? taken = null;
        await _one.WaitAsync(cancellation);
        try
        {
            if (_offered is not null && _offered.Digest != options.CatalogueSha256)
                await CloseAsync(0);
            var key = shared ? Everybody : trajectory;
            if (!_kept.TryGetValue(key, out var lease))
            {
                var changed = earlier.Any(call => _offered?.Find(call.Call.Name) is { Executable: true, ReadOnly: false });
                if (changed && !shared)
                    return null;
                lease = new Lease(this, shared, options, await StartAsync(options, cancellation));
                _kept[key] = lease;
            }

            _byUse.Remove(key);
            _byUse.AddLast(key);
            lease.Users++;
            taken = lease;
            await CloseAsync(MostKept);
            return taken;
        }
        finally
        {
            _one.Release();
            if (taken is null && !shared)
                _places.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _one.WaitAsync();
        foreach (var lease in _kept.Values)
            await lease.Servers.DisposeAsync();
        _kept.Clear();
        _byUse.Clear();
        _one.Release();
    }

    /// <summary>Closes servers that nobody uses until at most so many are left.</summary>
    private async Task CloseAsync(int most)
    {
        foreach (var key in _byUse.Where(key => _kept[key].Users == 0).ToList())
        {
            if (_kept.Count <= most)
                return;
            _byUse.Remove(key);
            _kept.Remove(key, out var gone);
            await gone!.Servers.DisposeAsync();
        }
    }

    private async Task<ToolServerSet> StartAsync(ToolOptions options, CancellationToken cancellation)
    {
        var started = await ToolServerSet.StartAsync(ToolSourceReader.Read(file!, environment), options, cancellation);
        if (started.Catalogue.Digest == options.CatalogueSha256)
        {
            _offered = started.Catalogue;
            return started;
        }

        var away = started.Servers.FirstOrDefault(server => server.Reason.Length > 0);
        var why = away is null ? $"its servers offer another catalogue, {started.Catalogue.Digest[..12]}"
            : $"{away.Server.Name} does not run: {away.Reason}";
        await started.DisposeAsync();
        throw new ServersAwayException($"{file} is not what the run was started with (catalogue {options.CatalogueSha256[..12]}): {why}");
    }

    /// <summary>A text that is JSON as it is, any other as a JSON string.</summary>
    private static string AsJson(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return text;
        }
        catch (JsonException)
        {
            return JsonSerializer.Serialize(text);
        }
    }

    /// <summary>Servers that are in use.</summary>
    internal sealed class Lease(RunServers owner, bool shared, ToolOptions options, ToolServerSet servers) : IAsyncDisposable
    {
        public ToolServerSet Servers { get; private set; } = servers;

        /// <summary>Trajectories that use them now.</summary>
        public int Users { get; set; }

        /// <summary>
        /// Makes a call. One whose server ended, before it or in its midst, is made again on new servers where that does nothing twice and they are
        /// the servers that the trajectory would have called; one that took too long is not.
        /// </summary>
        /// <returns>The outcome; or none, and why nothing is known.</returns>
        public async Task<(CallOutcome? Outcome, string? VoidCause)> CallAsync(
            CatalogueTool tool, ToolCall call, string key, CancellationToken cancellation)
        {
            var arguments = JsonSerializer.SerializeToElement(call.Arguments);
            var used = Servers;
            var result = await used.CallAsync(call.Name, arguments, cancellation, key);
            if (result.MayRepeat(tool) && (shared || tool.ReadOnly) && used.HasEnded(tool.Server))
                result = await (await RenewAsync(used, cancellation)).CallAsync(call.Name, arguments, cancellation, key);
            return result.Fault switch
            {
                CallFault.None => (new CallOutcome(call, CallStatus.Succeeded, AsJson(result.Text), null), null),
                CallFault.Model => (new CallOutcome(call, CallStatus.Failed, null, result.Error), null),
                CallFault.Tool => (new CallOutcome(call, CallStatus.Unavailable, null, result.Error), null),
                _ => (null, result.Error),
            };
        }

        /// <summary>Gives the servers back.</summary>
        public async ValueTask DisposeAsync()
        {
            await owner._one.WaitAsync();
            Users--;
            owner._one.Release();
            if (!shared)
                owner._places.Release();
        }

        /// <summary>New servers in place of those in which one ended, unless somebody else was faster.</summary>
        private async Task<ToolServerSet> RenewAsync(ToolServerSet ended, CancellationToken cancellation)
        {
            await owner._one.WaitAsync(cancellation);
            try
            {
                if (ReferenceEquals(Servers, ended))
                {
                    Servers = await owner.StartAsync(options, cancellation);
                    await ended.DisposeAsync();
                }

                return Servers;
            }
            finally
            {
                owner._one.Release();
            }
        }
    }
}
