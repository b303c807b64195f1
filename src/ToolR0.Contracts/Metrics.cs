namespace ToolR0.Contracts;

/// <summary>One metric of <see cref="StepCompleted"/> or <see cref="PolicyUpdated"/>.</summary>
/// <param name="Name">As stored; of a family the part before the dot.</param>
/// <param name="Unit">1 for a share in [0, 1] or a reward, else what is counted or measured.</param>
/// <param name="Meaning">One line. Means are over samples that are not void unless it says otherwise.</param>
/// <param name="IsFamily">The name is followed by a dot and a member: <c>reason.{name}</c>.</param>
public sealed record MetricInfo(string Name, string Unit, string Meaning, bool IsFamily = false);

/// <summary>
/// Every metric by name, once: writers and readers take the name from here. Names are stored, so one that was used stays; a metric that means
/// something else gets a new name and an upcaster (ToolR0.EventStore, Upcasters/).
/// </summary>
public static class MetricNames
{
    /// <summary>What both roles' steps have.</summary>
    public const string
        RewardMean = "rewardMean", FormatMean = "formatMean", VoidShare = "voidShare", ZeroVarianceShare = "zeroVarianceShare", Groups = "groups",
        Samples = "samples", CompletionTokens = "completionTokens", Surprisal = "surprisal", RefusalShare = "refusalShare";

    /// <summary>Three things that were all called <c>tokens</c>: of a step, of an update, and (in messages only) of a shard.</summary>
    public const string TokensSampled = "tokensSampled", TokensLearned = "tokensLearned", OlderTokens = "tokens";

    /// <summary>The Generator's steps; <see cref="PassRate"/> and what describes tasks are a curriculum's too.</summary>
    public const string
        ValidityMean = "validityMean", DifficultyMean = "difficultyMean", CurriculumMean = "curriculumMean", RepetitionMean = "repetitionMean",
        CoherenceMean = "coherenceMean", PassRate = "passRate", NamePassRate = "namePassRate", Consistency = "consistency",
        ProbedShare = "probedShare",
        WellFormedShare = "wellFormedShare", MenuObedienceShare = "menuObedienceShare", CallsObedienceShare = "callsObedienceShare",
        CallsMean = "callsMean", KnownToolShare = "knownToolShare", DistinctTools = "distinctTools", DistinctQuestions = "distinctQuestions";

    /// <summary>The Solver's steps.</summary>
    public const string
        AccuracyMean = "accuracyMean", NameMean = "nameMean", KeysMean = "keysMean", ValuesMean = "valuesMean", ExactShare = "exactShare",
        TurnsMean = "turnsMean", SuccessMean = "successMean", OutcomeMean = "outcomeMean", AnswerShare = "answerShare",
        DistinctTasks = "distinctTasks";

    /// <summary>Curricula.</summary>
    public const string
        Candidates = "candidates", Selected = "selected", Rejected = "rejected", EasyShare = "easyShare", MediumShare = "mediumShare",
        HardShare = "hardShare", NameAgreement = "nameAgreement", CallAgreement = "callAgreement";

    /// <summary>Diversity of what the Generator wrote: of a Generator step's well-formed tasks; of the candidates that a curriculum's filters keep,
    /// duplicates included, and of each domain's.</summary>
    public const string
        WrittenTasks = "writtenTasks", WrittenQuestions = "writtenQuestions", WrittenTools = "writtenTools",
        QuestionsOf100 = "questionsOf100", ToolsOf100 = "toolsOf100", Similarity = "similarity", NearDuplicateShare = "nearDuplicateShare";

    /// <summary>Evaluations.</summary>
    public const string Accuracy = "accuracy", Items = "items";

    /// <summary>The learner's own.</summary>
    public const string
        Loss = "loss", GradientNorm = "gradientNorm", LearningRate = "learningRate", RatioMean = "ratioMean", ClippedShare = "clippedShare",
        Entropy = "entropy", Skipped = "skipped", NonFinite = "nonFinite", KlMean = "klMean", MaskedShare = "maskedShare",
        MismatchMean = "mismatchMean", MismatchMax = "mismatchMax", PassBits = "passBits";

    /// <summary>Measured by clocks: two plays of one run differ in these and in nothing else.</summary>
    public const string WallSeconds = "wallSeconds", ModelSeconds = "modelSeconds";

    private const string Share = "1", Count = "number", Tokens = "tokens", Seconds = "s", Nats = "nats per token";

    private static readonly Dictionary<string, MetricInfo> Known = Build().ToDictionary(metric => metric.Name + (metric.IsFamily ? "." : ""));

    public static IReadOnlyCollection<MetricInfo> All => Known.Values;

    /// <summary>Metrics that no fold of stored facts gives.</summary>
    public static IReadOnlyList<string> Measured { get; } = [WallSeconds, ModelSeconds];

    /// <summary>Those of diversity, in order.</summary>
    public static IReadOnlyList<string> OfDiversity { get; } =
        [WrittenTasks, WrittenQuestions, WrittenTools, QuestionsOf100, ToolsOf100, Similarity, NearDuplicateShare];

    /// <summary>A metric of diversity, of one domain.</summary>
    public static string OfDomain(string metric, string domain) => $"{metric}.{domain}";

    /// <summary>Samples with a reason of the method's.</summary>
    public static string Reason(string reason) => $"reason.{reason}";

    /// <summary>Candidates rejected for a reason.</summary>
    public static string RejectedFor(string reason) => $"rejected.{reason}";

    /// <summary>Examples of the warm start with a feature.</summary>
    public static string Shape(string feature) => $"shape.{feature}";

    /// <summary>Tasks whose p̂ lies in a tenth, 0 to 9; 10 is p̂ = 1.</summary>
    public static string PassRateBin(int bin) => FormattableString.Invariant($"passRate.{bin}");

    /// <summary>What a name means, or null for a name that no part of this version writes.</summary>
    public static MetricInfo? Find(string name) =>
        Known.GetValueOrDefault(name) ?? (name.IndexOf('.') is > 0 and var dot ? Known.GetValueOrDefault(name[..(dot + 1)]) : null);

    private static IEnumerable<MetricInfo> Build() =>
    [
        new(RewardMean, Share, "Mean reward, as advantages are computed from."),
        new(FormatMean, Share, "Mean format reward."),
        new(VoidShare, Share, "Samples without a result because infrastructure failed, of all samples."),
        new(ZeroVarianceShare, Share, "Groups without advantages, all rewards being equal: nothing is learned from them."),
        new(Groups, Count, "Groups of the step."),
        new(Samples, Count, "Samples of the step's groups, void ones included."),
        new(CompletionTokens, Tokens, "Mean length of the step's own completions."),
        new(Surprisal, Nats, "Mean over completions of the mean −log-probability of their tokens."),
        new(RefusalShare, Share, "Tasks in which no tool fits; of a Solver step, answers that call nothing."),
        new(TokensSampled, Tokens, "Everything sampled in the step by either policy, probes and labels included."),
        new(TokensLearned, Tokens, "Completion tokens of groups with advantages: what the update was computed from."),
        new(ValidityMean, Share, "Mean validity reward."),
        new(DifficultyMean, Share, "Mean difficulty reward: 1 where the Solver succeeds sometimes."),
        new(CurriculumMean, Share, "Mean curriculum reward."),
        new(RepetitionMean, Share, "Mean share of its batch or group that asks the same."),
        new(CoherenceMean, Share, "Mean coherence as the judge sees it, of judged proposals."),
        new(PassRate, Share, "p̂: the Solver's answers that equal the gold calls; mean over probed proposals or over selected tasks."),
        new(NamePassRate, Share, "The same by the names of tools alone."),
        new(Consistency, Share, "Mean frequency of the Solver's most frequent answer, of probed proposals."),
        new(ProbedShare, Share, "Proposals whose own answer runs, so that the Solver could be asked."),
        new(WellFormedShare, Share, "Proposals that can be read as a task."),
        new(MenuObedienceShare, Share, "Proposals that offer as many tools as were asked for."),
        new(CallsObedienceShare, Share, "Proposals that make as many calls as were asked for."),
        new(CallsMean, Count, "Mean number of gold calls per task."),
        new(KnownToolShare, Share, "Offered tools that the base model knows, where the options name them."),
        new(DistinctTools, Count, "Distinct names of offered tools."),
        new(DistinctQuestions, Count, "Distinct questions."),
        new(AccuracyMean, Share, "Mean accuracy reward."),
        new(NameMean, Share, "Mean share of right tool names."),
        new(KeysMean, Share, "Mean share of right argument names."),
        new(ValuesMean, Share, "Mean share of right argument values."),
        new(ExactShare, Share, "Answers that equal the gold calls."),
        new(TurnsMean, Count, "Mean number of turns that make calls, where trajectories may take several."),
        new(SuccessMean, Share, "Mean share of a trajectory's calls that succeed, where it may take several turns."),
        new(OutcomeMean, Share, "Mean share of the gold calls' results that a trajectory obtains, where they are known."),
        new(AnswerShare, Share, "Trajectories whose last answer contains the last gold result, where it is known."),
        new(DistinctTasks, Count, "Distinct tasks attempted."),
        new(Candidates, Count, "Candidates of the curriculum."),
        new(Selected, Count, "Candidates selected."),
        new(Rejected, Count, "Candidates rejected."),
        new(EasyShare, Share, "Selected tasks labelled easy."),
        new(MediumShare, Share, "Selected tasks labelled medium."),
        new(HardShare, Share, "Selected tasks labelled hard."),
        new(NameAgreement, Share, "Agreement of the Solver with the gold calls by tool names, all verified candidates."),
        new(CallAgreement, Share, "The same by whole calls."),
        .. new MetricInfo[]
        {
            new(WrittenTasks, Count, "Tasks that diversity is measured of."),
            new(WrittenQuestions, Count, "Their distinct questions, spelling and digits folded."),
            new(WrittenTools, Count, "Distinct names of the tools that they offer."),
            new(QuestionsOf100, Count, "Distinct questions to be expected of 100 of them drawn at random, where there are as many."),
            new(ToolsOf100, Count, "The same of names of tools."),
            new(Similarity, Share, "Mean Jaccard similarity of two of their questions by character 3-grams, estimated by MinHash."),
            new(NearDuplicateShare, Share, "Tasks whose question has another that is at least 0.7 alike."),
        }.SelectMany(info => new[] { info, info with { Meaning = $"Of one domain: {info.Meaning}", IsFamily = true } }),
        new(Accuracy, Share, "Exact match on a held-out set."),
        new(Items, Count, "Held-out items that count."),
        new(Loss, Share, "The update's loss."),
        new(GradientNorm, "norm", "Norm of the gradient before clipping."),
        new(LearningRate, "1/update", "Learning rate of the update."),
        new(RatioMean, Share, "Mean ratio of new to sampling probability over tokens."),
        new(ClippedShare, Share, "Tokens whose ratio was clipped."),
        new(Entropy, Nats, "Entropy of the distribution sampled from."),
        new(KlMean, Nats, "Mean estimate of the divergence from the base, where the loss has that term."),
        new(MismatchMean, Nats, "Mean difference, without sign, of a token's log-probability as the learner computes it before the step from the sampler's."),
        new(MismatchMax, Nats, "The largest of these differences."),
        new(PassBits, "bit", "Of the numbers that the learner's passes compute with: 32, or 16 in bfloat16."),
        new(MaskedShare, Share, "Completions left out of the loss because they were cut off, where that is done."),
        new(Skipped, "0 or 1", "1: the weights were left as they were."),
        new(NonFinite, "0 or 1", "1: the gradient was not finite."),
        new(WallSeconds, Seconds, "From the step's start to its end by the coordinator's clock, pauses left out. No fold of facts."),
        new(ModelSeconds, Seconds,
            "Time in which at least one policy computed for the step, as workers tell it in FactsStored messages. Stored here and nowhere else: an audit cannot recompute it."),
        new("reason", "samples", "Samples with this reason.", IsFamily: true),
        new("rejected", "candidates", "Candidates rejected for this reason.", IsFamily: true),
        new("shape", "examples", "What a warm start keeps, by feature: tools, calls, arguments, kinds of value; of variants what was done.", IsFamily: true),
        new("passRate", "tasks", "Tasks by tenth of p̂; 10 is p̂ = 1.", IsFamily: true),
    ];
}
