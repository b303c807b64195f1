using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Arguments;
using ToolR0.ToolServers.Catalogue;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Confinement;

namespace ToolR0.ToolServers.Sessions;

/// <summary>A server of a source and what became of it.</summary>
/// <param name="Session">Null where it is not running.</param>
/// <param name="Offered">Number of tools that it listed.</param>
/// <param name="Reason">Why it is not running, in one line; empty where it is.</param>
public sealed record ServerState(ServerDefinition Server, ToolSession? Session, int Offered, string Reason);

/// <summary>All servers of a source, started together, and the catalogue of their tools. One that cannot be started costs the others
/// nothing.</summary>
public sealed class ToolServerSet : IAsyncDisposable
{
    private readonly Dictionary<string, ToolSession> _sessions;
    private readonly ToolOptions _options;

    private ToolServerSet(ToolOptions options, ToolCatalogue catalogue, IReadOnlyList<ServerState> servers)
    {
        (_options, Catalogue, Servers) = (options, catalogue, servers);
        _sessions = servers.Where(s => s.Session is not null).ToDictionary(s => s.Server.Name, s => s.Session!);
    }

    public ToolCatalogue Catalogue { get; }

    public IReadOnlyList<ServerState> Servers { get; }

    /// <summary>Starts every server that is enabled. The caller disposes.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static async Task<ToolServerSet> StartAsync(ToolSource source, ToolOptions options, CancellationToken cancellation = default)
    {
        var started = await Task.WhenAll(source.Servers.Select(server => StartAsync(server, options, cancellation)));
        if (cancellation.IsCancellationRequested)
        {
            await Task.WhenAll(started.Select(s => s.State.Session?.DisposeAsync().AsTask() ?? Task.CompletedTask));
            cancellation.ThrowIfCancellationRequested();
        }

        var offers = started.Select(s => s.Offer).OfType<OfferedTools>().ToList();
        if (source.Functions.Count > 0)
            offers.Add(new OfferedTools(new ServerDefinition(ToolSource.FunctionServer), source.Functions, Executable: false));
        return new ToolServerSet(options, ToolCatalogue.Of(offers, options), [.. started.Select(s => s.State)]);
    }

    /// <summary>Whether a server that was running is not any more.</summary>
    public bool HasEnded(string server) => _sessions.TryGetValue(server, out var session) && session.HasEnded;

    /// <summary>
    /// Checks a call against the raw schema, repairs what leaves no doubt, and makes it. Whatever the call holds, it gets a result; only
    /// cancellation by
    /// the caller throws.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    /// <param name="key">As <see cref="ToolSession.CallAsync"/> has it.</param>
    public async Task<CallResult> CallAsync(string name, JsonElement arguments, CancellationToken cancellation = default, string key = "")
    {
        if (Catalogue.Find(name) is not { } tool || Catalogue.SchemaOf(name) is not { } schema)
            return CallResult.Mistake($"there is no tool {name}");
        var repaired = ArgumentRepair.Repair(schema, arguments);
        if (schema.Check(repaired.Arguments) is { Count: > 0 } problems)
            return CallResult.Mistake($"{name}: {string.Join("; ", problems)}");
        if (!tool.Executable)
            return CallResult.Mistake($"{name} is a function of which only the schema is known: the arguments are right, and nothing can be called");
        var result = _sessions.TryGetValue(tool.Server, out var session)
            ? await session.CallAsync(tool.ServerTool, repaired.Arguments, cancellation, key)
            : CallResult.Void($"{tool.Server} is not running", deliveryUnknown: false, TimeSpan.Zero);
        return result with { Repairs = repaired.Changes };
    }

    /// <summary>Makes the call of <see cref="ToolOptions.Reset"/>; null where there is none.</summary>
    /// <exception cref="UserErrorException">It names no tool that is used, or its arguments are no JSON.</exception>
    public async Task<CallResult?> ResetAsync(CancellationToken cancellation = default)
    {
        if (_options.Reset.Length == 0)
            return null;
        var parts = _options.Reset.Split(' ', 2);
        if (Catalogue.Find(parts[0]) is null)
            throw new UserErrorException($"tools.reset: there is no tool {parts[0]}");
        try
        {
            using var arguments = JsonDocument.Parse(parts[1]);
            return await CallAsync(parts[0], arguments.RootElement, cancellation);
        }
        catch (JsonException)
        {
            throw new UserErrorException("tools.reset: its arguments are no JSON object");
        }
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_sessions.Values.Select(session => session.DisposeAsync().AsTask()));

    private static async Task<(ServerState State, OfferedTools? Offer)> StartAsync(
        ServerDefinition server, ToolOptions options, CancellationToken cancellation)
    {
        if (!server.Enabled)
            return (new ServerState(server, null, 0, "the configuration disables it"), null);
        ToolSession? session = null;
        try
        {
            session = await ToolSession.StartAsync(server, options, cancellation);
            var offer = await session.ListToolsAsync(cancellation);
            return (new ServerState(server, session, offer.Tools.Count, ""), offer);
        }
        catch (Exception e) when (e is ServerStartException or OperationCanceledException)
        {
            if (session is not null)
                await session.DisposeAsync();
            return (new ServerState(server, null, 0, e is ServerStartException ? e.Message : "interrupted"), null);
        }
    }
}
