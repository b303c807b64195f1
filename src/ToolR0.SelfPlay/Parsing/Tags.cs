namespace ToolR0.SelfPlay;

/// <summary>The blocks that both roles write. Found by ordinal search in one pass, left to right, each ending at its first closing tag.</summary>
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

    /// <summary>The trimmed content of the first (<paramref name="last"/> false) or last complete pair, null if there is none.</summary>
    public static string? Find(string text, string tag, bool last, StringComparison comparison)
    {
        var open = $"<{tag}>";
        var close = $"</{tag}>";
        string? found = null;
        for (var at = 0; ;)
        {
            var start = text.IndexOf(open, at, comparison);
            if (start < 0)
                return found;
            start += open.Length;
            var end = text.IndexOf(close, start, comparison);
            if (end < 0)
                return found;
            found = text[start..end].Trim();
            if (!last)
                return found;
            at = end + close.Length;
        }
    }
}
