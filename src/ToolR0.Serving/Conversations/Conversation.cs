using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.Serving.Conversations;

/// <summary>A call in a conversation.</summary>
/// <param name="Id">Joins it with its result.</param>
public sealed record AskedCall(string Id, ToolCall Call);

/// <summary>One turn.</summary>
/// <param name="Role">system, user, assistant or tool.</param>
/// <param name="Calls">What an assistant called.</param>
/// <param name="CallId">The call that a tool's turn is the result of.</param>
public sealed record Turn(string Role, string Text, IReadOnlyList<AskedCall>? Calls = null, string? CallId = null, string? Name = null);

/// <summary>A tool on offer: as it stands on a menu, and as chat templates take it.</summary>
/// <param name="Function"><c>{"type":"function","function":{…}}</c>.</param>
public sealed record OfferedTool(ToolSpec Spec, JsonElement Function);

/// <summary>Whether the model may call tools.</summary>
public enum CallRule
{
    Auto,

    /// <summary>It sees no tools.</summary>
    None,

    /// <summary>Its answer begins with a call.</summary>
    Required,
}

/// <summary>Everything that a model is to go on with.</summary>
/// <param name="Wanted">With <see cref="CallRule.Required"/>: the tool that is to be called; null for any.</param>
public sealed record Conversation(
    IReadOnlyList<Turn> Turns, IReadOnlyList<OfferedTool> Tools, CallRule Rule = CallRule.Auto, string? Wanted = null)
{
    /// <summary>Tools are shown to the model.</summary>
    public bool ShowsTools => Tools.Count > 0 && Rule != CallRule.None;
}

/// <summary>A conversation that this model cannot be given, in one line.</summary>
/// <param name="part">The part of a request that is at fault.</param>
public sealed class ConversationException(string part, string message) : Exception(message)
{
    /// <summary>The part of a request that is at fault.</summary>
    public string Part => part;
}
