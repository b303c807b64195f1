using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>Looks at one candidate by itself.</summary>
internal static class CandidateFilter
{
    private static readonly string[] BadNames = ["tool", "function", "api", "call"];
    private static readonly string[] Primitives = ["string", "integer", "number", "boolean"];
    private static readonly string[] TrivialPhrases = ["capital of", "define ", "explain ", "summarize ", "write a poem", "tell me a joke"];
    private static readonly string[] Lookups = ["what is", "who is", "when is", "where is"];

    /// <summary>The candidate's task where it is kept, else why it is not.</summary>
    public static (ToolTask? Task, string? Reason, string? Detail) Judge(Candidate candidate, HeldOutGuard guard, RunOptions options)
    {
        if (candidate.Sample.Finish == FinishReason.Void)
            return (null, Rejections.VoidSample, candidate.Sample.VoidCause);
        if (candidate.Execution?.VoidCause is { } cause)
            return (null, Rejections.VoidExecution, cause);
        var proposal = ProposalParser.ParseForCurriculum(candidate.Sample.Text, options.Prompts.Set == PromptSet.Signatures);
        if ((Text(proposal, candidate.Spec, options) ?? Menu(proposal, candidate.Spec, options) ?? Gold(proposal, candidate.Spec))
            is var (reason, detail))
            return (null, reason, detail);

        var task = proposal.ToTask(candidate.Spec)!;
        if (Trivial(task, options.Curriculum) is { } trivial)
            return (null, Rejections.TrivialQuestion, trivial);
        if (!GeneratorReward.Executed(task, candidate.Execution))
            return (null, Rejections.GoldNotExecutable, candidate.Execution?.Calls.FirstOrDefault(c => c.Error is not null)?.Error);
        task = GoldReferences.Apply(task, candidate.Execution);
        return guard.Refuses(task) ? (null, Rejections.HeldOut, null) : (task, null, null);
    }

    private static (string, string?)? Text(Proposal proposal, TaskSpec spec, RunOptions options)
    {
        // What a given menu says is not the Generator's doing.
        if ((spec.Given is null ? proposal.Text : $"{proposal.Question}").Any(IsCjk))
            return (Rejections.CjkText, null);
        if (Placeholder.EchoesPrompt(proposal.Text))
            return (Rejections.PromptEcho, null);
        if (!proposal.HasAllTags)
            return (Rejections.MissingTags, null);
        if (Placeholder.IsPlaceholder(proposal.Question, options.Generator.Reward.MinQuestionLength))
            return (Rejections.PlaceholderQuestion, proposal.Question);
        if (options.Generator.Reward.SpecObedience && spec.Context == TaskContext.MultiTurn && !Conversation.Is(proposal.Question))
            return (Rejections.NoConversation, null);
        if (!proposal.ToolsAreJson || proposal.MenuProblem == MenuReader.NotList)
            return (Rejections.ToolsNotJson, proposal.ToolsAreJson ? "not a list of tools" : null);
        return proposal.Gold is null ? (Rejections.CallsNotJson, proposal.GoldIsJson ? "not a list of calls" : null) : null;
    }

    private static (string, string?)? Menu(Proposal proposal, TaskSpec spec, RunOptions options)
    {
        if (proposal.Menu is null)
            return (Rejections.ToolNotObject, null);
        if (spec.Given is not null)
            return null;
        var menu = options.Curriculum.MergeRepeatedTools ? Proposal.WithoutRepeats(proposal.Menu) : proposal.Menu;
        if (menu.Count < options.Curriculum.MinDistinctTools)
            return (Rejections.TooFewTools, $"{menu.Count}");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in menu)
        {
            if (tool.Name.Length <= 2 || BadNames.Contains(tool.Name.ToLowerInvariant()))
                return (Rejections.BadToolName, tool.Name);
            if (!names.Add(tool.Name))
                return (Rejections.DuplicateTool, tool.Name);
            if (tool.Description.Length < options.Curriculum.MinDescriptionLength)
                return (Rejections.ShortDescription, tool.Name);
            if (tool.Parameters.Count == 0)
                return (Rejections.NoParameters, tool.Name);
            if (tool.Parameters.FirstOrDefault(p => !Primitives.Contains(p.Type) && !(AsksForList(spec) && p.Type is "list" or "array")) is { } odd)
                return (Rejections.NonPrimitiveParameter, $"{tool.Name}.{odd.Name}: '{odd.Type}'");
        }

        return null;
    }

    private static (string, string?)? Gold(Proposal proposal, TaskSpec spec)
    {
        if (proposal.Gold!.Count == 0 && spec.Calls != 0)
            return (Rejections.NoCalls, null);
        foreach (var call in proposal.Gold)
        {
            var tool = proposal.Menu!.FirstOrDefault(t => t.Name == call.Name);
            if (tool is null)
                return (Rejections.UnknownTool, call.Name);
            if (call.Arguments.FirstOrDefault(a => IsNested(a.Value, spec)).Key is { } nested)
                return (Rejections.NestedArgument, $"{call.Name}.{nested}");
            if (call.Arguments.Count == 0 && tool.Required.Count > 0)
                return (Rejections.EmptyArguments, call.Name);
            if (tool.Required.FirstOrDefault(name => !call.Arguments.ContainsKey(name)) is { } missing)
                return (Rejections.MissingRequiredArgument, $"{call.Name}.{missing}");
        }

        return null;
    }

    private static bool AsksForList(TaskSpec spec) => spec.Value == ValueKinds.List || spec.Given is not null;

    /// <summary>An object, or a list where the spec does not ask for one.</summary>
    private static bool IsNested(JsonElement value, TaskSpec spec) =>
        value.ValueKind == JsonValueKind.Object || value.ValueKind == JsonValueKind.Array && !AsksForList(spec);

    private static string? Trivial(ToolTask task, CurriculumOptions options)
    {
        var question = task.Question.Trim().ToLowerInvariant();
        if (question.Length < options.MinQuestionLength)
            return $"{question.Length} characters";
        if (options.RejectTrivialPhrases && TrivialPhrases.FirstOrDefault(question.Contains) is { } phrase)
            return phrase.Trim();
        return options.RejectTrivialLookups && task.Gold.Count == 1 && task.Gold[0].Arguments.Count <= 1
            ? Lookups.FirstOrDefault(lookup => question.StartsWith(lookup + " ", StringComparison.Ordinal))
            : null;
    }

    /// <summary>Han, kana and Hangul.</summary>
    private static bool IsCjk(char c) =>
        c is >= '\u3040' and <= '\u30FF' or >= '\u3400' and <= '\u4DBF' or >= '\u4E00' and <= '\u9FFF' or >= '\uAC00' and <= '\uD7AF' or >= '\uF900'
            and <= '\uFAFF';
}
