using System.Text.Json;

namespace ToolR0.Policies.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">system, user, assistant or tool; the chat template says which it knows.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>Further keys of the message that the template may read, such as <c>tool_calls</c>. One named content replaces <see cref="Content"/>.</summary>
    public IReadOnlyDictionary<string, JsonElement> Fields { get; init; } = new Dictionary<string, JsonElement>();
}
