using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>What a Generator completion says, as far as it can be read.</summary>
/// <param name="Menu">Null when the tools do not parse as a list of tools.</param>
/// <param name="MenuProblem">Why: not JSON, <see cref="MenuReader.NotList"/>, <see cref="MenuReader.ToolNotObject"/>.</param>
/// <param name="Gold">Null when the answer does not parse or normalise; empty for an answer that calls nothing.</param>
/// <param name="ToolsAreJson">The tools block parses, whatever it holds; of signatures: it is a list of lines.</param>
/// <param name="GoldIsJson">The answer block parses, whatever it holds.</param>
public sealed record Proposal(
    string Text,
    string? Think,
    string? Question,
    IReadOnlyList<ToolSpec>? Menu,
    string? MenuProblem,
    IReadOnlyList<ToolCall>? Gold,
    bool ToolsAreJson,
    bool GoldIsJson,
    bool HasAllTags)
{
    /// <summary>
    /// The task, if the proposal is well formed: all four blocks are there, tools and gold calls parse, and at least one call is made
    /// (none is right only where <paramref name="spec"/> asks for none). Null otherwise. A tool that the menu repeats is offered once.
    /// </summary>
    public ToolTask? ToTask(TaskSpec? spec = null) =>
        HasAllTags && Question is { Length: > 0 } && Menu is not null && Gold is not null && (Gold.Count > 0 || spec?.Calls == 0)
            ? new ToolTask(Question, WithoutRepeats(Menu), Gold)
            : null;

    /// <summary>The menu without tools that say again, name and parameters alike, what an earlier one says.</summary>
    public static IReadOnlyList<ToolSpec> WithoutRepeats(IReadOnlyList<ToolSpec> menu) =>
        [.. menu.DistinctBy(tool =>
            (tool.Name, string.Join(',', tool.Parameters.Select(p => $"{p.Name}:{p.Type}")), string.Join(',', tool.Required)))];
}

/// <summary>Reads Generator completions. Tags are case-sensitive. Never throws.</summary>
public static class ProposalParser
{
    /// <summary>For rewards: a tag's last occurrence counts.</summary>
    /// <param name="signatures">The menu is one of signatures, and no thought is demanded.</param>
    public static Proposal ParseForReward(string text, bool signatures = false) => Parse(text, last: true, signatures);

    /// <summary>For the curriculum: a tag's first occurrence counts.</summary>
    /// <inheritdoc cref="ParseForReward"/>
    public static Proposal ParseForCurriculum(string text, bool signatures = false) => Parse(text, last: false, signatures);

    private static Proposal Parse(string text, bool last, bool signatures)
    {
        var tagged = new TaggedText(text, StringComparison.Ordinal);
        var think = tagged.Find(Tags.Think, last);
        var question = tagged.Find(Tags.Question, last);
        var tools = tagged.Find(Tags.Tools, last);
        var answer = tagged.Find(Tags.Answer, last);

        IReadOnlyList<ToolSpec>? menu = null;
        string? problem = MenuReader.NotList;
        var toolsAreJson = false;
        if (signatures)
        {
            menu = SignatureMenu.Read(tools, out problem);
            toolsAreJson = menu is not null || problem == MenuReader.ToolNotObject;
        }
        else if (toolsAreJson = RelaxedJson.TryParse(tools, out var toolsJson))
        {
            menu = MenuReader.Read(toolsJson, out problem);
        }

        var goldIsJson = RelaxedJson.TryParse(answer, out var goldJson);
        IReadOnlyList<ToolCall>? gold = goldIsJson && Calls.TryNormalise(goldJson, out var calls) ? calls : null;
        var hasAllTags = (signatures || !string.IsNullOrEmpty(think)) && !string.IsNullOrEmpty(question)
            && !string.IsNullOrEmpty(tools) && !string.IsNullOrEmpty(answer);
        return new Proposal(text, think, question, menu, problem, gold, toolsAreJson, goldIsJson, hasAllTags);
    }
}
