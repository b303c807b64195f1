using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using ToolR0.Contracts;

namespace ToolR0.ServiceDefaults;

/// <summary>
/// Health over HTTP: <c>/health/live</c> answers 200 as long as the process does, <c>/health/ready</c> 200 or 503 with a <see cref="HealthReport"/>.
/// On <see cref="HttpListener"/>, not on Kestrel: two answers do not need ASP.NET Core, and without it the images stand on the smaller runtime image.
/// </summary>
public sealed class HealthEndpoint(string host, int port, Health health) : BackgroundService
{
    private readonly HttpListener _listener = new();

    /// <exception cref="UserErrorException">The port is taken.</exception>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.Prefixes.Add($"http://{host}:{port}/");
        try
        {
            _listener.Start();
        }
        catch (HttpListenerException e)
        {
            throw new UserErrorException($"cannot tell health on {host}:{port}: {e.Message} (TOOLR0_HEALTH_PORT, TOOLR0_HEALTH_HOST)");
        }

        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _listener.Close();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var stop = stoppingToken.Register(_listener.Stop);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = Task.Run(() => AnswerAsync(context, stoppingToken), CancellationToken.None);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                // Stopped, or a client that went away.
            }
        }
    }

    private async Task AnswerAsync(HttpListenerContext context, CancellationToken cancellation)
    {
        try
        {
            var (status, body) = await AnswerToAsync(context.Request, cancellation);
            context.Response.StatusCode = (int)status;
            context.Response.ContentType = "application/json";
            context.Response.Headers["Cache-Control"] = "no-store";
            context.Response.Close(JsonSerializer.SerializeToUtf8Bytes(body, JsonSerializerOptions.Web), willBlock: false);
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The client has gone, or we go.
        }
    }

    private async Task<(HttpStatusCode Status, object Body)> AnswerToAsync(HttpListenerRequest request, CancellationToken cancellation)
    {
        if (request.HttpMethod is not ("GET" or "HEAD"))
            return (HttpStatusCode.MethodNotAllowed, new { error = "GET /health/live or /health/ready" });
        switch (request.Url?.AbsolutePath)
        {
            case "/health/live":
                return (HttpStatusCode.OK, new { status = "live" });
            case "/health/ready":
                var report = await health.CheckAsync(cancellation);
                return (report.IsReady ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, report);
            default:
                return (HttpStatusCode.NotFound, new { error = "there are /health/live and /health/ready" });
        }
    }
}
