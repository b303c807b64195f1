using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.ToolServers.Configuration;

/// <summary>
/// Reads a file of tools: the configuration of a client of the Model Context Protocol, in the forms that clients have, or a list of functions in
/// OpenAI's form. JSON with comments, trailing commas and a byte order mark.
/// </summary>
public static class ToolSourceReader
{
    private static readonly string[] ServerRoots = ["mcpServers", "servers", "context_servers", "mcp"];
    private static readonly string[] FunctionRoots = ["tools", "functions"];
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <exception cref="UserErrorException">The file cannot be read, is no JSON, or holds neither servers nor functions.</exception>
    public static ToolSource Read(string file, IReadOnlyDictionary<string, string> environment)
    {
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--tools {file}: {(File.Exists(file) ? "cannot be read" : "there is no such file")}");
        }

        return Parse(text, Path.GetFullPath(file), environment);
    }

    /// <param name="file">Absolute: what is relative in the file is relative to its folder.</param>
    /// <exception cref="UserErrorException">The text is no JSON, or holds neither servers nor functions.</exception>
    public static ToolSource Parse(string text, string file, IReadOnlyDictionary<string, string> environment)
    {
        var name = Path.GetFileName(file);
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(text.TrimStart('\uFEFF'), Lenient);
            root = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{name}: is no JSON: line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}");
        }

        if (FunctionsOf(root) is { } functions)
            return FunctionReader.Read(functions, name);
        var problems = new List<SourceProblem>();
        var servers = new List<ServerDefinition>();
        var found = false;
        foreach (var (key, entries) in RootsOf(root))
        {
            found = true;
            if (entries.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new SourceProblem(name, "", key, "must be an object of servers by name"));
                continue;
            }

            var variables = new Variables(file, root, environment, IsGemini(entries), braces: key == "mcp");
            foreach (var entry in entries.EnumerateObject())
            {
                if (servers.Any(server => server.Name == entry.Name))
                    problems.Add(new SourceProblem(name, entry.Name, "", "must have a name of its own; the first of that name is taken"));
                else
                    servers.Add(new ServerReader(name, entry, variables, problems).Read());
            }
        }

        return found
            ? new ToolSource(name, servers, [], problems)
            : throw new UserErrorException(
                $"{name}: holds no tools: must have one of {string.Join(", ", ServerRoots)} at its root, or be a list of functions");
    }

    /// <summary>The list of functions that a file is, or null. An object of servers under the same key is none.</summary>
    private static JsonElement? FunctionsOf(JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Array)
            return root;
        if (root.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var key in FunctionRoots)
        {
            if (root.TryGetProperty(key, out var list) && list.ValueKind == JsonValueKind.Array)
                return list;
        }

        return null;
    }

    private static IEnumerable<(string Key, JsonElement Entries)> RootsOf(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            yield break;
        foreach (var member in root.EnumerateObject().Where(member => ServerRoots.Contains(member.Name)))
        {
            // VS Code's settings keep "mcp": { "servers": … }.
            if (member.Name == "mcp" && member.Value.ValueKind == JsonValueKind.Object
                && member.Value.TryGetProperty("servers", out var inner) && inner.ValueKind == JsonValueKind.Object && IsObjectOfObjects(inner))
                yield return ("servers", inner);
            else
                yield return (member.Name, member.Value);
        }
    }

    private static bool IsObjectOfObjects(JsonElement value) => value.EnumerateObject().All(member => member.Value.ValueKind == JsonValueKind.Object);

    /// <summary>Keys that only Gemini has: there a bare url means SSE, and $NAME is a variable in values of the environment.</summary>
    private static bool IsGemini(JsonElement entries) => entries.EnumerateObject().Any(entry => entry.Value.ValueKind == JsonValueKind.Object
        && entry.Value.EnumerateObject().Any(field => field.Name is "httpUrl" or "trust" or "includeTools" or "excludeTools"));
}
