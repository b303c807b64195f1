using System.Text.Json;

namespace ToolR0.ToolServers.Configuration;

/// <summary>Something wrong in a file of tools: it costs what it names and nothing else.</summary>
/// <param name="Field">Where in the entry, e.g. <c>env.API_KEY</c>; empty for the entry itself.</param>
/// <param name="Rule">What it breaks, without any value of it.</param>
public sealed record SourceProblem(string File, string Server, string Field, string Rule)
{
    public override string ToString() => $"{File}: {Server}{(Field.Length > 0 && Server.Length > 0 ? "." : "")}{Field}: {Rule}";
}

/// <summary>What a file of tools holds: servers, or functions of which only the schema is known.</summary>
/// <param name="Functions">Tools in the form in which servers list them: name, description, inputSchema.</param>
public sealed record ToolSource(
    string File, IReadOnlyList<ServerDefinition> Servers, IReadOnlyList<JsonElement> Functions, IReadOnlyList<SourceProblem> Problems)
{
    /// <summary>The server's name that functions of a file stand under.</summary>
    public const string FunctionServer = "functions";
}
