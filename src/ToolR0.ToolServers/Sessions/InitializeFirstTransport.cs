using System.Text.Json.Nodes;
using System.Threading.Channels;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace ToolR0.ToolServers.Sessions;

/// <summary>
/// Lets a client ask for one version of the protocol with <c>initialize</c> and take whatever version the server answers with: what is used here,
/// tools
/// and their calls, is the same in all of them. (The client alone either probes for the newest version first, after which some servers refuse
/// <c>initialize</c>, or takes no other version than the one it asked for.)
/// </summary>
internal sealed class InitializeFirstTransport(IClientTransport inner) : IClientTransport
{
    public const string Version = "2025-11-25";

    private Connection? _connection;

    public string Name => inner.Name;

    /// <summary>What the server answered; empty before.</summary>
    public string ServerVersion => _connection?.ServerVersion ?? "";

    public async Task<ITransport> ConnectAsync(CancellationToken cancellationToken = default) =>
        _connection = new Connection(await inner.ConnectAsync(cancellationToken));

    private sealed class Connection : ITransport
    {
        private readonly ITransport _inner;
        private readonly Channel<JsonRpcMessage> _messages = Channel.CreateUnbounded<JsonRpcMessage>();
        private RequestId? _initialize;

        public Connection(ITransport inner)
        {
            _inner = inner;
            _ = Task.Run(ForwardAsync);
        }

        public string ServerVersion { get; private set; } = "";

        public string? SessionId => _inner.SessionId;

        public ChannelReader<JsonRpcMessage> MessageReader => _messages.Reader;

        public Task SendMessageAsync(JsonRpcMessage message, CancellationToken cancellationToken = default)
        {
            if (message is JsonRpcRequest { Method: RequestMethods.Initialize } request)
                _initialize = request.Id;
            return _inner.SendMessageAsync(message, cancellationToken);
        }

        public ValueTask DisposeAsync() => _inner.DisposeAsync();

        private async Task ForwardAsync()
        {
            Exception? failure = null;
            try
            {
                await foreach (var message in _inner.MessageReader.ReadAllAsync())
                {
                    if (message is JsonRpcResponse { Result: JsonObject result } response && response.Id.Equals(_initialize)
                        && result["protocolVersion"] is JsonValue version)
                    {
                        ServerVersion = version.ToString();
                        result["protocolVersion"] = Version;
                    }

                    _messages.Writer.TryWrite(message);
                }
            }
            catch (Exception e)
            {
                failure = e;
            }

            _messages.Writer.TryComplete(failure);
        }
    }
}
