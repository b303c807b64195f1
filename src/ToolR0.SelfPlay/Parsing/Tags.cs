namespace ToolR0.SelfPlay.Parsing;

/// <summary>The blocks that both roles write. Found in one pass, left to right, each ending at its first closing tag.</summary>
public static class Tags
{
    public const string Think = "think";
    public const string Question = "question";
    public const string Tools = "available_tools";
    public const string Answer = "tool_call_answer";
    public const string Specification = "task_specification";

    /// <summary>The four blocks of a proposal, in the order in which they are written.</summary>
    public static IReadOnlyList<string> OfProposal { get; } = [Think, Question, Tools, Answer];

    public static string Wrap(string tag, string content) => $"<{tag}>{content}</{tag}>";

    /// <inheritdoc cref="TaggedText.Find"/>
    public static string? Find(string text, string tag, bool last, StringComparison comparison) => new TaggedText(text, comparison).Find(tag, last);
}
