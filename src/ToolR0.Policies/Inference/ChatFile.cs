using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Inference;

/// <summary>A conversation from a file.</summary>
public sealed record ChatFile(IReadOnlyList<ChatMessage> Messages, ChatOptions Options)
{
    /// <summary>The JSON as it was read.</summary>
    public JsonElement Written { get; private init; }

    /// <summary>
    /// Reads JSON: a list of messages, each with <c>role</c>, <c>content</c> (text, or null or left out where <c>tool_calls</c> says it all) and
    /// whatever else the chat template reads; or an object with <c>messages</c>, <c>tools</c> and further variables of the template, such as
    /// <c>enable_thinking</c>.
    /// </summary>
    /// <exception cref="UserErrorException">The file is not there or is not such JSON.</exception>
    public static ChatFile Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            return Parse(document.RootElement.Clone());
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new UserErrorException($"--messages {path}: {e.Message.ReplaceLineEndings(" ")}");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"--messages {path}: there is no such file");
        }
    }

    private static ChatFile Parse(JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Array)
            return new ChatFile(Turns(root), new ChatOptions()) { Written = root };
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array)
            throw new InvalidDataException("must be a list of messages, or an object whose messages are one");
        var tools = root.TryGetProperty("tools", out var offered) && offered.ValueKind != JsonValueKind.Null
            ? offered.ValueKind == JsonValueKind.Array ? offered.EnumerateArray().ToArray() : throw new InvalidDataException("tools must be a list")
            : null;
        var variables = root.EnumerateObject().Where(p => p.Name is not ("messages" or "tools" or "add_generation_prompt"))
            .ToDictionary(p => p.Name, p => p.Value);
        var opens = !root.TryGetProperty("add_generation_prompt", out var add) || add.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new InvalidDataException("add_generation_prompt must be true or false"),
        };
        var options = new ChatOptions { Tools = tools, Variables = variables, AddGenerationPrompt = opens };
        return new ChatFile(Turns(messages), options) { Written = root };
    }

    private static ChatMessage[] Turns(JsonElement list) =>
        list.GetArrayLength() == 0 ? throw new InvalidDataException("there are no messages") : [.. list.EnumerateArray().Select(Turn)];

    private static ChatMessage Turn(JsonElement message, int index)
    {
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out var role) || role.ValueKind != JsonValueKind.String)
            throw new InvalidDataException($"messages[{index}] must be an object with a role");
        var content = message.TryGetProperty("content", out var said) ? said : default;
        var fields = message.EnumerateObject().Where(p => p.Name != "role" && !(p.Name == "content" && content.ValueKind == JsonValueKind.String))
            .ToDictionary(p => p.Name, p => p.Value);
        return new ChatMessage(role.GetString()!, content.ValueKind == JsonValueKind.String ? content.GetString() : null) { Fields = fields };
    }
}
