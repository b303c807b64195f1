using System.Globalization;
using ToolR0.Contracts;

namespace ToolR0.Policies.Hub;

/// <summary>The hub and its cache as the environment variables of Hugging Face's own library say: those that have it need nothing new.</summary>
public sealed record HubSettings
{
    /// <summary>HF_ENDPOINT, without a slash at its end.</summary>
    public required string Endpoint { get; init; }

    /// <summary>HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub.</summary>
    public required string Cache { get; init; }

    /// <summary>HF_TOKEN, else the file that a login wrote (HF_TOKEN_PATH, else HF_HOME/token). Never printed.</summary>
    public string? Token { get; init; }

    /// <summary>Where the token is from.</summary>
    public string TokenSource { get; init; } = "HF_TOKEN";

    /// <summary>HF_HUB_OFFLINE: nothing is asked of the hub.</summary>
    public bool Offline { get; init; }

    /// <summary>HF_HUB_DOWNLOAD_TIMEOUT: a connection on which no byte comes for so long is given up.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Tries in a row of which none brought a byte.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>Before the second try; doubled before each further one.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>If the hub wants a longer wait, it is said instead of waited.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(2);

    /// <exception cref="UserErrorException">A variable's value makes no sense.</exception>
    public static HubSettings Read(IReadOnlyDictionary<string, string> environment)
    {
        var user = Of("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var home = Of("HF_HOME") is { } named ? Expanded(named) : Path.Combine(Of("XDG_CACHE_HOME") ?? Path.Combine(user, ".cache"), "huggingface");
        var endpoint = (Of("HF_ENDPOINT") ?? "https://huggingface.co").TrimEnd('/');
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new UserErrorException($"HF_ENDPOINT is '{endpoint}': it must be an address that begins with https:// or http://");
        var file = Of("HF_TOKEN_PATH") is { } path ? Expanded(path) : Path.Combine(home, "token");
        var token = (Of("HF_TOKEN") ?? Of("HUGGING_FACE_HUB_TOKEN"))?.Trim();
        return new HubSettings
        {
            Endpoint = endpoint,
            Cache = Path.GetFullPath((Of("HF_HUB_CACHE") ?? Of("HUGGINGFACE_HUB_CACHE")) is { } cache ? Expanded(cache) : Path.Combine(home, "hub")),
            Token = token is { Length: > 0 } ? token : IsOn("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? null : TokenIn(file),
            TokenSource = token is { Length: > 0 } ? "HF_TOKEN" : file,
            Offline = IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE"),
            Silence = TimeSpan.FromSeconds(Seconds("HF_HUB_DOWNLOAD_TIMEOUT") ?? 30),
        };

        string? Of(string name) => environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

        bool IsOn(string name) => Of(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

        string Expanded(string text) => text == "~" ? user : text.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(user, text[2..]) : text;

        int? Seconds(string name) => Of(name) is not { } text ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 86_400 ? seconds
            : throw new UserErrorException($"{name} is '{text}': it must be a number of seconds from 1 to 86400");
    }

    private static string? TokenIn(string file)
    {
        try
        {
            return File.Exists(file) && File.ReadAllText(file).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A token that may not be read is none: what needs one says so.
            return null;
        }
    }
}
