using ToolR0.Contracts;

namespace ToolR0.SelfPlay;

/// <summary>Names of what was amiss, stored with a score.</summary>
public static class Reasons
{
    public const string Placeholder = "placeholder_question";
    public const string MissingTags = "missing_tags";
    public const string ToolsNotParsed = "tools_not_parsed";
    public const string GoldNotParsed = "gold_not_parsed";
    public const string MenuSizeDiffers = "menu_size_differs";
    public const string CallCountDiffers = "call_count_differs";
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
            var proposal = ProposalParser.ParseForReward(sample.Text);
            var task = Placeholder.IsPlaceholder(proposal.Question, options.Generator.Reward.MinQuestionLength) ? null : proposal.ToTask(group.Spec);
            return task is not null && Executed(task, Execution(gold, i)) ? task : null;
        })];

    /// <summary>Scores of a whole group, advantages included.</summary>
    /// <param name="probes">Per sample its probes, null where it was not probed.</param>
    public static IReadOnlyList<ProposalScore> ScoreGroup(
        TasksProposed group, ToolCallsExecuted gold, IReadOnlyList<TaskAttempted?> probes, int iteration, RunOptions options)
    {
        var reward = options.Generator.Reward;
        var proposals = group.Samples.Select(s => s.Finish == FinishReason.Void ? null : ProposalParser.ParseForReward(s.Text)).ToArray();
        var repetition = reward.RepetitionWeight > 0
            ? Repetition.Shares([.. proposals.Select(p => p?.Question)], reward.RepetitionDistance)
            : new double[proposals.Length];
        var scores = proposals
            .Select((proposal, i) => proposal is null
                ? Void(i, Reasons.VoidSample)
                : Score(i, proposal, group.Spec, Execution(gold, i), i < probes.Count ? probes[i] : null, repetition[i], iteration, options))
            .ToArray();
        var advantages = Advantages.Compute(
            [.. scores.Select(s => s.Total)], [.. scores.Select(s => s.Void)], options.Learning.AdvantageEpsilon);
        return [.. scores.Select((score, i) => score with { Advantage = advantages[i] })];
    }

    /// <summary>One proposal's score, without an advantage.</summary>
    /// <param name="repetition">Its share of the batch (<see cref="Repetition.Shares"/>).</param>
    public static ProposalScore Score(
        int sample, Proposal proposal, TaskSpec spec, SampleExecution? execution, TaskAttempted? probe, double repetition, int iteration, RunOptions options)
    {
        var o = options.Generator.Reward;
        var task = proposal.ToTask(spec);
        if (task is not null && execution?.VoidCause is not null)
            return Void(sample, Reasons.VoidExecution);
        if (Placeholder.IsPlaceholder(proposal.Question, o.MinQuestionLength))
            return new ProposalScore(sample, 0, 0, 0, null, 0, 0, 0, null, null, [Reasons.Placeholder], 0);

        var reasons = new List<string>();
        var format = Format(proposal, spec, o, reasons);
        var validity = Validity(proposal, spec, o, reasons);
        double difficulty = 0;
        ProbeResult? result = null;
        if (task is not null)
        {
            if (!Executed(task, execution))
            {
                reasons.Add(Reasons.GoldNotExecutable);
            }
            else if (probe is null)
            {
                return Void(sample, Reasons.NotProbed);
            }
            else if (Difficulty.PromptTooLong(probe.Samples))
            {
                reasons.Add(Reasons.PromptTooLong);
            }
            else
            {
                result = Difficulty.Probe(task.Gold, probe.Samples);
                if (result.PassRate is not { } passRate)
                    return Void(sample, Reasons.VoidProbes);
                var counts = o.MajorityFromIteration == 0 || iteration < o.MajorityFromIteration || result.GoldIsMode;
                difficulty = counts ? Difficulty.Reward(passRate, options.Generator.Probes, o) : 0;
                if (!counts)
                    reasons.Add(Reasons.GoldNotMajority);
            }
        }

        // The judge's coherence joins here; without a judge it is unknown and adds nothing.
        double? coherence = null;
        var curriculum = o.DifficultyWeight * difficulty + o.CoherenceWeight * (coherence ?? 0);
        var total = format + validity + curriculum - o.RepetitionWeight * repetition;
        return new ProposalScore(
            sample, format, validity, difficulty, coherence, curriculum, repetition, total, result?.PassRate, result?.Consistency, reasons, 0);
    }

    private static double Format(Proposal proposal, TaskSpec spec, GeneratorRewardOptions o, List<string> reasons)
    {
        var toolsParse = proposal.Menu is not null && proposal.Menu.All(tool => tool.Name.Length > 0);
        var goldParses = proposal.Gold is not null && (proposal.Gold.Count > 0 || spec.Calls == 0);
        if (!proposal.HasAllTags)
            reasons.Add(Reasons.MissingTags);
        if (!toolsParse)
            reasons.Add(Reasons.ToolsNotParsed);
        if (!goldParses)
            reasons.Add(Reasons.GoldNotParsed);
        var format = (proposal.HasAllTags ? o.TagsWeight : 0) + (toolsParse ? o.ToolsWeight : 0) + (goldParses ? o.GoldWeight : 0);
        if (!o.SpecObedience)
            return format;

        var menuObeys = proposal.Menu is not null && proposal.Menu.Count == spec.MenuSize
            && proposal.Menu.DistinctBy(tool => tool.Name).Count() == spec.MenuSize;
        var callsObey = proposal.Gold?.Count == spec.Calls;
        if (!menuObeys)
            reasons.Add(Reasons.MenuSizeDiffers);
        if (!callsObey)
            reasons.Add(Reasons.CallCountDiffers);
        return menuObeys && callsObey ? format : 0;
    }

    /// <summary>0.4·[every gold name in the menu] + 0.4·[every required argument given] + 0.2·[every value grounded]; halved where the spec is not obeyed.</summary>
    private static double Validity(Proposal proposal, TaskSpec spec, GeneratorRewardOptions o, List<string> reasons)
    {
        if (proposal.Gold is not { } gold || gold.Count == 0 && spec.Calls != 0)
            return 0;
        var tools = gold.Select(call => proposal.Menu?.FirstOrDefault(tool => tool.Name == call.Name)).ToArray();
        var named = proposal.Menu is not null && tools.All(tool => tool is not null);
        var required = named && tools.Zip(gold).All(p => p.First!.Required.All(p.Second.Arguments.ContainsKey));
        var grounded = Grounding.AllGrounded(proposal.Question ?? "", gold);
        if (!named)
            reasons.Add(Reasons.UnknownTool);
        else if (!required)
            reasons.Add(Reasons.MissingRequired);
        if (!grounded)
            reasons.Add(Reasons.NotGrounded);
        var validity = (named ? o.NameWeight : 0) + (required ? o.RequiredWeight : 0) + (grounded ? o.GroundedWeight : 0);
        var disobeys = reasons.Contains(Reasons.MenuSizeDiffers) || reasons.Contains(Reasons.CallCountDiffers);
        return disobeys ? validity / 2 : validity;
    }

    private static SampleExecution? Execution(ToolCallsExecuted executed, int sample) =>
        executed.Samples.FirstOrDefault(e => e.Sample == sample);

    private static ProposalScore Void(int sample, string cause) => new(sample, 0, 0, 0, null, 0, 0, 0, null, null, [cause], 0, Void: true);
}
