using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>Names of what was amiss, stored with a score.</summary>
public static class Reasons
{
    public const string Placeholder = "placeholder_question";
    public const string MissingTags = "missing_tags";
    public const string ToolsNotParsed = "tools_not_parsed";
    public const string GoldNotParsed = "gold_not_parsed";
    public const string MenuSizeDiffers = "menu_size_differs";
    public const string CallCountDiffers = "call_count_differs";
    public const string ArgumentCountDiffers = "argument_count_differs";
    public const string ValueKindMissing = "value_kind_missing";
    public const string ToolNotWanted = "tool_not_wanted";
    public const string NoConversation = "no_conversation";
    public const string NotChained = "not_chained";
    public const string UnknownTool = "unknown_tool";
    public const string MissingRequired = "missing_required_argument";
    public const string NotGrounded = "not_grounded";
    public const string GoldNotExecutable = "gold_not_executable";
    public const string GoldNotMajority = "gold_not_majority";
    public const string PromptTooLong = VoidCauses.PromptTooLong;
    public const string NotProbed = "not_probed";
    public const string VoidSample = "void_sample";
    public const string VoidExecution = "void_execution";
    public const string VoidProbes = "void_probes";
    public const string NotJudged = "not_judged";
    public const string VoidJudge = "void_judge";
    public const string NoAnswerTag = "no_answer_tag";
    public const string NoThink = "no_think";
    public const string NotParsed = "not_parsed";
    public const string NotNormalised = "not_normalised";
    public const string NoCalls = "no_calls";
    public const string NotRefused = "not_refused";
    public const string ExtraCalls = "extra_calls";
    public const string MissingCalls = "missing_calls";
    public const string WrongTool = "wrong_tool";
    public const string WrongArguments = "wrong_arguments";
    public const string WrongValues = "wrong_values";
    public const string RandomReward = "random_reward";
}

/// <summary>The Generator's reward r = r_fmt + r_valid + r_curr − repetition.</summary>
public static class GeneratorReward
{
    /// <summary>
    /// True when the gold calls ran: one outcome per call, each <see cref="CallStatus.Succeeded"/> or <see cref="CallStatus.SchemaChecked"/>.
    /// </summary>
    public static bool Executed(ToolTask task, SampleExecution? execution) =>
        execution is { VoidCause: null } && execution.Calls.Count == task.Gold.Count
        && execution.Calls.All(call => call.Status is CallStatus.Succeeded or CallStatus.SchemaChecked);

    /// <summary>The samples of a group that are to be probed: well-formed tasks, no placeholders, whose gold calls ran. Null elsewhere.</summary>
    public static IReadOnlyList<ToolTask?> Probeable(TasksProposed group, ToolCallsExecuted gold, RunOptions options) =>
        [.. group.Samples.Select((sample, i) =>
        {
            if (sample.Finish == FinishReason.Void)
                return null;
            var proposal = ProposalParser.ParseForReward(sample.Text, group.Signatures);
            var task = Placeholder.IsPlaceholder(proposal.Question, options.Generator.Reward.MinQuestionLength) ? null : proposal.ToTask(group.Spec);
            return task is not null && Executed(task, Execution(gold, i)) ? task : null;
        })];

    /// <summary>Scores of a whole group, advantages included.</summary>
    /// <param name="probes">Per sample its probes, null where it was not probed.</param>
    /// <param name="judged">Per sample what the judge said, null where it was not asked.</param>
    /// <param name="repetition">Per sample the share of its batch that asks the same (<see cref="Repetition.OfGroups"/>). Null: this group is the
    /// whole batch.</param>
    public static IReadOnlyList<ProposalScore> ScoreGroup(
        TasksProposed group,
        ToolCallsExecuted gold,
        IReadOnlyList<TaskAttempted?> probes,
        IReadOnlyList<TaskAttempted?> judged,
        int iteration,
        RunOptions options,
        IReadOnlyList<double>? repetition = null)
    {
        var reward = options.Generator.Reward;
        var proposals = group.Samples
            .Select(s => s.Finish == FinishReason.Void ? null : ProposalParser.ParseForReward(s.Text, group.Signatures)).ToArray();
        repetition ??= Repetition.OfGroups([group], reward)[0];
        var scores = proposals
            .Select((proposal, i) => proposal is null
                ? Void(i, Reasons.VoidSample)
                : Score(i, proposal, group.Spec, Execution(gold, i), probes.ElementAtOrDefault(i), judged.ElementAtOrDefault(i), iteration, options)
                    .Repeated(repetition[i], reward))
            .ToArray();
        var advantages = Advantages.Compute(
            [.. scores.Select(s => s.Total)], [.. scores.Select(s => s.Void)], options.Learning.AdvantageEpsilon);
        return [.. scores.Select((score, i) => score with { Advantage = advantages[i] })];
    }

    /// <summary>One proposal's score by what is stored about it, without repetition and advantage.</summary>
    public static ProposalScore Score(
        int sample, Proposal proposal, TaskSpec spec, SampleExecution? execution, TaskAttempted? probe, TaskAttempted? judged, int iteration,
        RunOptions options)
    {
        var o = options.Generator.Reward;
        var task = proposal.ToTask(spec);
        if (task is not null && execution?.VoidCause is not null)
            return Void(sample, Reasons.VoidExecution);
        if (task is null || Placeholder.IsPlaceholder(proposal.Question, o.MinQuestionLength))
            return Compose(sample, proposal, spec, null, options.Generator.Probes, null, iteration, o);
        if (!Executed(task, execution))
            return Compose(sample, proposal, spec, null, options.Generator.Probes, null, iteration, o, Reasons.GoldNotExecutable);
        if (probe is null)
            return Void(sample, Reasons.NotProbed);
        if (Difficulty.PromptTooLong(probe.Samples))
            return Compose(sample, proposal, spec, null, options.Generator.Probes, null, iteration, o, Reasons.PromptTooLong);
        task = GoldReferences.Apply(task, execution);
        var result = Difficulty.Probe(task.Gold, probe.Samples);
        if (result.PassRate is null)
            return Void(sample, Reasons.VoidProbes);
        if (o.CoherenceWeight == 0)
            return Compose(sample, proposal, spec, result, options.Generator.Probes, null, iteration, o);
        if (judged is null)
            return Void(sample, Reasons.NotJudged);
        if (Difficulty.PromptTooLong(judged.Samples))
            return Compose(sample, proposal, spec, result, options.Generator.Probes, 0, iteration, o, Reasons.PromptTooLong);
        return Judge.Score(judged, options.Judge) is { } score
            ? Compose(sample, proposal, spec, result, options.Generator.Probes, Judge.Coherence(score), iteration, o)
            : Void(sample, Reasons.VoidJudge);
    }

    /// <summary>
    /// The components put together: r_fmt + r_valid + r_curr, all zero where the question is a placeholder or, with
    /// <see cref="GeneratorRewardOptions.StrictGate"/>, where a block is missing or empty.
    /// </summary>
    /// <param name="spec">Null where it is not known: then nothing can disobey it, and a gold answer makes at least one call.</param>
    /// <param name="probes">Null where the Solver was not asked: the difficulty is 0.</param>
    /// <param name="sampled">K, the number of probes.</param>
    /// <param name="coherence">r_sem in [0, 1], null where no judge was asked.</param>
    /// <param name="flaws">What else was found amiss.</param>
    public static ProposalScore Compose(
        int sample,
        Proposal proposal,
        TaskSpec? spec,
        ProbeResult? probes,
        int sampled,
        double? coherence,
        int iteration,
        GeneratorRewardOptions o,
        params IReadOnlyList<string> flaws)
    {
        if (Placeholder.IsPlaceholder(proposal.Question, o.MinQuestionLength))
            return new ProposalScore(sample, 0, 0, 0, null, 0, 0, 0, null, null, [Reasons.Placeholder], 0);

        var reasons = new List<string>();
        var format = Format(proposal, spec, o, reasons);
        var validity = Validity(proposal, spec, o, reasons);
        reasons.AddRange(flaws);
        double difficulty = 0;
        if (probes?.PassRate is { } passRate)
        {
            var counts = o.MajorityFromIteration == 0 || iteration < o.MajorityFromIteration || probes.GoldIsMode;
            difficulty = counts ? Difficulty.Reward(passRate, sampled, o) : 0;
            if (!counts)
                reasons.Add(Reasons.GoldNotMajority);
        }

        var curriculum = o.DifficultyWeight * difficulty + o.CoherenceWeight * (coherence ?? 0);
        if (o.StrictGate && !proposal.HasAllTags)
            (format, validity, curriculum) = (0, 0, 0);
        if (o.StrictGate && reasons.Any(reason => reason is Reasons.ToolsNotParsed or Reasons.GoldNotParsed))
            curriculum = 0;
        return new ProposalScore(
            sample, format, validity, difficulty, coherence, curriculum, 0, format + validity + curriculum, probes?.PassRate, probes?.Consistency,
                reasons, 0);
    }

    private static ProposalScore Repeated(this ProposalScore score, double share, GeneratorRewardOptions o) =>
        score.Void || score.Reasons is [Reasons.Placeholder] ? score
            : score with { Repetition = share, Total = score.Total - o.RepetitionWeight * share };

    private static double Format(Proposal proposal, TaskSpec? spec, GeneratorRewardOptions o, List<string> reasons)
    {
        var toolsParse = proposal.Menu is not null && proposal.Menu.All(tool => tool.Name.Length > 0);
        var goldParses = proposal.Gold is not null && (proposal.Gold.Count > 0 || spec?.Calls == 0);
        if (!proposal.HasAllTags)
            reasons.Add(Reasons.MissingTags);
        if (!toolsParse)
            reasons.Add(Reasons.ToolsNotParsed);
        if (!goldParses)
            reasons.Add(Reasons.GoldNotParsed);
        var format = (proposal.HasAllTags ? o.TagsWeight : 0) + (toolsParse ? o.ToolsWeight : 0) + (goldParses ? o.GoldWeight : 0);
        if (!o.SpecObedience || spec is null)
            return format;

        var menuObeys = proposal.Menu is not null && proposal.Menu.Count == spec.MenuSize
            && proposal.Menu.DistinctBy(tool => tool.Name).Count() == spec.MenuSize;
        var callsObey = proposal.Gold?.Count == spec.Calls;
        if (!menuObeys)
            reasons.Add(Reasons.MenuSizeDiffers);
        if (!callsObey)
            reasons.Add(Reasons.CallCountDiffers);
        var contextObeys = spec.Context != TaskContext.MultiTurn || Conversation.Is(proposal.Question);
        if (!contextObeys)
            reasons.Add(Reasons.NoConversation);
        var argumentsObey = proposal.Gold is null || SpecObedience.ObeysArguments(spec, proposal.Gold);
        var valueObeys = proposal.Gold is null || SpecObedience.ObeysValue(spec, proposal.Gold);
        if (!argumentsObey)
            reasons.Add(Reasons.ArgumentCountDiffers);
        if (!valueObeys)
            reasons.Add(Reasons.ValueKindMissing);
        var offerObeys = proposal.Gold is null || SpecObedience.ObeysOffer(spec, proposal.Gold);
        if (!offerObeys)
            reasons.Add(Reasons.ToolNotWanted);
        var chainObeys = proposal.Gold is null || SpecObedience.ObeysChain(spec, proposal.Gold);
        if (!chainObeys)
            reasons.Add(Reasons.NotChained);
        return menuObeys && callsObey && contextObeys && argumentsObey && valueObeys && offerObeys && chainObeys ? format : 0;
    }

    /// <summary>0.4·[every gold name in the menu] + 0.4·[every required argument given] + 0.2·[every value grounded]; halved where the spec is not
    /// obeyed.</summary>
    private static double Validity(Proposal proposal, TaskSpec? spec, GeneratorRewardOptions o, List<string> reasons)
    {
        if (proposal.Gold is not { } gold || gold.Count == 0 && spec?.Calls != 0)
            return 0;
        var tools = gold.Select(call => proposal.Menu?.FirstOrDefault(tool => tool.Name == call.Name)).ToArray();
        var named = proposal.Menu is not null && tools.All(tool => tool is not null);
        var required = named && tools.Zip(gold).All(p => p.First!.Required.All(p.Second.Arguments.ContainsKey));
        var grounded = Grounding.AllGrounded(proposal.Question ?? "", gold, spec?.Chained == true);
        if (!named)
            reasons.Add(Reasons.UnknownTool);
        else if (!required)
            reasons.Add(Reasons.MissingRequired);
        if (!grounded)
            reasons.Add(Reasons.NotGrounded);
        var validity = (named ? o.NameWeight : 0) + (required ? o.RequiredWeight : 0) + (grounded ? o.GroundedWeight : 0);
        return reasons.Any(reason => reason is Reasons.MenuSizeDiffers or Reasons.CallCountDiffers or Reasons.NoConversation
            or Reasons.ArgumentCountDiffers or Reasons.ValueKindMissing or Reasons.ToolNotWanted or Reasons.NotChained) ? validity / 2 : validity;
    }

    private static SampleExecution? Execution(ToolCallsExecuted executed, int sample) =>
        executed.Samples.FirstOrDefault(e => e.Sample == sample);

    private static ProposalScore Void(int sample, string cause) => new(sample, 0, 0, 0, null, 0, 0, 0, null, null, [cause], 0, Void: true);
}
