using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolExecution;

/// <summary>The run's servers cannot be had: they do not start, or offer other tools than the run was started with. A failure of infrastructure,
/// for all calls alike.</summary>
public sealed class ServersAwayException(string message) : Exception(message);

/// <summary>
/// The servers of a file, as runs call their tools. Where nothing that one trajectory does is seen by another (only tools that change nothing are
/// taken, or <see cref="ToolOptions.Session"/> says so) all share them; else each trajectory has servers of its own for as long as it lasts.
/// </summary>
/// <param name="file">As <c>--tools</c> takes it; null: nothing can be called.</param>
/// <param name="environment">Where the file's variables are looked up.</param>
public sealed class RunServers(string? file, IReadOnlyDictionary<string, string> environment) : IAsyncDisposable
{
    /// <summary>Trajectories that may have servers of their own at a time.</summary>
    private const int MostSessions = 8;

    private const string Everybody = "";

    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, ToolServerSet> _sets = new(StringComparer.Ordinal);
    private readonly LinkedList<string> _byUse = [];
    private string _catalogue = "";

    /// <summary>No servers.</summary>
    public static RunServers None { get; } = new(null, new Dictionary<string, string>());

    /// <summary>Whether calls of a run's catalogue are made.</summary>
    /// <exception cref="ServersAwayException">They are to be made, and nobody said where.</exception>
    public bool Serve(ToolOptions options) => options.Execute && options.CatalogueSha256.Length > 0
        && (file is not null ? true : throw new ServersAwayException(
            "the run calls its tools, and tool execution was not told of their servers: give --tools FILE (toolr0 run), or TOOLR0_TOOLS_FILE to the service"));

    /// <summary>The servers of a trajectory.</summary>
    /// <param name="trajectory">Its name. Servers of its own are kept under it.</param>
    /// <param name="begun">It called tools before that change something: its servers must be those that it called.</param>
    /// <returns>Null where they are gone.</returns>
    /// <exception cref="ServersAwayException">See there.</exception>
    public async Task<ToolServerSet?> OfAsync(ToolOptions options, string trajectory, bool begun, CancellationToken cancellation)
    {
        var key = IsShared(options) ? Everybody : trajectory;
        await _one.WaitAsync(cancellation);
        try
        {
            if (_catalogue != options.CatalogueSha256)
                await EmptyAsync();
            _catalogue = options.CatalogueSha256;
            if (_sets.TryGetValue(key, out var known))
            {
                _byUse.Remove(key);
                _byUse.AddLast(key);
                return known;
            }

            if (begun && key != Everybody)
                return null;
            var started = await StartAsync(options, cancellation);
            _sets[key] = started;
            _byUse.AddLast(key);
            if (_byUse.Count > MostSessions)
                await RemoveAsync(_byUse.First!.Value);
            return started;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Starts a trajectory's servers anew: one of them is gone.</summary>
    /// <inheritdoc cref="OfAsync"/>
    public async Task<ToolServerSet> RenewAsync(ToolOptions options, string trajectory, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await RemoveAsync(IsShared(options) ? Everybody : trajectory);
        }
        finally
        {
            _one.Release();
        }

        return (await OfAsync(options, trajectory, begun: false, cancellation))!;
    }

    public async ValueTask DisposeAsync()
    {
        await _one.WaitAsync();
        await EmptyAsync();
        _one.Release();
    }

    private static bool IsShared(ToolOptions options) => options.ReadOnlyOnly || options.Session == ToolSessions.Run;

    private async Task<ToolServerSet> StartAsync(ToolOptions options, CancellationToken cancellation)
    {
        var started = await ToolServerSet.StartAsync(ToolSourceReader.Read(file!, environment), options, cancellation);
        if (started.Catalogue.Digest == options.CatalogueSha256)
            return started;
        var away = started.Servers.FirstOrDefault(server => server.Reason.Length > 0);
        var why = away is null ? $"its servers offer another catalogue, {started.Catalogue.Digest[..12]}"
            : $"{away.Server.Name} does not run: {away.Reason}";
        await started.DisposeAsync();
        throw new ServersAwayException($"{file} is not what the run was started with (catalogue {options.CatalogueSha256[..12]}): {why}");
    }

    private async Task EmptyAsync()
    {
        foreach (var key in _byUse.ToList())
            await RemoveAsync(key);
    }

    private async Task RemoveAsync(string key)
    {
        _byUse.Remove(key);
        if (_sets.Remove(key, out var gone))
            await gone.DisposeAsync();
    }

    /// <summary>What a call of a served tool comes to.</summary>
    /// <param name="Outcome">Null where nothing is known.</param>
    /// <param name="VoidCause">Why, where nothing is known.</param>
    internal sealed record Served(CallOutcome? Outcome, string? VoidCause);

    /// <summary>Makes a call. One whose answer was lost is made again only where that does nothing twice.</summary>
    internal async Task<Served> CallAsync(
        ToolServerSet servers, CatalogueTool tool, ToolCall call, string trajectory, string key, ToolOptions options, CancellationToken cancellation)
    {
        var arguments = JsonSerializer.SerializeToElement(call.Arguments);
        var result = await servers.CallAsync(call.Name, arguments, cancellation, key);
        if (result.MayRepeat(tool) && (IsShared(options) || tool.ReadOnly))
        {
            servers = await RenewAsync(options, trajectory, cancellation);
            result = await servers.CallAsync(call.Name, arguments, cancellation, key);
        }

        return result.Fault switch
        {
            CallFault.None => new Served(new CallOutcome(call, CallStatus.Succeeded, AsJson(result.Text), null), null),
            CallFault.Model => new Served(new CallOutcome(call, CallStatus.Failed, null, result.Error), null),
            CallFault.Tool => new Served(new CallOutcome(call, CallStatus.Unavailable, null, result.Error), null),
            _ => new Served(null, result.Error),
        };
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
}
