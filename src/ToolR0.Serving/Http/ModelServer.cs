using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Policies;
using ToolR0.Serving.Conversations;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>Serves one model to clients of OpenAI's interface. Does not own the model.</summary>
public sealed class ModelServer : IAsyncDisposable
{
    private static readonly TimeSpan Closing = TimeSpan.FromSeconds(30);

    private readonly WebApplication _app;
    private readonly ServedModel _model;
    private readonly byte[][] _keys;

    private ModelServer(ServedModel model, ServerOptions options)
    {
        _model = model;
        _keys = [.. (options.Keys ?? []).Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, OwnLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Closing);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // What is too large is refused while it is read, and the rest is taken in, so that the client comes to read why.
            kestrel.Limits.MaxRequestBodySize = 8 * RequestBody.MostBytes;
            if (IPAddress.TryParse(options.Host, out var address))
                kestrel.Listen(address, options.Port);
            else if (options.Host == "localhost" && options.Port != 0)
                kestrel.ListenLocalhost(options.Port);
            else
                throw new UserErrorException($"--host {options.Host}: must be an IP address, or localhost with a port");
        });
        _app = builder.Build();
        _app.Use(GuardedAsync);
        _app.MapPost("/v1/chat/completions", JsonAnswer(new ChatEndpoint(model, options.Batch).AnswerAsync));
        _app.MapPost("/v1/completions", JsonAnswer(new CompletionEndpoint(model, options.Batch).AnswerAsync));
        _app.MapGet("/v1/models", JsonAnswer(http =>
            WriteAsync(http, new JsonObject { ["object"] = "list", ["data"] = new JsonArray(Described()) })));
        _app.MapGet("/v1/models/{**name}", JsonAnswer(http => http.Request.RouteValues["name"] as string == model.Name
            ? WriteAsync(http, Described())
            : throw new ApiException(404, $"model: only '{model.Name}' is served here", "model", "model_not_found")));
        _app.MapGet("/health", JsonAnswer(http =>
            WriteAsync(http, new JsonObject { ["status"] = "ok", ["model"] = model.Name, ["sampling"] = model.Live })));
        foreach (var path in new[] { "/v1/chat/completions", "/v1/completions", "/v1/models", "/health" })
            _app.Map(path, Task (http) => throw new ApiException(405, $"{http.Request.Path} does not take {http.Request.Method}"));
        _app.MapFallback(Task (http) => throw new ApiException(404, $"there is no {http.Request.Method} {http.Request.Path}"));
    }

    /// <summary>Where it listens, with the path that clients are given: <c>http://127.0.0.1:8000/v1</c>.</summary>
    public Uri Address { get; private set; } = new("about:blank");

    /// <summary>Begins to listen.</summary>
    /// <exception cref="UserErrorException">The address cannot be listened on.</exception>
    public static async Task<ModelServer> StartAsync(ServedModel model, ServerOptions options, CancellationToken cancellation = default)
    {
        var server = new ModelServer(model, options);
        try
        {
            await server._app.StartAsync(cancellation);
        }
        catch (IOException e)
        {
            await server._app.DisposeAsync();
            throw new UserErrorException($"cannot listen on {options.Host}:{options.Port}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }

        var addresses = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        server.Address = new Uri(new Uri(addresses.First()), "/v1");
        return server;
    }

    /// <summary>Loads a model and serves it until it is cancelled; requests that have begun are answered first.</summary>
    /// <param name="path">A folder or a GGUF file.</param>
    /// <exception cref="UserErrorException">The address cannot be listened on, or the model cannot be read.</exception>
    public static async Task RunAsync(string path, string name, ServerOptions options, TextWriter log, CancellationToken cancellation)
    {
        TorchRuntime.Configure(Environment.ProcessorCount);
        using var model = ServedModel.Load(path, name, options.Batch);
        await using var server = await StartAsync(model, options, cancellation);
        await log.WriteLineAsync($"serving {name} ({model.Sha256[..12]}, {model.Writer.Kind}) at {server.Address}");
        if (options.Keys is null && !server.Address.IsLoopback)
            await log.WriteLineAsync("anyone who reaches this address may ask it: no --api-key-file was given");
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        catch (OperationCanceledException)
        {
            await log.WriteLineAsync(model.Live > 0 ? $"stopping when {model.Live} answers are complete" : "stopping");
        }
    }

    /// <summary>Answers what has begun, up to half a minute, and refuses what comes.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(Closing);
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    private JsonObject Described() => new()
    {
        ["id"] = _model.Name,
        ["object"] = "model",
        ["created"] = _model.Loaded.ToUnixTimeSeconds(),
        ["owned_by"] = "toolr0",
        ["sha256"] = _model.Sha256,
        ["max_model_len"] = _model.MaxPositions,
        ["prompts"] = _model.Writer.Kind,
    };

    private static Task WriteAsync(HttpContext http, JsonObject json) =>
        http.Response.WriteAsync(json.ToJsonString(CallText.Layout), http.RequestAborted);

    private static RequestDelegate JsonAnswer(RequestDelegate answer) => http =>
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return answer(http);
    };

    private async Task GuardedAsync(HttpContext http, RequestDelegate next)
    {
        try
        {
            if (http.Request.Path != "/health")
                Admit(http.Request);
            await next(http);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The client went away: nobody is there to be told.
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            var error = e as ApiException ?? new ApiException(e is OperationCanceledException ? 503 : 500, e is OperationCanceledException
                ? "the server is stopping" : e.Message.ReplaceLineEndings(" "));
            http.Response.StatusCode = error.Status;
            http.Response.ContentType = "application/json; charset=utf-8";
            await WriteAsync(http, error.ToJson());
        }
    }

    private void Admit(HttpRequest request)
    {
        if (_keys.Length == 0)
            return;
        const string scheme = "Bearer ";
        var given = request.Headers.Authorization.ToString();
        if (!given.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            throw new ApiException(401, "Authorization: must be 'Bearer KEY'", code: "invalid_api_key");
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(given[scheme.Length..].Trim()));
        if (!Array.Exists(_keys, key => CryptographicOperations.FixedTimeEquals(key, hash)))
            throw new ApiException(401, "Authorization: the key is not one of this server's", code: "invalid_api_key");
    }

    /// <summary>Whoever started the server stops it, not a signal of its own.</summary>
    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
