using System.Text.RegularExpressions;
using Npgsql;

namespace ToolR0.EventStore;

/// <summary>
/// Reads a connection string and speaks about one without telling its password. A password may hold anything, quoted as Npgsql has it
/// (<c>Password="a;b"</c>) or as it is: an unquoted one ends where <c>;</c> and the name of another setting follow, or at the end.
/// </summary>
public static partial class ConnectionSettings
{
    /// <summary>What stands for a password.</summary>
    public const string Hidden = "***";

    private static readonly HashSet<string> Names = new(
        new NpgsqlConnectionStringBuilder().Keys.Cast<string>()
        .Concat(["Host", "Server", "Port", "Database", "DB", "Username", "User Name", "User", "UserId", "User Id", "UID", "SSL Mode", "SslMode",
        "Timeout", "Pooling"]),
        StringComparer.OrdinalIgnoreCase);

    [GeneratedRegex("""(?<=^|;)\s*(?:password|psw|pwd)\s*=\s*(?<value>"(?:[^"]|"")*"|'(?:[^']|'')*'|[^\r\n]*)""", RegexOptions.IgnoreCase)]
    private static partial Regex Password { get; }

    [GeneratedRegex(""";\s*(?<name>[A-Za-z][A-Za-z ]*?)\s*=""")]
    private static partial Regex NextName { get; }

    [GeneratedRegex("""(^|;)\s*gss\s*encryption\s*mode\s*=""", RegexOptions.IgnoreCase)]
    private static partial Regex GssMode { get; }

    [GeneratedRegex("""(?<=://[^/\s:@]*:)[^\s]*(?=@)""")]
    private static partial Regex UriPassword { get; }

    /// <summary>The settings, with no GSS encryption unless it was asked for: without a ticket it only makes noise.</summary>
    /// <exception cref="EventStoreException">Not a connection string, or one without a host. The message holds no part of a password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        NpgsqlConnectionStringBuilder settings;
        try
        {
            var (rest, password) = TakePassword(connectionString);
            settings = new NpgsqlConnectionStringBuilder(rest);
            if (password is not null)
                settings.Password = password;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // The inner exception is left out: it may quote any part of what was given.
            throw new EventStoreException(
                $"{EventStoreException.Setting} is not a PostgreSQL connection string: {Redact(exception.Message, connectionString)}");
        }

        if (string.IsNullOrWhiteSpace(settings.Host))
            throw new EventStoreException($"{EventStoreException.Setting} names no host (Host=…;Port=…;Database=…;Username=…;Password=…)");
        settings.ApplicationName ??= "toolr0";
        if (!GssMode.IsMatch(connectionString) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("PGGSSENCMODE")))
            settings.GssEncryptionMode = GssEncryptionMode.Disable;
        return settings;
    }

    /// <summary>A connection string, or any text that quotes one, without the password.</summary>
    public static string Redact(string text) => Redact(text, text);

    /// <summary>A text without the password of a connection string: neither as it was written nor as it is meant.</summary>
    public static string Redact(string text, string connectionString)
    {
        var (_, password) = TakePassword(connectionString);
        var written = Password.Match(connectionString) is { Success: true } match ? match.Groups["value"].Value : null;
        text = UriPassword.Replace(
            Password.Replace(text, found => found.Value[..(found.Groups["value"].Index - found.Index)] + Hidden + Tail(found.Groups["value"].Value)),
            Hidden);
        foreach (var secret in new[] { written is null ? null : written[..^Tail(written).Length], password })
        {
            if (secret is { Length: > 0 })
                text = text.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        }

        return password is null ? text
            : Parts(password).Aggregate(text, (left, part) => left.Replace(part, Hidden, StringComparison.OrdinalIgnoreCase));
    }

    private static (string Others, string? Password) TakePassword(string connectionString)
    {
        if (Password.Match(connectionString) is not { Success: true } match)
            return (connectionString, null);
        var written = match.Groups["value"].Value;
        var tail = Tail(written);
        var value = written[..(written.Length - tail.Length)].Trim();
        if (value is ['"', .., '"'] or ['\'', .., '\''] && value.Length >= 2)
            value = value[1..^1].Replace(new string(value[0], 2), value[..1]);
        return (connectionString[..match.Index].TrimEnd(';') + tail + connectionString[(match.Index + match.Length)..], value);
    }

    /// <summary>What follows an unquoted password: from the first <c>;</c> on after which another setting, or nothing, stands.</summary>
    private static string Tail(string written)
    {
        if (written.Length > 0 && written[0] is '"' or '\'')
            return "";
        foreach (Match next in NextName.Matches(written))
        {
            if (Names.Contains(next.Groups["name"].Value))
                return written[next.Index..];
        }

        return written.EndsWith(';') ? ";" : "";
    }

    /// <summary>The pieces that a parser may quote: it splits at these characters.</summary>
    private static IEnumerable<string> Parts(string password) =>
        password.Split([';', '='], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(part => part.Length > 2)
            .OrderByDescending(part => part.Length);
}
