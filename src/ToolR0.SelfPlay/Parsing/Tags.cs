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

    /// <summary>
    /// The trimmed content of the first (<paramref name="last"/> false) or last complete pair, null if there is none. The last pair begins at the last opening
    /// tag before its end: a tag that thoughts only speak of opens nothing.
    /// </summary>
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
            if (!last)
                return text[start..end].Trim();
            var content = text.AsSpan(start, end - start);
            var inner = content.LastIndexOf(open, comparison);
            found = (inner < 0 ? content : content[(inner + open.Length)..]).Trim().ToString();
            at = end + close.Length;
        }
    }
}
