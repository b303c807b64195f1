using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>What a Solver completion says.</summary>
/// <param name="HasTag">An answer block is there and not empty.</param>
/// <param name="Parses">Its content parses (relaxed JSON).</param>
/// <param name="Calls">Null when it does not parse or normalise; empty when nothing is called.</param>
/// <param name="BlocksPresent">Every block that is demanded is there and not empty: the answer and, where it is required, think.</param>
public sealed record ParsedAnswer(string? Think, bool HasTag, bool Parses, IReadOnlyList<ToolCall>? Calls, bool BlocksPresent)
{
    /// <summary>The canonical text of the calls as a multiset, null when there are none to compare.</summary>
    public string? Canonical => Calls is null ? null : Parsing.Calls.CanonicalSet(Calls);
}

/// <summary>Reads Solver completions. Tags match in any letter case and the last pair counts. Never throws.</summary>
public static class SolverAnswer
{
    /// <param name="ellipsis">Whether "..." may stand in strings: see <see cref="RelaxedJson.TryParse"/>.</param>
    public static ParsedAnswer Parse(string text, bool requireThink, bool ellipsis = false)
    {
        var tagged = new TaggedText(text, StringComparison.OrdinalIgnoreCase);
        var think = tagged.Find(Tags.Think, last: true);
        var answer = tagged.Find(Tags.Answer, last: true);
        var hasTag = !string.IsNullOrEmpty(answer);
        var parses = RelaxedJson.TryParse(answer, out var json, ellipsis);
        var normalised = parses && Parsing.Calls.TryNormalise(json, out var list, ellipsis) ? list : null;
        return new ParsedAnswer(think, hasTag, parses, normalised, hasTag && (!requireThink || !string.IsNullOrEmpty(think)));
    }
}
