using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.Policies.Inference;

/// <summary>
/// One model of a server with OpenAI's interface. It serves one policy at a time: whoever wants another waits until the requests under the present
/// one have ended, and then tells the server; so too after a failure. The key in OPENAI_API_KEY, if there is one, goes with every request.
/// </summary>
internal sealed class OpenAiServer(string url, string model)
{
    /// <summary>Run by /bin/sh with TOOLR0_ROLE, TOOLR0_POLICY, TOOLR0_MODEL and TOOLR0_FOLDER set. A worker's setting and no run's, so that who may
    /// start runs may not run commands.</summary>
    public const string ReloadCommand = "TOOLR0_RELOAD_COMMAND";

    private const int LargestAnswer = 64 << 20;

    private static readonly HttpClient Http = new() { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = LargestAnswer };

    private readonly object _gate = new();
    private string? _policy;
    private int _users;

    /// <summary>Makes the server serve a policy, and holds it there until the lease is disposed.</summary>
    /// <exception cref="InferenceException">The hook failed.</exception>
    public Lease Serve(Role role, string policy, string folder, string reloadUrl, InferenceOptions options)
    {
        var name = model.Replace("{policy}", policy, StringComparison.Ordinal);
        lock (_gate)
        {
            while (_policy != policy && _users > 0)
                Monitor.Wait(_gate);
            if (_policy != policy)
            {
                _policy = null;
                Reload(role, policy, name, folder, reloadUrl, options);
                _policy = policy;
            }

            _users++;
        }

        return new Lease(this, name);
    }

    private void Reload(Role role, string policy, string name, string folder, string reloadUrl, InferenceOptions options)
    {
        var roleName = role.ToString().ToLowerInvariant();
        if (reloadUrl.Length > 0)
        {
            PostAsync(reloadUrl, new { role = roleName, policy, model = name, folder }, options, CancellationToken.None).GetAwaiter().GetResult();
            return;
        }

        if (Environment.GetEnvironmentVariable(ReloadCommand) is not { Length: > 0 } command)
            throw new InferenceException(
                $"{url} cannot be told to serve policy {policy}: set inference.{roleName}.reloadUrl, or {ReloadCommand} for the workers");
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in new[] { "-c", command })
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in new[] { ("ROLE", roleName), ("POLICY", policy), ("MODEL", name), ("FOLDER", folder) })
            start.Environment["TOOLR0_" + key] = value;
        using var process = Process.Start(start) ?? throw new InferenceException($"{ReloadCommand} cannot be started");
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(options.TimeoutSeconds)))
        {
            process.Kill(entireProcessTree: true);
            throw new InferenceException($"{ReloadCommand} did not end within {options.TimeoutSeconds} s");
        }

        if (process.ExitCode != 0)
            throw new InferenceException($"{ReloadCommand} ended with code {process.ExitCode}: {Shown(errors.GetAwaiter().GetResult())}");
    }

    /// <summary>Posts JSON and gives the answer's text; busy, broken and silent servers are asked again.</summary>
    private static async Task<string> PostAsync(string address, object body, InferenceOptions options, CancellationToken ct)
    {
        for (var attempt = 0; ; attempt++)
        {
            string fault;
            Exception? cause = null;
            var wait = TimeSpan.FromSeconds(Math.Min(30, 0.5 * Math.Pow(2, attempt)));
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(TimeSpan.FromSeconds(options.TimeoutSeconds));
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = JsonContent.Create(body) };
                if (Environment.GetEnvironmentVariable("OPENAI_API_KEY") is { Length: > 0 } key)
                    request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
                using var response = await Http.SendAsync(request, limit.Token).ConfigureAwait(false);
                var text = await response.Content.ReadAsStringAsync(limit.Token).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                    return text;
                fault = $"answered {(int)response.StatusCode}: {Shown(text)}";
                if (response.StatusCode is not (HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests)
                    && (int)response.StatusCode < 500)
                    throw new InferenceException($"{address} {fault}");
                if (response.Headers.RetryAfter?.Delta is { } asked && asked < TimeSpan.FromMinutes(2))
                    wait = asked;
            }
            catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
            {
                (fault, cause) = ($"did not answer within {options.TimeoutSeconds} s", e);
            }
            catch (HttpRequestException e)
            {
                (fault, cause) = ($"cannot be reached: {e.Message}", e);
            }

            if (attempt == options.Retries)
                throw new InferenceException($"{address} {fault} ({attempt + 1} tries)", cause);
            await Task.Delay(wait, ct).ConfigureAwait(false);
        }
    }

    private static string Shown(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        return text.Length > 300 ? text[..300] + "…" : text;
    }

    /// <summary>The server, held at one policy.</summary>
    internal sealed class Lease(OpenAiServer server, string model) : IDisposable
    {
        private bool _given;

        /// <summary>The policy's name on the server.</summary>
        public string Model => model;

        /// <exception cref="InferenceException">After all tries, or if the answer is not JSON.</exception>
        public async Task<JsonElement> CompleteAsync(object body, InferenceOptions options, CancellationToken ct)
        {
            var address = server.Url.TrimEnd('/') + "/completions";
            try
            {
                using var document =
                    JsonDocument.Parse(JsonText.WithoutLoneSurrogates(await PostAsync(address, body, options, ct).ConfigureAwait(false)));
                return document.RootElement.Clone();
            }
            catch (Exception e) when (e is JsonException or InferenceException)
            {
                // Perhaps it was started anew, and serves something else: it is told again.
                lock (server._gate)
                    server._policy = null;
                if (e is InferenceException)
                    throw;
                throw new InferenceException($"{address} answered what is not JSON: {e.Message}", e);
            }
        }

        public void Dispose()
        {
            lock (server._gate)
            {
                if (_given)
                    return;
                _given = true;
                server._users--;
                Monitor.PulseAll(server._gate);
            }
        }
    }

    private string Url => url;
}
