using System.Text.Json;
using System.Text.RegularExpressions;
using Json.Schema;

namespace ToolR0.ToolServers.Arguments;

/// <summary>Something wrong with a call's arguments.</summary>
/// <param name="Place">JSON pointer to it; empty for the arguments as a whole.</param>
/// <param name="Rule">What the schema asks for there.</param>
public sealed record ArgumentProblem(string Place, string Rule)
{
    public override string ToString() => $"{(Place.Length > 0 ? Place : "arguments")}: {Rule}";
}

/// <summary>
/// The schema of a tool's arguments, as it was served. Names that it does not know are refused unless it says that others may stand there: to JSON
/// Schema
/// they are fine, to a call they are a mistake. Nothing is ever fetched.
/// </summary>
public sealed partial class ToolSchema
{
    private const int MostProblems = 5;
    private const int Deepest = 60;

    private static readonly EvaluationOptions Evaluation = new() { OutputFormat = OutputFormat.Hierarchical };

    private readonly JsonSchema _schema;

    private ToolSchema(JsonElement raw, JsonSchema schema) => (Raw, _schema) = (raw, schema);

    public JsonElement Raw { get; }

    internal SchemaNode Node => new(Raw, Raw);

    [GeneratedRegex("\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex QuotedName { get; }

    /// <summary>Null and the schema, or why it is none for arguments, in one line.</summary>
    public static string? TryCreate(JsonElement raw, out ToolSchema? schema)
    {
        schema = null;
        if (raw.ValueKind != JsonValueKind.Object)
            return "its inputSchema is not an object";
        if (!raw.TryGetProperty("type", out var type))
        {
            if (!raw.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object)
                return "its inputSchema has neither type nor properties: nothing says what it takes";
        }
        else if (type.ValueKind != JsonValueKind.String || type.GetString() != "object")
        {
            return "its inputSchema is not of type object";
        }

        if (SchemaWalk.Problem(raw, Deepest) is { } problem)
            return $"its inputSchema {problem}";
        try
        {
            var dialect = DialectOf(raw);
            var options = new BuildOptions { SchemaRegistry = new SchemaRegistry(), Dialect = dialect };
            schema = new ToolSchema(raw, JsonSchema.FromText(Stripped(raw), options));
            schema._schema.Evaluate(JsonSerializer.SerializeToElement(new object()), Evaluation);
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            schema = null;
            return $"its inputSchema is not valid: {e.Message.ReplaceLineEndings(" ")}";
        }
    }

    /// <summary>What is wrong with arguments, at most five things; empty where a call may go out.</summary>
    public IReadOnlyList<ArgumentProblem> Check(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
            return [new ArgumentProblem("", "must be an object")];
        var problems = new List<ArgumentProblem>();
        UnknownNames.Find(Node, arguments, "", problems);
        var results = _schema.Evaluate(arguments, Evaluation);
        if (!results.IsValid)
            Collect(results, problems);
        return [.. problems.DistinctBy(p => (p.Place, p.Rule)).Take(MostProblems)];
    }

    /// <summary>Errors of what failed, without those of alternatives of which another one holds.</summary>
    private static void Collect(EvaluationResults node, List<ArgumentProblem> problems)
    {
        var (place, before) = (node.InstanceLocation.ToString(), problems.Count);
        foreach (var (keyword, message) in node.Errors ?? [])
        {
            if (keyword == "required")
                problems.AddRange(QuotedName.Matches(message).Select(name =>
                    new ArgumentProblem($"{place}/{Pointer(name.Groups[1].Value)}", "is missing")));
            else if (keyword.Length == 0)
                problems.Add(new ArgumentProblem(place, "must not be here"));
            else
                problems.Add(new ArgumentProblem(place, $"{message} ({keyword})"));
        }

        var details = node.Details ?? [];
        foreach (var alternatives in details.GroupBy(child => Alternative(node, child)))
        {
            if (alternatives.Key.Length > 0 && alternatives.Any(child => child.IsValid))
                continue;
            foreach (var child in alternatives.Where(child => !child.IsValid))
                Collect(child, problems);
        }

        // "not" fails without an error of its own.
        if (problems.Count == before)
            problems.Add(new ArgumentProblem(place, "is not what the schema allows"));
    }

    /// <summary>The keyword of alternatives (<c>anyOf</c>, <c>oneOf</c>, <c>not</c>, <c>if</c>) that a result belongs to; empty for others.</summary>
    private static string Alternative(EvaluationResults parent, EvaluationResults child)
    {
        var path = child.EvaluationPath.ToString()[parent.EvaluationPath.ToString().Length..];
        var parts = path.Split('/', 3, StringSplitOptions.RemoveEmptyEntries);
        return parts is [("anyOf" or "oneOf" or "not" or "if") and var keyword, ..] ? keyword : "";
    }

    private static string Pointer(string name) => name.Replace("~", "~0").Replace("/", "~1");

    private static Dialect DialectOf(JsonElement raw) =>
        raw.TryGetProperty("$schema", out var named) && named.ValueKind == JsonValueKind.String ? named.GetString()! switch
        {
            var uri when uri.Contains("draft-07") || uri.Contains("draft-04") || uri.Contains("draft-06") => Dialect.Draft07,
            var uri when uri.Contains("2019-09") => Dialect.Draft201909,
            _ => Dialect.Draft202012,
        }
        : raw.TryGetProperty("definitions", out _) && !raw.TryGetProperty("$defs", out _) ? Dialect.Draft07
        : Dialect.Draft202012;

    /// <summary>The text without the dialect's name, which is chosen before, and without names for the whole, which two schemas may share.</summary>
    private static string Stripped(JsonElement raw)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            foreach (var member in raw.EnumerateObject().Where(member => member.Name is not ("$schema" or "$id" or "id")))
                member.WriteTo(writer);
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
