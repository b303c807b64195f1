using System.Net;
using System.Net.Sockets;

namespace ToolR0.Testing;

/// <summary>A server on this machine whose answers a test decides. Each request is answered on a thread of its own.</summary>
public sealed class LocalServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Action<HttpListenerContext> _answer;

    /// <param name="hosts">Names of this machine, 127.0.0.1 or localhost.</param>
    public LocalServer(Action<HttpListenerContext> answer, params ReadOnlySpan<string> hosts)
    {
        (_answer, Port) = (answer, FreePort());
        foreach (var host in hosts)
            _listener.Prefixes.Add($"http://{host}:{Port}/");
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public int Port { get; }

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = Task.Run(() => _answer(context));
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
