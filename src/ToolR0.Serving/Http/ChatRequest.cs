using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.Serving.Conversations;

namespace ToolR0.Serving.Http;

/// <summary>A request to <c>/v1/chat/completions</c>.</summary>
/// <param name="OneCall">At most one call is answered (<c>parallel_tool_calls</c> false).</param>
internal sealed record ChatRequest(Conversation Conversation, SamplingFields Sampling, bool OneCall)
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool"];

    /// <param name="toolTokens">See <see cref="OfferedTools.Of(JsonElement, int)"/>.</param>
    /// <param name="most">Answers to one request.</param>
    /// <exception cref="ApiException">A field breaks a rule, or asks for what is not supported.</exception>
    public static ChatRequest Read(Fields body, int toolTokens, int most)
    {
        foreach (var flag in new[] { "logprobs", "top_logprobs" })
            body.Refuse(flag, value => value.ValueKind == JsonValueKind.False || value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        foreach (var absent in new[] { "functions", "function_call", "audio", "prediction", "web_search_options" })
            body.Refuse(absent, _ => false);
        body.Refuse("modalities", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueEquals("text")));
        if (body.Has("response_format"))
            body.Object("response_format").Refuse("type", value => value.ValueKind == JsonValueKind.String && value.ValueEquals("text"));

        return new ChatRequest(
            ReadConversation(body, toolTokens), SamplingFields.Read(body, most, "max_completion_tokens", "max_tokens"),
            !body.Flag("parallel_tool_calls", otherwise: true));
    }

    /// <summary>Messages, tools and what is said of calling them.</summary>
    /// <inheritdoc cref="Read"/>
    public static Conversation ReadConversation(Fields body, int toolTokens)
    {
        var messages = body.List("messages");
        if (messages.Count == 0)
            throw ApiException.Rule("messages", body.Has("messages") ? "must not be empty" : "is missing");
        var turns = messages.Select((message, i) => ReadTurn(Fields.Of(message, $"messages[{i}]"))).ToList();
        CheckResults(turns);
        var tools = body.List("tools").Select((tool, i) => ReadTool(Fields.Of(tool, $"tools[{i}]"), toolTokens)).ToList();
        if (tools.GroupBy(tool => tool.Spec.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw ApiException.Rule("tools", $"{twice.Key} is there twice");
        var (rule, wanted) = Choice(body, tools);
        return new Conversation(turns, tools, rule, wanted);
    }

    private static (CallRule Rule, string? Wanted) Choice(Fields body, IReadOnlyList<OfferedTool> tools)
    {
        if (body.Find("tool_choice") is not { } choice)
            return (CallRule.Auto, null);
        var wanted = choice.ValueKind == JsonValueKind.String ? null : WantedTool(Fields.Of(choice, "tool_choice"));
        var rule = wanted is not null ? CallRule.Required : choice.GetString() switch
        {
            "auto" => CallRule.Auto,
            "none" => CallRule.None,
            "required" => CallRule.Required,
            _ => throw ApiException.Rule(
                "tool_choice", "must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}"),
        };
        if (rule == CallRule.Required && tools.Count == 0)
            throw ApiException.Rule("tool_choice", "needs tools");
        if (wanted is not null && tools.All(tool => tool.Spec.Name != wanted))
            throw ApiException.Rule("tool_choice.function.name", "must be one of tools");
        return (rule, wanted);
    }

    private static string WantedTool(Fields choice)
    {
        choice.Refuse("type", value => value.ValueKind == JsonValueKind.String && value.ValueEquals("function"));
        return choice.Object("function").NeededText("name");
    }

    private static OfferedTool ReadTool(Fields tool, int toolTokens)
    {
        if (tool.NeededText("type") != "function")
            throw ApiException.Rule(tool.NameOf("type"), "must be \"function\"; other tools are not supported", "unsupported_parameter");
        var function = tool.Object("function");
        var name = function.NeededText("name");
        if (name.Length is 0 or > 128 || name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            throw ApiException.Rule(function.NameOf("name"), "must be text of 1 to 128 characters without spaces");
        _ = function.Text("description");
        if (function.Has("parameters"))
            _ = function.Object("parameters");
        try
        {
            return OfferedTools.Of(tool.Find("function")!.Value, toolTokens);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw ApiException.Rule(function.NameOf("parameters"), "must be a JSON Schema of an object");
        }
    }

    private static Turn ReadTurn(Fields message)
    {
        var role = message.NeededText("role");
        if (!Roles.Contains(role))
            throw ApiException.Rule(message.NameOf("role"), $"must be one of {string.Join(", ", Roles)}");
        var calls = role == "assistant" ? message.List("tool_calls").Select((call, i) =>
            ReadCall(Fields.Of(call, $"{message.NameOf("tool_calls")}[{i}]"))).ToList() : [];
        var text = Content(message, isNeeded: role != "assistant" || calls.Count == 0 && !message.Has("refusal"));
        return role == "tool"
            ? new Turn(role, text, CallId: message.NeededText("tool_call_id"), Name: message.Text("name"))
            : new Turn(role == "developer" ? "system" : role, text, calls.Count == 0 ? null : calls, Name: message.Text("name"));
    }

    private static AskedCall ReadCall(Fields call)
    {
        call.Refuse("type", value => value.ValueKind == JsonValueKind.String && value.ValueEquals("function"));
        var function = call.Object("function");
        var arguments = function.Text("arguments") ?? "{}";
        if (!RelaxedJson.TryParse(arguments.Trim().Length == 0 ? "{}" : arguments, out var values) || values.ValueKind != JsonValueKind.Object)
            throw ApiException.Rule(function.NameOf("arguments"), "must be a JSON object, written as a string");
        return new AskedCall(call.NeededText("id"), new ToolCall(function.NeededText("name"), values.EnumerateObject()
            .GroupBy(member => member.Name).ToDictionary(group => group.Key, group => group.Last().Value)));
    }

    private static string Content(Fields message, bool isNeeded)
    {
        if (message.Find("content") is not { } content)
            return isNeeded ? throw ApiException.Rule(message.NameOf("content"), "is missing") : "";
        if (content.ValueKind == JsonValueKind.String)
            return content.GetString()!;
        if (content.ValueKind != JsonValueKind.Array)
            throw ApiException.Rule(message.NameOf("content"), "must be a string or a list of parts");
        return string.Concat(content.EnumerateArray().Select((item, i) =>
        {
            var part = Fields.Of(item, $"{message.NameOf("content")}[{i}]");
            return part.NeededText("type") is "text" or "refusal"
                ? part.Text("text") ?? part.NeededText("refusal")
                : throw ApiException.Rule(part.NameOf("type"), "must be \"text\"; other parts are not supported", "unsupported_parameter");
        }));
    }

    /// <summary>Each result follows the turn that called for it, and gets its tool's name from there.</summary>
    private static void CheckResults(List<Turn> turns)
    {
        var asked = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < turns.Count; i++)
        {
            foreach (var call in turns[i].Calls ?? [])
                asked[call.Id] = call.Call.Name;
            if (turns[i].CallId is not { } id)
                continue;
            if (!asked.TryGetValue(id, out var name))
                throw ApiException.Rule($"messages[{i}].tool_call_id", "must be the id of a call of an assistant's turn before it");
            turns[i] = turns[i] with { Name = turns[i].Name ?? name };
        }
    }
}
