using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ToolR0.Testing;

/// <summary>One request that a <see cref="HubServer"/> was sent.</summary>
/// <param name="Host">As it was asked for.</param>
public sealed record HubRequest(string Method, string Path, string Host, string? Authorization, string? Range);

/// <summary>
/// A small server of the protocol of Hugging Face's hub: the listing of a repository, HEAD and GET of its files, large ones by a redirection to
/// another host, as the hub sends to its content servers. Faults happen on demand.
/// </summary>
public sealed class HubServer : IDisposable
{
    public const string Repository = "some-org/some-model";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>Files from this size on are large: they have a SHA-256 and come from the content host.</summary>
    private const int Large = 4096;

    private readonly LocalServer _server;

    /// <summary>Two names of this machine: the hub and its content server.</summary>
    public HubServer() => _server = new LocalServer(Answer, "127.0.0.1", "localhost");

    public string Endpoint => $"http://127.0.0.1:{_server.Port}";

    private string ContentHost => $"http://localhost:{_server.Port}";

    /// <summary>The repository's files by name.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>The revisions by name.</summary>
    public ConcurrentDictionary<string, string> Revisions { get; } = new() { ["main"] = Commit };

    public ConcurrentQueue<HubRequest> Requests { get; } = new();

    /// <summary>The token that may read it; null: everybody may.</summary>
    public string? Token { get; set; }

    /// <summary>What who may not is told: status and X-Error-Code.</summary>
    public (int Status, string Code) Refusal { get; set; } = (401, "RepoNotFound");

    /// <summary>The listing is for everybody, as it is for a gated model.</summary>
    public bool ListsForAll { get; set; }

    /// <summary>
    /// Answers to give to GETs of content before it works: a status; below 0, the connection is cut after so many bytes, of a file that has more.
    /// </summary>
    public ConcurrentQueue<int> Faults { get; } = new();

    /// <summary>The same for the listing.</summary>
    public ConcurrentQueue<int> ListingFaults { get; } = new();

    /// <summary>Retry-After of a 429.</summary>
    public string? RetryAfter { get; set; }

    /// <summary>Content servers that know no Range.</summary>
    public bool IgnoresRange { get; set; }

    /// <summary>Files whose content comes with another byte.</summary>
    public ConcurrentDictionary<string, bool> Spoiled { get; } = new();

    /// <summary>Sizes that are claimed instead of the true ones.</summary>
    public ConcurrentDictionary<string, long> ClaimedSizes { get; } = new();

    /// <summary>Bytes are sent no faster than this many at a time.</summary>
    public TimeSpan Pause { get; set; }

    /// <summary>GETs of a file's content, at whichever host.</summary>
    public int Contents(string file)
    {
        var end = (Files.TryGetValue(file, out var bytes) && bytes.Length < Large ? "/" : "/content/") + file;
        return Requests.Count(request => request.Method == "GET" && request.Path.EndsWith(end, StringComparison.Ordinal));
    }

    /// <summary>Takes over the files of a folder.</summary>
    public HubServer With(string folder)
    {
        foreach (var path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
            Files[Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/')] = File.ReadAllBytes(path);
        return this;
    }

    public void Dispose() => _server.Dispose();

    private void Answer(HttpListenerContext context)
    {
        var request = context.Request;
        var path = request.Url!.AbsolutePath;
        Requests.Enqueue(new HubRequest(request.HttpMethod, path, request.UserHostName, request.Headers["Authorization"], request.Headers["Range"]));
        try
        {
            var parts = path.Trim('/').Split('/');
            if (path.StartsWith("/api/models/", StringComparison.Ordinal))
                List(context, Uri.UnescapeDataString(parts[^1]));
            else if (parts[0] == "content")
                Send(context, string.Join('/', parts[1..]));
            else if (parts is [.., _, _] && parts.Length > 4 && parts[2] == "resolve")
                Resolve(context, parts[3], string.Join('/', parts[4..]));
            else
                Fail(context, 404, "RepoNotFound");
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The other side went away.
        }
    }

    private bool MayRead(HttpListenerContext context) => Token is null || context.Request.Headers["Authorization"] == "Bearer " + Token;

    private void List(HttpListenerContext context, string revision)
    {
        if (ListingFaults.TryDequeue(out var fault))
        {
            Fail(context, fault, "");
            return;
        }

        if (!context.Request.Url!.AbsolutePath.StartsWith($"/api/models/{Repository}/revision/", StringComparison.Ordinal))
            Fail(context, 401, "RepoNotFound");
        else if (!ListsForAll && !MayRead(context))
            Fail(context, Refusal.Status, Refusal.Code);
        else if (!Revisions.TryGetValue(revision, out var commit) && !Revisions.Values.Contains(revision))
            Fail(context, 404, "RevisionNotFound");
        else
            Reply(context, JsonSerializer.Serialize(
                new { sha = commit ?? revision, siblings = Files.Keys.Order().Select(file => new { rfilename = file }) }));
    }

    private void Resolve(HttpListenerContext context, string commit, string file)
    {
        var name = Uri.UnescapeDataString(file);
        if (!MayRead(context))
        {
            Fail(context, Refusal.Status, Refusal.Code);
            return;
        }

        if (commit != Commit || !Files.TryGetValue(name, out var bytes))
        {
            Fail(context, 404, "EntryNotFound");
            return;
        }

        var response = context.Response;
        response.AddHeader("X-Repo-Commit", commit);
        if (bytes.Length >= Large || ClaimedSizes.ContainsKey(name))
        {
            response.AddHeader("X-Linked-Etag", $"\"{ETagOf(name)}\"");
            response.AddHeader("X-Linked-Size", ClaimedSizes.GetValueOrDefault(name, bytes.Length).ToString(CultureInfo.InvariantCulture));
            response.StatusCode = 302;
            response.RedirectLocation = $"{ContentHost}/content/{name}";
            response.Close();
            return;
        }

        response.AddHeader("ETag", $"W/\"{ETagOf(name)}\"");
        Content(context, name, bytes);
    }

    private void Send(HttpListenerContext context, string file) => Content(context, file, Files[Uri.UnescapeDataString(file)]);

    private void Content(HttpListenerContext context, string name, byte[] bytes)
    {
        var response = context.Response;
        if (context.Request.HttpMethod == "HEAD")
        {
            response.ContentLength64 = bytes.Length;
            response.Close();
            return;
        }

        var cut = int.MaxValue;
        if (Faults.TryPeek(out var fault) && (fault > 0 || -fault < bytes.Length) && Faults.TryDequeue(out fault))
        {
            if (fault > 0)
            {
                Fail(context, fault, "");
                return;
            }

            cut = -fault;
        }

        var from = 0;
        if (!IgnoresRange && context.Request.Headers["Range"] is { } range)
        {
            from = int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
            response.StatusCode = 206;
            response.AddHeader("Content-Range", FormattableString.Invariant($"bytes {from}-{bytes.Length - 1}/{bytes.Length}"));
        }

        var sent = bytes[from..];
        if (Spoiled.ContainsKey(name))
            sent[^1] ^= 1;
        response.ContentLength64 = sent.Length;
        if (cut < sent.Length)
        {
            response.OutputStream.Write(sent, 0, cut);
            response.OutputStream.Flush();
            // Whoever listens has taken what came before the line breaks.
            Thread.Sleep(200);
            response.Abort();
            return;
        }

        for (var at = 0; at < sent.Length; at += 1 << 16)
        {
            response.OutputStream.Write(sent, at, Math.Min(1 << 16, sent.Length - at));
            if (Pause > TimeSpan.Zero)
                Thread.Sleep(Pause);
        }

        response.Close();
    }

    private void Fail(HttpListenerContext context, int status, string code)
    {
        var response = context.Response;
        response.StatusCode = status;
        if (code.Length > 0)
            response.AddHeader("X-Error-Code", code);
        if (status == 429 && RetryAfter is { } wait)
            response.AddHeader("Retry-After", wait);
        response.Close();
    }

    private static void Reply(HttpListenerContext context, string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength64 = bytes.Length;
        context.Response.OutputStream.Write(bytes);
        context.Response.Close();
    }

    /// <summary>The name of a file's content: its SHA-256 if it is large, else what git calls it.</summary>
    public string ETagOf(string file) => Files[file] is var bytes && (bytes.Length >= Large || ClaimedSizes.ContainsKey(file))
        ? Convert.ToHexStringLower(SHA256.HashData(bytes))
        : Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(FormattableString.Invariant($"blob {bytes.Length}\0")), .. bytes]));
}
