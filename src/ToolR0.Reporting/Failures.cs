using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.Reporting;

/// <summary>What was wrong with an answer, one word each. An answer belongs to the first that applies, in this order.</summary>
public static class ErrorClasses
{
    private static readonly (string Name, string Meaning, string[] Reasons)[] Known =
    [
        ("format", "no answer that can be read as calls", [Reasons.NoAnswerTag, Reasons.NotParsed, Reasons.NotNormalised]),
        ("refused", "calls nothing though a tool fits", [Reasons.NoCalls]),
        ("not refused", "calls something though no tool fits", [Reasons.NotRefused]),
        ("number of calls", "calls too many or too few", [Reasons.ExtraCalls, Reasons.MissingCalls]),
        ("tool", "the wrong tool", [Reasons.WrongTool]),
        ("arguments", "arguments missing or too many", [Reasons.WrongArguments]),
        ("values", "the right arguments with wrong values", [Reasons.WrongValues]),
        ("other", "equal in meaning, but not to the letter", []),
    ];

    public static IReadOnlyList<(string Name, string Meaning)> All { get; } = [.. Known.Select(known => (known.Name, known.Meaning))];

    /// <summary>Null for an exact answer.</summary>
    public static string? Of(AttemptScore score) =>
        score.Exact ? null : Known.First(known => known.Reasons.Length == 0 || known.Reasons.Any(score.Reasons.Contains)).Name;
}

/// <summary>Where the Solver still fails on one held-out set.</summary>
/// <param name="Answers">Every item that both the base and the last Solver answered.</param>
public sealed record Failures(string Set, int Iteration, IReadOnlyList<AnswerExample> Answers)
{
    /// <summary>Wrong answers of a class, before and after.</summary>
    public (int Before, int After) Count(string error) => (Answers.Count(a => a.Before.Error == error), Answers.Count(a => a.After.Error == error));

    /// <summary>Item classes with what is wrong in each after the run, the worst first.</summary>
    public IReadOnlyList<(string Class, int Items, IReadOnlyDictionary<string, int> Errors)> ByClass =>
        [.. Answers.GroupBy(a => a.Item.Class)
            .Select(g => (g.Key, Items: g.Count(), Errors: (IReadOnlyDictionary<string, int>)g.Select(a => a.After.Error).OfType<string>()
                .CountBy(e => e).ToDictionary()))
            .OrderByDescending(row => (double)row.Errors.Values.Sum() / row.Items).ThenBy(row => row.Key, StringComparer.Ordinal)];

    /// <summary>For each class of error that is left one answer, the most frequent class first.</summary>
    public IReadOnlyList<AnswerExample> Examples =>
        [.. Answers.Where(a => a.After.Error is not null).GroupBy(a => a.After.Error).OrderByDescending(g => g.Count())
            .ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.First())];
}

/// <summary>A candidate that was refused, and why.</summary>
/// <param name="Spec">What was asked for.</param>
/// <param name="Text">What the Generator wrote.</param>
public sealed record RejectedExample(int Iteration, string Reason, string? Detail, TaskSpec Spec, string Text);

/// <summary>The named reasons of rejection in words.</summary>
public static class RejectionMeanings
{
    private static readonly Dictionary<string, string> Meanings = new()
    {
        [Rejections.VoidSample] = "sampling failed",
        [Rejections.VoidExecution] = "execution failed",
        [Rejections.CjkText] = "CJK characters in the text",
        [Rejections.PromptEcho] = "repeats the instructions",
        [Rejections.MissingTags] = "not all four blocks are there",
        [Rejections.PlaceholderQuestion] = "placeholder question",
        [Rejections.ToolsNotJson] = "tool list is not valid JSON",
        [Rejections.CallsNotJson] = "answer is not a valid JSON list of calls",
        [Rejections.ToolNotObject] = "a tool is not an object",
        [Rejections.BadToolName] = "a tool's name says nothing",
        [Rejections.DuplicateTool] = "two tools of one name",
        [Rejections.TooFewTools] = "nothing to choose from",
        [Rejections.ShortDescription] = "a tool without description",
        [Rejections.NoParameters] = "a tool without parameters",
        [Rejections.NonPrimitiveParameter] = "a parameter that is not of a simple type",
        [Rejections.NoConversation] = "a conversation was asked for and the question is not one",
        [Rejections.NoCalls] = "calls nothing though calls were asked for",
        [Rejections.UnknownTool] = "calls a tool that the menu does not offer",
        [Rejections.NestedArgument] = "a list or object as an argument",
        [Rejections.EmptyArguments] = "no arguments though some are required",
        [Rejections.MissingRequiredArgument] = "a required argument is missing",
        [Rejections.TrivialQuestion] = "the question is trivial",
        [Rejections.NotGrounded] = "its answer has a value that the question does not say",
        [Rejections.SpecNotObeyed] = "not what was asked for: tools, calls, arguments or kinds of value",
        [Rejections.DemonstrationCopied] = "copies a demonstration",
        [Rejections.RepeatsItself] = "repeats a line",
        [Rejections.ToolsAlike] = "two tools of the menu do the same",
        [Rejections.ToolOften] = "good, but its tool is called by enough others",
        [Rejections.NotRight] = "the Solver's answer is not the gold one",
        [Rejections.GoldNotExecutable] = "its own answer does not run",
        [Rejections.HeldOut] = "a held-out question",
        [Rejections.Duplicate] = "asks what another candidate asks",
        [Rejections.PromptTooLong] = "too long to put to the Solver",
        [Rejections.VoidVerification] = "verification failed",
        [Rejections.LowAgreement] = "the Solver agrees too rarely",
        [Rejections.GoldNotMajority] = "the Solver mostly answers something else",
        [Rejections.TooEasy] = "the Solver answers it always",
        [Rejections.VoidJudge] = "the judge gave no label",
        [Rejections.OverQuota] = "good, but there were enough",
    };

    public static string Of(string reason) => Meanings.GetValueOrDefault(reason, "");
}
