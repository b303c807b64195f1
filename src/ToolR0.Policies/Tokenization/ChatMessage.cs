namespace ToolR0.Policies.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">system, user, assistant or tool; the chat template says which it knows.</param>
public sealed record ChatMessage(string Role, string Content);
