using System.Text.RegularExpressions;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.Serving.Conversations;

/// <summary>What a model's answer says.</summary>
/// <param name="Text">What stands before its calls; all of it where it calls nothing.</param>
/// <param name="Calls">Null where no calls were read; empty where the model says that no tool fits.</param>
public sealed partial record ReadAnswer(string Text, IReadOnlyList<ToolCall>? Calls)
{
    public bool CallsSomething => Calls is { Count: > 0 };

    /// <summary>Where calls may begin in a text.</summary>
    private static readonly string[] Openings = [$"<{Tags.Answer}>", "<tool_call>"];

    [GeneratedRegex("<tool_call>(.*?)(?:</tool_call>|$)", RegexOptions.Singleline)]
    private static partial Regex Tagged { get; }

    [GeneratedRegex(@"^```(?:json)?\s*(.*?)\s*```$", RegexOptions.Singleline)]
    private static partial Regex Fenced { get; }

    /// <summary>
    /// Reads the forms that families of models write: the list in this product's tags, <c>&lt;tool_call&gt;{…}&lt;/tool_call&gt;</c> once or more,
    /// or an answer that is nothing but a JSON call or list of calls, of tools on offer only.
    /// </summary>
    /// <param name="text">The whole answer.</param>
    /// <param name="offered">Names of the tools on offer; none are read where there are none.</param>
    public static ReadAnswer Of(string text, IReadOnlyCollection<string> offered)
    {
        if (offered.Count == 0)
            return new ReadAnswer(text, null);
        var start = CallsFrom(text);
        var before = text[..start].TrimEnd();
        if (SolverAnswer.Parse(text, requireThink: false) is { HasTag: true, Calls: { } calls })
            return new ReadAnswer(before, calls);
        var tagged = Tagged.Matches(text).Select(match => Parsed(match.Groups[1].Value)).ToList();
        if (tagged.Count > 0 && tagged.TrueForAll(list => list is not null))
            return new ReadAnswer(before, [.. tagged.SelectMany(list => list!)]);
        var bare = text.Trim();
        if (Fenced.Match(bare) is { Success: true } fence)
            bare = fence.Groups[1].Value;
        return bare is ['{' or '[', ..] && Parsed(bare) is { Count: > 0 } list && list.All(call => offered.Contains(call.Name))
            ? new ReadAnswer("", list)
            : new ReadAnswer(text, null);
    }

    /// <summary>
    /// So many of an unfinished answer's characters are text for certain, whatever follows: no call begins there, and no white space that a call
    /// would take with it.
    /// </summary>
    public static int CertainText(string text)
    {
        var end = CallsFrom(text);
        if (end == text.Length)
        {
            // The text may end in the middle of what opens calls.
            var reach = text.LastIndexOf('<');
            if (reach >= 0 && Openings.Any(opening => opening.StartsWith(text[reach..], StringComparison.OrdinalIgnoreCase)))
                end = reach;
        }

        return text.AsSpan(0, end).TrimEnd().Length;
    }

    private static int CallsFrom(string text)
    {
        if (text.AsSpan().TrimStart() is ['{' or '[' or '`', ..])
            return 0;
        var starts = Openings.Select(opening => text.IndexOf(opening, StringComparison.OrdinalIgnoreCase)).Where(at => at >= 0).ToList();
        return starts.Count == 0 ? text.Length : starts.Min();
    }

    private static IReadOnlyList<ToolCall>? Parsed(string json) =>
        RelaxedJson.TryParse(json, out var value) && SelfPlay.Parsing.Calls.TryNormalise(value, out var calls) ? calls : null;
}
