using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using ToolR0.Contracts;

namespace ToolR0.Policies.Hub;

/// <summary>A file of a repository at one commit.</summary>
/// <param name="ETag">Names its content: the SHA-256 of a large file, git's SHA-1 of a small one.</param>
/// <param name="Size">Bytes.</param>
internal sealed record HubFile(string Name, string ETag, long Size);

/// <summary>A repository at one commit.</summary>
internal sealed record HubRepository(string Commit, IReadOnlyList<string> Files);

/// <summary>
/// The hub's HTTP interface, one request at a time. The token is sent to the endpoint and to nobody else: redirections are followed here, and one to
/// another host loses it.
/// </summary>
internal sealed partial class HubClient : IDisposable
{
    private const int MostRedirections = 8;
    private const int LargestListing = 32 << 20;

    private readonly HubName _name;
    private readonly HubSettings _settings;
    private readonly HttpClient _http;

    public HubClient(HubName name, HubSettings settings)
    {
        (_name, _settings) = (name, settings);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(Math.Min(10, settings.Silence.TotalSeconds)),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("toolr0", typeof(HubClient).Assembly.GetName().Version?.ToString(3)));
        // The sizes and digests are those of the files themselves.
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    [GeneratedRegex("^[A-Za-z0-9._-]{1,128}$")]
    private static partial Regex ETagForm { get; }

    /// <summary>The t of a RateLimit header: seconds until requests are allowed again.</summary>
    [GeneratedRegex("r=0;t=(?<seconds>[0-9]{1,6})")]
    private static partial Regex RateLimitForm { get; }

    public void Dispose() => _http.Dispose();

    /// <summary>Which commit a revision is, and its files.</summary>
    public async Task<HubRepository> RepositoryAsync(CancellationToken cancellation)
    {
        var address = new Uri($"{_settings.Endpoint}/api/models/{_name.Repository}/revision/{Uri.EscapeDataString(_name.AskedRevision)}");
        using var response = await SendAsync(HttpMethod.Get, address, null, true, cancellation);
        Check(response, null);
        using var body = new MemoryStream();
        await CopyAsync(response, body, LargestListing, cancellation);
        try
        {
            using var document = JsonDocument.Parse(body.ToArray());
            var root = document.RootElement;
            var commit = root.GetProperty("sha").GetString() ?? "";
            var files = root.GetProperty("siblings").EnumerateArray().Select(f => f.GetProperty("rfilename").GetString() ?? "").ToArray();
            return HubName.IsCommit(commit) ? new HubRepository(commit, files) : throw new JsonException("sha is not a commit");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw Refusal($"{_settings.Endpoint} answered, but not as the hub does ({e.Message}): look at HF_ENDPOINT and at what stands between", e);
        }
    }

    /// <summary>Name and size of a file's content.</summary>
    public async Task<HubFile> FileAsync(string commit, string file, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Head, Address(commit, file), null, false, cancellation);
        Check(response, file);
        var etag = (One(response, "X-Linked-Etag") ?? One(response, "ETag") ?? "").Replace("W/", "", StringComparison.Ordinal).Trim('"');
        var size = long.TryParse(One(response, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out var linked) ? linked
            : IsRedirection(response) ? null : response.Content.Headers.ContentLength;
        if (!ETagForm.IsMatch(etag) || etag.StartsWith('.') || size is null or < 0)
            throw Refusal($"{_settings.Endpoint} does not say what {file} holds (no usable ETag or size): look at HF_ENDPOINT and at what stands between");
        return new HubFile(file, etag, size.Value);
    }

    /// <summary>A file's content from a byte on; the answer may begin at 0 all the same. Dispose it.</summary>
    public async Task<(HttpResponseMessage Response, long From)> ContentAsync(string commit, HubFile file, long from, CancellationToken cancellation)
    {
        var range = from > 0 ? new RangeHeaderValue(from, null) : null;
        var response = await SendAsync(HttpMethod.Get, Address(commit, file.Name), range, true, cancellation);
        try
        {
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
                return (response, -1);
            Check(response, file.Name);
            var begins = response.StatusCode == HttpStatusCode.PartialContent ? response.Content.Headers.ContentRange?.From ?? -1 : 0;
            return (response, begins == from || begins == 0 ? begins : -1);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of an answer, into a buffer; 0 at its end.</summary>
    /// <exception cref="HubFault">The connection broke, or nothing came for too long.</exception>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_settings.Silence);
        try
        {
            return await body.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw Silent(e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new HubFault("the connection was cut", null, e);
        }
    }

    public UserErrorException Refusal(string what, Exception? inner = null) => new($"--base {_name}: {what}", inner: inner);

    private Uri Address(string commit, string file) =>
        new($"{_settings.Endpoint}/{_name.Repository}/resolve/{commit}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}");

    private async Task CopyAsync(HttpResponseMessage response, MemoryStream to, int most, CancellationToken cancellation)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[1 << 16];
        while (await ReadAsync(body, buffer, cancellation) is > 0 and var read)
        {
            to.Write(buffer, 0, read);
            if (to.Length > most)
                throw Refusal($"{_settings.Endpoint} answered with more than {most} bytes where a list of files belongs");
        }
    }

    /// <param name="follow">Follows redirections to other hosts too: where a large file's content is.</param>
    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Uri address, RangeHeaderValue? range, bool follow, CancellationToken cancellation)
    {
        var first = address;
        for (var i = 0; i < MostRedirections; i++)
        {
            using var request = new HttpRequestMessage(method, address);
            request.Headers.Range = range;
            if (_settings.Token is { } token && IsSameHost(first, address))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var response = await SendOnceAsync(request, cancellation);
            if (!IsRedirection(response))
                return response;
            var next = new Uri(address, response.Headers.Location!);
            if (!follow && !IsSameHost(first, next))
                return response;
            response.Dispose();
            if (next.Scheme is not ("https" or "http") || (address.Scheme == "https" && next.Scheme == "http"))
                throw Refusal($"{address.Host} sends on to {next.Scheme}://{next.Host}, which is not followed");
            address = next;
        }

        throw Refusal($"{first.Host} sends on more than {MostRedirections} times");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_settings.Silence);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw Silent(e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new HubFault($"{request.RequestUri!.Host} cannot be reached ({(e.InnerException ?? e).Message.ReplaceLineEndings(" ")})", null, e);
        }
    }

    private HubFault Silent(Exception inner) =>
        new(FormattableString.Invariant($"nothing came for {_settings.Silence.TotalSeconds:0.#} s"), null, inner);

    /// <param name="file">What was asked for; null for the repository.</param>
    private void Check(HttpResponseMessage response, string? file)
    {
        if (response.IsSuccessStatusCode || IsRedirection(response))
            return;
        var (status, code) = ((int)response.StatusCode, One(response, "X-Error-Code"));
        var said = One(response, "X-Error-Message") is { } message ? $" ({(message.Length > 200 ? message[..200] + "…" : message)})" : "";
        if (status is 408 or 429 or >= 500)
        {
            throw new HubFault(
                status == 429 ? "too many requests" : FormattableString.Invariant($"{response.RequestMessage!.RequestUri!.Host} answered {status}"),
                WaitOf(response));
        }

        throw Refusal((status, code) switch
        {
            (_, "GatedRepo") => $"the model is gated: accept its terms at {_settings.Endpoint}/{_name.Repository}, then " + (_settings.Token is null
                ? $"set HF_TOKEN to a token of that account ({_settings.Endpoint}/settings/tokens)"
                : $"try again; the token in {_settings.TokenSource} must be of that account and may read gated repositories"),
            (_, "RevisionNotFound") => $"{_name.Repository} has no revision '{_name.AskedRevision}': give a branch, a tag or a commit behind the @",
            (_, "EntryNotFound") => $"{_name.Repository} has no file {file}",
            (401, _) when said.Contains("credentials", StringComparison.OrdinalIgnoreCase) =>
                $"the hub does not know the token in {_settings.TokenSource}{said}: set HF_TOKEN anew, or to nothing for a public model",
            (401 or 404, _) => $"the hub has no such model, or it is private: look at the name{(_settings.Token is null
                ? ", or set HF_TOKEN to a token that may read it" : $", and at what the token in {_settings.TokenSource} may read")}",
            (403, _) => $"the hub refuses access{said}: "
                + (_settings.Token is null ? "set HF_TOKEN to a token that may read it" : $"the token in {_settings.TokenSource} may not read it"),
            _ => FormattableString.Invariant($"the hub answered {status}{said} to {file ?? "the question for its files"}"),
        });
    }

    private static TimeSpan? WaitOf(HttpResponseMessage response)
    {
        var wait = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - DateTimeOffset.UtcNow : null;
        if (wait is null && One(response, "RateLimit") is { } limit && RateLimitForm.Match(limit) is { Success: true } match)
            wait = TimeSpan.FromSeconds(int.Parse(match.Groups["seconds"].Value, CultureInfo.InvariantCulture));
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static bool IsRedirection(HttpResponseMessage response) =>
        (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is not null;

    private static bool IsSameHost(Uri one, Uri other) => one.Scheme == other.Scheme && one.Host == other.Host && one.Port == other.Port;

    private static string? One(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
