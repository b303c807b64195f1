using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Catalogue;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Confinement;

namespace ToolR0.ToolServers.Sessions;

/// <summary>
/// A connection to one server, and its process where it has one. Nothing takes longer than its limit plus a second; whatever the server does ends as
/// an outcome of the call or as <see cref="ServerStartException"/>. Disposing ends the process.
/// </summary>
public sealed class ToolSession : IAsyncDisposable
{
    /// <summary>Under this name a call's <c>_meta</c> has its key.</summary>
    public const string IdempotencyKey = "toolr0/idempotencyKey";

    private const int MostPages = 100;
    private static readonly TimeSpan Closing = TimeSpan.FromMilliseconds(500);

    private readonly ServerDefinition _server;
    private readonly ToolOptions _options;
    private readonly CallGate _gate;
    private readonly ConfinedProcess? _process;
    private readonly ServerOutput? _output;
    private readonly McpClient _client;
    private readonly InitializeFirstTransport? _transport;

    private ToolSession(ServerDefinition server, ToolOptions options, Connected connected)
    {
        (_server, _options, _client, _process, _output, _transport) =
            (server, options, connected.Client, connected.Process, connected.Output, connected.Transport);
        _gate = new CallGate(options.CallsAtOnce, options.CallsPerSecond);
    }

    public string Server => _server.Name;

    /// <summary>Name and version that the server gives itself.</summary>
    public string ServerInfo => _client.ServerInfo is { } info ? $"{info.Name} {info.Version}" : "";

    /// <summary>The version of the protocol that the server answered with.</summary>
    public string ProtocolVersion => _transport?.ServerVersion is { Length: > 0 } version ? version : _client.NegotiatedProtocolVersion ?? "";

    /// <summary>Lines on standard output that were no messages; empty where there were none.</summary>
    public string Noise => _output?.Noise ?? "";

    /// <summary>Process ids of the server and all that it started; empty for a server elsewhere.</summary>
    public IReadOnlyList<int> Processes => _process?.Members ?? [];

    /// <summary>Its process is gone. A server elsewhere is never known to have ended.</summary>
    public bool HasEnded => _process is { HasExited: true };

    /// <exception cref="ServerStartException">It cannot be started or did not answer within its limit.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static async Task<ToolSession> StartAsync(ServerDefinition server, ToolOptions options, CancellationToken cancellation = default)
    {
        if (server.NotStartable.Length > 0)
            throw new ServerStartException(server.NotStartable);
        var clock = Stopwatch.StartNew();
        try
        {
            return new ToolSession(server, options, await ConnectAsync(server, options, initializeFirst: true, clock, cancellation));
        }
        catch (ServerStartException refused)
            when (refused.InnerException is McpProtocolException { ErrorCode: McpErrorCode.UnsupportedProtocolVersion })
        {
            // A server that knows no initialize: the newest version asks with another first message, and the first message decides.
            return new ToolSession(server, options, await ConnectAsync(server, options, initializeFirst: false, clock, cancellation));
        }
    }

    /// <summary>The tools as the server lists them, raw, of all pages.</summary>
    /// <exception cref="ServerStartException">It did not tell them within the limit of a start.</exception>
    public async Task<OfferedTools> ListToolsAsync(CancellationToken cancellation = default)
    {
        var tools = new List<JsonElement>();
        var clock = Stopwatch.StartNew();
        string? cursor = null;
        for (var page = 0; page < MostPages; page++)
        {
            var parameters = cursor is null ? new JsonObject() : new JsonObject { ["cursor"] = cursor };
            JsonNode? result;
            try
            {
                result = await RequestAsync(RequestMethods.ToolsList, parameters, Left(_options.StartSeconds, clock), cancellation);
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                var late = $"it did not list its tools within {_options.StartSeconds} s";
                throw new ServerStartException(await ReasonAsync(e, late, _server, _process), e);
            }

            foreach (var tool in result?["tools"] as JsonArray ?? [])
                tools.Add(Element(tool));
            var next = result?["nextCursor"] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
            if (string.IsNullOrEmpty(next) || next == cursor)
                break;
            cursor = next;
        }

        return new OfferedTools(_server, tools);
    }

    /// <summary>Calls a tool by the name that the server has for it. Only cancellation by the caller throws.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    /// <param name="key">Names this call and no other: a server that knows it can tell a repetition. Empty: none is sent.</param>
    public async Task<CallResult> CallAsync(string tool, JsonElement arguments, CancellationToken cancellation = default, string key = "")
    {
        await _gate.EnterAsync(cancellation);
        var clock = Stopwatch.StartNew();
        var limit = _server.TimeoutSeconds > 0 ? _server.TimeoutSeconds : _options.TimeoutSeconds;
        try
        {
            if (_process is { HasExited: true } gone)
            {
                await gone.SettleAsync();
                return CallResult.Void($"{Server} is not running: {gone.Account()}", deliveryUnknown: false, clock.Elapsed);
            }

            var parameters = new JsonObject { ["name"] = tool, ["arguments"] = JsonNode.Parse(arguments.GetRawText()) };
            if (key.Length > 0)
                parameters["_meta"] = new JsonObject { [IdempotencyKey] = key };
            var result = await RequestAsync(RequestMethods.ToolsCall, parameters, TimeSpan.FromSeconds(limit), cancellation);
            var text = ResultText.Of(result, _options.ResultCharacters);
            return ErrorShapes.OfResult(text.IsError, text.Text, text.Parts > 1) is var (_, fault)
                ? new CallResult(fault, text.Text, OneLine(text.Text), false, clock.Elapsed)
                : new CallResult(CallFault.None, text.Text, "", false, clock.Elapsed);
        }
        catch (McpProtocolException error)
        {
            var message = OneLine(_server.Redact(error.Message.Replace("Request failed (remote): ", "")));
            return new CallResult(ErrorShapes.OfCode((int)error.ErrorCode, message).Fault, message, message, false, clock.Elapsed);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            var reason = await ReasonAsync(e, $"{tool} took longer than {limit} s", _server, _process);
            return CallResult.Void($"{Server}: {reason}", deliveryUnknown: true, clock.Elapsed);
        }
        finally
        {
            _gate.Leave();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        await CloseAsync(_client);
        _gate.Dispose();
    }

    private static async Task<Connected> ConnectAsync(
        ServerDefinition server, ToolOptions options, bool initializeFirst, Stopwatch clock, CancellationToken cancellation)
    {
        ConfinedProcess? process = null;
        ServerOutput? output = null;
        IClientTransport wire;
        var limitBytes = options.OutputMegabytes * 1024L * 1024L;
        if (server.Transport == ServerTransport.Stdio)
        {
            process = ConfinedProcess.Start(server, options);
            output = new ServerOutput(process.Output, limitBytes, process.Stop);
            wire = new StreamClientTransport(process.Input, output.Messages);
        }
        else
        {
            wire = new HttpClientTransport(
                new HttpClientTransportOptions
                {
                    Endpoint = server.Endpoint!,
                    TransportMode = server.Transport == ServerTransport.Sse ? HttpTransportMode.Sse : HttpTransportMode.AutoDetect,
                    AdditionalHeaders = server.Headers.ToDictionary(),
                    ConnectionTimeout = Left(options.StartSeconds, clock),
                    MaxReconnectionAttempts = 0,
                },
                new HttpClient(new ByteLimitHandler(limitBytes)),
                ownsHttpClient: true);
        }

        var transport = initializeFirst ? new InitializeFirstTransport(wire) : null;
        var limit = Left(options.StartSeconds, clock);
        var connecting = McpClient.CreateAsync(transport ?? wire, ClientOptions(server, initializeFirst, limit), null, cancellation);
        try
        {
            return new Connected(await connecting.WaitAsync(limit, cancellation), process, output, transport);
        }
        catch (Exception e)
        {
            _ = CloseLateAsync(connecting);
            var isOurs = cancellation.IsCancellationRequested;
            var noise = output?.Noise is { Length: > 0 } lines ? $"; {server.Redact(lines)}" : "";
            var reason = isOurs ? "" : await ReasonAsync(e, $"it did not answer initialize within {options.StartSeconds} s", server, process) + noise;
            if (process is not null)
                await process.DisposeFailedAsync();
            cancellation.ThrowIfCancellationRequested();
            throw new ServerStartException(reason, e);
        }
    }

    private static McpClientOptions ClientOptions(ServerDefinition server, bool initializeFirst, TimeSpan limit)
    {
        var options = new McpClientOptions
        {
            ClientInfo = new Implementation { Name = "toolr0", Version = typeof(ToolSession).Assembly.GetName().Version?.ToString(3) ?? "0" },
            InitializationTimeout = limit,
            ProtocolVersion = initializeFirst ? InitializeFirstTransport.Version : null,
        };
        if (server.Roots.Count == 0)
            return options;
#pragma warning disable MCP9005 // Deprecated in the newest revision only; the others, which nearly all servers speak, have nothing else.
        List<Root> roots = [.. server.Roots.Select(root => new Root { Uri = new Uri(root).AbsoluteUri, Name = Path.GetFileName(root) })];
        options.Capabilities = new ClientCapabilities { Roots = new RootsCapability() };
        options.Handlers = new McpClientHandlers { RootsHandler = (_, _) => ValueTask.FromResult(new ListRootsResult { Roots = roots }) };
#pragma warning restore MCP9005
        return options;
    }

    private async Task<JsonNode?> RequestAsync(string method, JsonObject parameters, TimeSpan limit, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stop.CancelAfter(limit);
        _output?.NextRequest();
        var request = new JsonRpcRequest { Method = method, Params = parameters };
        try
        {
            // The wait has a limit of its own: a server that reads nothing holds the sending up, whatever its token says.
            var response = await _client.SendRequestAsync(request, stop.Token).WaitAsync(stop.Token);
            return response.Result;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && stop.IsCancellationRequested)
        {
            throw new TimeoutException();
        }
    }

    /// <summary>What is behind a failure, in one line without secrets: the time limit, or how the process ended.</summary>
    private static async Task<string> ReasonAsync(Exception failure, string late, ServerDefinition server, ConfinedProcess? process)
    {
        var isLate = failure is TimeoutException or OperationCanceledException;
        if (process is not null && !isLate)
            await process.SettleAsync();
        var account = process?.Account() ?? "";
        var isGone = process is { StopReason.Length: > 0 } or { HasExited: true };
        if (isLate)
            return isGone ? account : account.Length > 0 ? $"{late}; {account}" : late;
        return isGone && account.Length > 0 ? account
            : string.Join("; ", new[] { OneLine(server.Redact(failure.Message)), account }.Where(part => part.Length > 0));
    }

    private static async Task CloseLateAsync(Task<McpClient> connecting)
    {
        try
        {
            await CloseAsync(await connecting);
        }
        catch (Exception)
        {
            // What failed has been told already.
        }
    }

    private static async Task CloseAsync(McpClient client)
    {
        try
        {
            await client.DisposeAsync().AsTask().WaitAsync(Closing);
        }
        catch (Exception)
        {
            // The other side is gone or does not answer: nothing is left to close.
        }
    }

    private static TimeSpan Left(double seconds, Stopwatch clock) =>
        TimeSpan.FromSeconds(Math.Max(0.05, seconds - clock.Elapsed.TotalSeconds));

    private static JsonElement Element(JsonNode? node)
    {
        using var document = JsonDocument.Parse(JsonText.WithoutLoneSurrogates(node?.ToJsonString() ?? "null"));
        return document.RootElement.Clone();
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private sealed record Connected(McpClient Client, ConfinedProcess? Process, ServerOutput? Output, InitializeFirstTransport? Transport);
}
