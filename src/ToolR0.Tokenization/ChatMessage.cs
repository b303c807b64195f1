using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">system, user, assistant or tool; the chat template says which it knows.</param>
/// <param name="Content">Null: the message has none, so that the template finds it undefined.</param>
public sealed record ChatMessage(string Role, string? Content)
{
    /// <summary>Further keys of the message that the template may read, such as <c>tool_calls</c>. One named content replaces <see cref="Content"/>;
    /// a JSON null there is a content that is none.</summary>
    public IReadOnlyDictionary<string, JsonElement> Fields { get; init; } = new Dictionary<string, JsonElement>();
}
