using System.Text.Json;

namespace ToolR0.ToolServers.Configuration;

/// <summary>
/// Reads one server's entry. What is wrong with it becomes a problem that names the field, and the server is not startable; nothing is thrown, so
/// that
/// the entry costs no other server.
/// </summary>
internal sealed class ServerReader(string file, JsonProperty entry, Variables variables, List<SourceProblem> problems)
{
    /// <summary>A timeout below it is in seconds, from it on in milliseconds: clients differ, and no server takes seconds by the thousand.</summary>
    private const double LeastMilliseconds = 1000;

    private readonly List<string> _secrets = [];
    private readonly List<string> _notes = [];
    private string _notStartable = "";

    public ServerDefinition Read()
    {
        if (entry.Value.ValueKind != JsonValueKind.Object)
        {
            Problem("", "must be an object");
            return new ServerDefinition(entry.Name) { NotStartable = _notStartable };
        }

        var definition = new ServerDefinition(entry.Name)
        {
            Enabled = Flag("disabled") is not true && Flag("enabled") is not false,
            OnlyTools = Names("includeTools", "enabledTools", "enabled_tools"),
            HiddenTools = Names("excludeTools", "disabledTools", "disabled_tools"),
            ApprovedTools = Flag("trust") is true ? ["*"] : Names("autoApprove", "alwaysAllow"),
            TimeoutSeconds = Timeout(),
            Roots = [.. Names("roots").Select(root => Path.GetFullPath(Expand("roots", root, []), variables.Folder))],
        };
        definition = Text("source") == "extension"
            ? Refuse(definition, "source", "is an editor's extension, which has no command to start")
            : Endpoint() is { } endpoint ? Remote(definition, endpoint) : Local(definition);
        return definition with { NotStartable = _notStartable, Notes = _notes, Secrets = [.. _secrets.Distinct()] };
    }

    private (string Field, string Url)? Endpoint()
    {
        foreach (var field in (string[])["httpUrl", "url", "serverUrl"])
        {
            if (Text(field) is { } url)
                return (field, url);
        }

        return null;
    }

    private ServerDefinition Remote(ServerDefinition definition, (string Field, string Url) at)
    {
        var url = Expand(at.Field, at.Url, []);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in Pairs("headers"))
        {
            headers[name] = Expand($"headers.{name}", value, []);
            _secrets.Add(headers[name]);
            _secrets.Add(headers[name][(headers[name].IndexOf(' ') + 1)..]);
        }

        if (Has("auth") || Has("oauth"))
            _notes.Add("auth is not supported: the server gets its headers only");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("http" or "https"))
        {
            var scheme = url.IndexOf("://", StringComparison.Ordinal) is > 0 and var end ? url[..end] : "";
            if (_notStartable.Length == 0)
                Problem(at.Field, scheme.Length > 0 ? $"must begin with http:// or https://, not {scheme}://" : "must be an http or https address");
            return definition with { Transport = ServerTransport.Http, Headers = headers };
        }

        return definition with { Transport = RemoteTransport(at.Field), Endpoint = endpoint, Headers = headers };
    }

    private ServerTransport RemoteTransport(string field)
    {
        var word = Text("type") ?? Text("transport");
        switch (word?.Replace("-", "").Replace("_", "").ToLowerInvariant())
        {
            case "sse":
                return ServerTransport.Sse;
            case "http" or "streamablehttp" or "remote":
                return ServerTransport.Http;
            case null when field == "url" && variables.IsGemini:
                return ServerTransport.Sse;
            case null:
                if (field == "url")
                    _notes.Add("url without type is read as Streamable HTTP, then SSE");
                return ServerTransport.Http;
            default:
                Problem("type", "must be http, streamable-http or sse where the entry has an address");
                return ServerTransport.Http;
        }
    }

    private ServerDefinition Local(ServerDefinition definition)
    {
        if ((Text("type") ?? Text("transport")) is { } word && word is not ("stdio" or "local"))
            return Refuse(definition, "type", word is "http" or "sse" or "remote" ? "needs a url" : "must be stdio, http or sse");
        if (Command() is not var (command, words) || command.Length == 0)
            return Refuse(definition, "command", "must name a program, or url an address");

        var environment = EnvironmentFromFile();
        var old = OldCommand("env") is { } inside ? PairsOf(inside, "command.env") : [];
        foreach (var (name, value) in Pairs("env").Concat(Pairs("environment")).Concat(old))
        {
            environment[name] = Expand($"env.{name}", value, [], bare: variables.IsGemini);
            _secrets.Add(environment[name]);
        }

        // A bridge such as mcp-remote replaces the variables in its arguments itself, from the environment that the entry gives it.
        var own = environment.Keys.ToHashSet();
        var isBridge = words.Any(w => w.StartsWith("mcp-remote", StringComparison.Ordinal));
        var arguments = words.Select((w, i) => isBridge ? w : Expand($"args[{i}]", w, own)).ToList();
        (command, arguments) = Native(Expand("command", command, []), arguments);
        var folder = Text("cwd") is { } cwd ? Path.GetFullPath(Expand("cwd", cwd, []), variables.Folder) : "";
        if (command.Contains('/') && folder.Length == 0)
            command = Path.GetFullPath(command, variables.Folder);
        return definition with { Command = command, Arguments = arguments, Environment = environment, WorkingFolder = folder };
    }

    /// <summary><c>cmd /c</c> is how Windows starts a script; elsewhere what follows it is the program.</summary>
    private (string Command, List<string> Arguments) Native(string command, List<string> arguments)
    {
        if (OperatingSystem.IsWindows() || command.ToLowerInvariant() is not ("cmd" or "cmd.exe")
            || arguments is not [var slash, var program, .. var rest] || !slash.Equals("/c", StringComparison.OrdinalIgnoreCase))
            return (command, arguments);
        _notes.Add("cmd /c is left out: this is not Windows");
        return (program, rest);
    }

    private (string Command, List<string> Arguments)? Command()
    {
        List<string> arguments = [.. Items("args")];
        if (!entry.Value.TryGetProperty("command", out var command))
            return null;
        switch (command.ValueKind)
        {
            case JsonValueKind.Array when command.GetArrayLength() > 0 && command.EnumerateArray().All(w => w.ValueKind == JsonValueKind.String):
                List<string> words = [.. command.EnumerateArray().Select(w => w.GetString()!)];
                return (words[0], [.. words.Skip(1), .. arguments]);
            case JsonValueKind.Object when OldCommand("path") is { ValueKind: JsonValueKind.String } path:
                return (path.GetString()!, [.. ItemsOf(OldCommand("args"), "command.args"), .. arguments]);
            case JsonValueKind.String when Has("args") || !command.GetString()!.Trim().Any(char.IsWhiteSpace) || File.Exists(command.GetString()):
                return (command.GetString()!.Trim(), arguments);
            case JsonValueKind.String when CommandLine.Split(command.GetString()!) is { Count: > 0 } line:
                _notes.Add("command is a whole line: it was split into words, no shell reads it");
                return (line[0], [.. line.Skip(1)]);
            default:
                return null;
        }
    }

    private Dictionary<string, string> EnvironmentFromFile()
    {
        if (Text("envFile") is not { } named || _notStartable.Length > 0)
            return [];
        var path = Path.GetFullPath(Expand("envFile", named, []), variables.Folder);
        try
        {
            var read = EnvironmentFile.Parse(File.ReadAllText(path));
            _secrets.AddRange(read.Values);
            return read;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Problem("envFile", $"{Path.GetFileName(path)} {(File.Exists(path) ? "cannot be read" : "is not there")}");
            return [];
        }
    }

    private double Timeout()
    {
        if (!entry.Value.TryGetProperty("timeout", out var timeout))
            return 0;
        if (timeout.ValueKind == JsonValueKind.Number && timeout.TryGetDouble(out var number) && number > 0 && double.IsFinite(number))
            return number >= LeastMilliseconds ? number / 1000 : number;
        problems.Add(new SourceProblem(file, entry.Name, "timeout", "must be a number above 0; it is left out"));
        return 0;
    }

    private string Expand(string field, string text, IReadOnlyCollection<string> keep, bool bare = false)
    {
        try
        {
            return variables.Expand(text, bare, keep, _secrets);
        }
        catch (UnsetVariableException unset)
        {
            Problem(field, unset.Message);
            return text;
        }
    }

    private ServerDefinition Refuse(ServerDefinition definition, string field, string rule)
    {
        Problem(field, rule);
        return definition;
    }

    private void Problem(string field, string rule)
    {
        problems.Add(new SourceProblem(file, entry.Name, field, rule));
        if (_notStartable.Length == 0)
            _notStartable = field.Length > 0 ? $"{field}: {rule}" : rule;
    }

    private bool Has(string field) => entry.Value.TryGetProperty(field, out _);

    private string? Text(string field)
    {
        if (!entry.Value.TryGetProperty(field, out var value) || value.ValueKind is JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return value.GetString();
        Problem(field, "must be text");
        return null;
    }

    private bool? Flag(string field)
    {
        if (!entry.Value.TryGetProperty(field, out var value))
            return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return value.GetBoolean();
        Problem(field, "must be true or false");
        return null;
    }

    private List<string> Names(params string[] fields) => [.. fields.SelectMany(Items)];

    private IEnumerable<string> Items(string field) => entry.Value.TryGetProperty(field, out var list) ? ItemsOf(list, field) : [];

    private List<string> ItemsOf(JsonElement? list, string field)
    {
        if (list is not { ValueKind: JsonValueKind.Array } array)
        {
            if (list is not null)
                Problem(field, "must be a list");
            return [];
        }

        var items = new List<string>();
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind is JsonValueKind.String or JsonValueKind.Number)
                items.Add(item.ToString());
            else
                Problem($"{field}[{items.Count}]", "must be text");
        }

        return items;
    }

    private JsonElement? OldCommand(string field) =>
        entry.Value.TryGetProperty("command", out var command) && command.ValueKind == JsonValueKind.Object
        && command.TryGetProperty(field, out var value)
            ? value
            : null;

    private IEnumerable<(string Name, string Value)> Pairs(string field) =>
        entry.Value.TryGetProperty(field, out var pairs) ? PairsOf(pairs, field) : [];

    private List<(string Name, string Value)> PairsOf(JsonElement pairs, string field)
    {
        if (pairs.ValueKind != JsonValueKind.Object)
        {
            Problem(field, "must be an object of texts");
            return [];
        }

        var read = new List<(string, string)>();
        foreach (var pair in pairs.EnumerateObject())
        {
            if (pair.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False)
                read.Add((pair.Name, pair.Value.ValueKind == JsonValueKind.String ? pair.Value.GetString()! : pair.Value.GetRawText()));
            else
                Problem($"{field}.{pair.Name}", "must be text");
        }

        return read;
    }
}
