using System.Text;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>Normalising and comparing calls.</summary>
public static class Calls
{
    /// <summary>
    /// Brings a parsed answer into one form. An item is <c>{"name","arguments"}</c>, <c>{"tool_name",…}</c>, OpenAI's
    /// <c>{"function":{"name","arguments"}}</c> (arguments may be a JSON string) or flat <c>{"name", k: v …}</c>; one item counts as a list of one.
    /// Arguments that are null or an empty text are none. False if any item is none of these. An empty list normalises to no calls.
    /// </summary>
    /// <param name="ellipsis">Whether arguments written as text may hold "...": see <see cref="RelaxedJson.TryParse"/>.</param>
    public static bool TryNormalise(JsonElement parsed, out IReadOnlyList<ToolCall> calls, bool ellipsis = false)
    {
        var list = new List<ToolCall>();
        calls = list;
        if (parsed.ValueKind == JsonValueKind.Object)
            return Add(parsed);
        if (parsed.ValueKind != JsonValueKind.Array)
            return false;
        foreach (var item in parsed.EnumerateArray())
        {
            if (!Add(item))
            {
                calls = [];
                return false;
            }
        }

        return true;

        bool Add(JsonElement item)
        {
            var call = One(item, ellipsis);
            if (call is not null)
                list.Add(call);
            return call is not null;
        }
    }

    /// <summary><c>{"arguments":{…},"name":…}</c> in canonical JSON.</summary>
    public static string Canonical(ToolCall call)
    {
        var text = new StringBuilder("{\"arguments\":{");
        foreach (var (name, value) in call.Arguments.OrderBy(a => a.Key, StringComparer.Ordinal))
        {
            if (text[^1] != '{')
                text.Append(',');
            CanonicalJson.WriteString(text, name);
            text.Append(':');
            CanonicalJson.Write(text, value);
        }

        text.Append("},\"name\":");
        CanonicalJson.WriteString(text, call.Name);
        return text.Append('}').ToString();
    }

    /// <summary>The calls' canonical texts, sorted: one text per multiset of calls.</summary>
    public static string CanonicalSet(IEnumerable<ToolCall> calls) =>
        "[" + string.Join(',', calls.Select(Canonical).Order(StringComparer.Ordinal)) + "]";

    /// <summary>Equal as multisets: same calls the same number of times, in any order.</summary>
    public static bool SameMultiset(IReadOnlyList<ToolCall> a, IReadOnlyList<ToolCall> b) =>
        a.Count == b.Count && CanonicalSet(a) == CanonicalSet(b);

    /// <summary>Equal ordered tool names (what the released code verifies).</summary>
    public static bool SameNames(IReadOnlyList<ToolCall> a, IReadOnlyList<ToolCall> b) =>
        a.Select(call => call.Name).SequenceEqual(b.Select(call => call.Name), StringComparer.Ordinal);

    /// <summary>The calls as <c>[{"name":…,"arguments":{…}}]</c> without white space, arguments in their given order and numbers as
    /// written.</summary>
    public static string ToJson(IEnumerable<ToolCall> calls)
    {
        var text = new StringBuilder("[");
        foreach (var call in calls)
        {
            if (text.Length > 1)
                text.Append(',');
            text.Append("{\"name\":");
            CanonicalJson.WriteString(text, call.Name);
            text.Append(",\"arguments\":{");
            foreach (var (name, value) in call.Arguments)
            {
                if (text[^1] != '{')
                    text.Append(',');
                CanonicalJson.WriteString(text, name);
                text.Append(':');
                if (value.ValueKind == JsonValueKind.Number)
                    text.Append(value.GetRawText());
                else
                    CanonicalJson.Write(text, value);
            }

            text.Append("}}");
        }

        return text.Append(']').ToString();
    }

    private static ToolCall? One(JsonElement item, bool ellipsis)
    {
        if (item.ValueKind != JsonValueKind.Object)
            return null;
        if (item.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object)
            return One(function, ellipsis);

        var key = item.TryGetProperty("name", out var name) ? "name" : "tool_name";
        if (key == "tool_name" && !item.TryGetProperty(key, out name) || name.ValueKind != JsonValueKind.String)
            return null;
        var tool = CanonicalJson.Text(name).Trim();
        if (tool.Length == 0)
            return null;

        if (!item.TryGetProperty("arguments", out var arguments))
            return new ToolCall(tool, Members(item, key));
        if (arguments.ValueKind == JsonValueKind.String)
        {
            // Servers write the arguments of a call that has none as an empty text.
            var written = CanonicalJson.Text(arguments);
            if (string.IsNullOrWhiteSpace(written))
                return new ToolCall(tool, Members(default, null));
            if (!RelaxedJson.TryParse(written, out arguments, ellipsis))
                return null;
        }

        return arguments.ValueKind switch
        {
            JsonValueKind.Object => new ToolCall(tool, Members(arguments, null)),
            JsonValueKind.Null => new ToolCall(tool, Members(default, null)),
            _ => null,
        };
    }

    private static Dictionary<string, JsonElement> Members(JsonElement value, string? except)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (value.ValueKind != JsonValueKind.Object)
            return members;
        foreach (var member in value.EnumerateObject())
        {
            if (member.Name != except)
                members[member.Name] = member.Value;
        }

        return members;
    }
}
