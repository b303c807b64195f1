using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>A place in a benchmark's file; every reading error names it and the field.</summary>
public readonly record struct Place(string File, string Item)
{
    public UserErrorException Error(string field, string rule) => new($"{File}, {Item}: {field}: {rule}");

    public JsonElement Member(JsonElement holder, string name, string? field = null)
    {
        if (holder.ValueKind != JsonValueKind.Object)
            throw Error(field ?? name, "stands in something that is not an object");
        return holder.TryGetProperty(name, out var value) ? value : throw Error(field ?? name, "is missing");
    }

    public string Text(JsonElement holder, string name)
    {
        var value = Member(holder, name);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error(name, "must be a text");
    }

    /// <summary>A list, or a text that holds one as JSON.</summary>
    public JsonElement List(JsonElement holder, string name)
    {
        var value = Member(holder, name);
        if (value.ValueKind == JsonValueKind.String)
            value = Parse(value.GetString()!, name);
        return value.ValueKind == JsonValueKind.Array ? value : throw Error(name, "must be a list");
    }

    public JsonElement Parse(string json, string field)
    {
        try
        {
            return JsonDocument.Parse(JsonText.WithoutLoneSurrogates(json)).RootElement;
        }
        catch (JsonException e)
        {
            throw Error(field, $"is not JSON: {e.Message.Split(". ")[0]}");
        }
    }

    public IReadOnlyList<ToolSpec> Menu(JsonElement tools, string field) =>
        MenuReader.Read(tools, out var problem) is { } menu && menu.All(tool => tool.Name.Length > 0)
            ? menu
            : throw Error(field, $"must be a list of tools with names ({problem ?? "a name is empty"})");

    /// <summary>Each tool of a menu with all that its JSON says.</summary>
    public static IReadOnlyDictionary<ToolSpec, string> Written(IReadOnlyList<ToolSpec> menu, JsonElement tools) =>
        menu.Zip(tools.EnumerateArray()).ToDictionary(
            tool => tool.First, tool => MenuReader.ToJson(tool.First, tool.Second), (IEqualityComparer<ToolSpec>)ReferenceEqualityComparer.Instance);

    public IReadOnlyList<ToolCall> Calls(JsonElement calls, string field) =>
        SelfPlay.Parsing.Calls.TryNormalise(calls, out var list, ellipsis: true) ? list
            : throw Error(field, "must be a list of calls with name and arguments");

    /// <summary>One text of a question: itself, or a conversation as lines that begin with who speaks.</summary>
    public string Question(JsonElement query, string field)
    {
        if (query.ValueKind == JsonValueKind.String)
            return query.GetString()!;
        if (query.ValueKind != JsonValueKind.Array || query.GetArrayLength() == 0)
            throw Error(field, "must be a text or a list of messages");
        var place = this;
        var turns = query.EnumerateArray().Select(turn => (Role: place.Text(turn, "role"), Content: Content(place.Member(turn, "content")))).ToList();
        return turns is [("user", var only)] ? only : string.Join('\n', turns.Select(turn => $"{Speaker(turn.Role)}: {turn.Content}"));
    }

    private static string Content(JsonElement content) => content.ValueKind == JsonValueKind.String ? content.GetString()! : content.GetRawText();

    private static string Speaker(string role) => role.Length == 0 ? role : char.ToUpperInvariant(role[0]) + role[1..];
}
