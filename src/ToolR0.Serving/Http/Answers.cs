using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Serving.Conversations;

namespace ToolR0.Serving.Http;

/// <summary>Parts of answers in OpenAI's form.</summary>
internal static class Answers
{
    public static JsonObject Usage(int prompt, int completion) => new()
    {
        ["prompt_tokens"] = prompt,
        ["completion_tokens"] = completion,
        ["total_tokens"] = prompt + completion,
    };

    public static string FinishReason(Trajectory answer, ReadAnswer? read = null) =>
        read is { CallsSomething: true } ? "tool_calls" : answer.Finish == Contracts.FinishReason.Stop ? "stop" : "length";

    /// <param name="withIndex">In a stream each call says which it is.</param>
    public static JsonArray Calls(IReadOnlyList<ToolCall> calls, bool withIndex) => [.. calls.Select((call, i) =>
    {
        var json = new JsonObject
        {
            ["id"] = $"call_{Guid.NewGuid():N}",
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = Arguments(call) },
        };
        if (withIndex)
            json.Insert(0, "index", i);
        return json;
    })];

    /// <summary>A call's arguments as JSON text, in the order in which the model wrote them.</summary>
    public static string Arguments(ToolCall call)
    {
        var arguments = new JsonObject();
        foreach (var (name, value) in call.Arguments)
            arguments[name] = JsonNode.Parse(value.GetRawText());
        return arguments.ToJsonString(CallText.Layout);
    }
}
