using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Options;

namespace ToolR0.TinyWorld;

/// <summary>Every preset that the product ships: the method's own, and those of the tiny world.</summary>
public static class ShippedPresets
{
    /// <summary>For the shipped tiny model: minutes on two cores.</summary>
    public static RunOptions Nano { get; } = new()
    {
        Preset = "nano",
        Iterations = 3,
        Prompts = new PromptOptions { Set = PromptSet.Compact, ShuffleMenu = true, MaxPromptTokens = 256 },
        Specs = new SpecOptions
        {
            Domains = Presets.Uniform(WorldCatalog.Domains),
            MultiTurn = 0,
            KnownTools = [.. WorldCatalog.Tools.Select(tool => tool.Name)],
            Calls = new Dictionary<int, double> { [0] = 0.1, [1] = 0.45, [2] = 0.45 },
            MenuForSeveralCalls = new Dictionary<int, double> { [2] = 0.3, [3] = 0.4, [4] = 0.3 },
            MenuForOneCall = new Dictionary<int, double> { [2] = 0.3, [3] = 0.4, [4] = 0.3 },
        },
        Generator = new GeneratorOptions
        {
            Steps = 12,
            PromptsPerStep = 8,
            GroupSize = 8,
            Sampling = new SamplingOptions { Temperature = 1, MaxNewTokens = 192 },
            Probes = 8,
            ProbeSampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 64 },
            LearningRate = 3e-4,
            Reward = new GeneratorRewardOptions
            {
                DifficultyWeight = 1,
                CoherenceWeight = 0,
                RepetitionWeight = 0.2,
                RepetitionScope = RepetitionScope.Group,
                SpecObedience = true,
                MajorityFromIteration = 2,
            },
        },
        Curriculum = new CurriculumOptions
        {
            Candidates = 1600,
            Selected = 640,
            Sampling = new SamplingOptions { Temperature = 0.8, MaxNewTokens = 192 },
            VerifySamples = 8,
            VerifySampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 64 },
            Compare = VerifyCompare.Calls,
            MinAgreement = 0.1,
            MaxPassRate = 0.99,
            MajorityFromIteration = 2,
            MinDescriptionLength = 0,
            MergeRepeatedTools = true,
            MinDistinctTools = 2,
            MinQuestionLength = 8,
            RejectTrivialPhrases = false,
            RejectTrivialLookups = false,
            FoldDigits = false,
        },
        Solver = new SolverOptions
        {
            Steps = 30,
            PromptsPerStep = 24,
            GroupSize = 8,
            Sampling = new SamplingOptions { Temperature = 1, MaxNewTokens = 64 },
            LearningRate = 5e-4,
            IterationDecay = 0.5,
            RequireThink = false,
        },
        Learning = new LearningOptions { GradientParts = 2 },
        Evaluation = new EvaluationOptions { Sets = ["seen", "unseen", "refusal"], MaxNewTokens = 64 },
        Dispatch = new DispatchOptions { PromptsPerShard = 64, CompletionsPerShard = 32, IntraOpThreads = 1 },
    };

    /// <summary>
    /// For studies of the tiny model, of which one takes dozens of runs: a run of at most 90 s on one core. On base-study, which seldom writes two
    /// calls when it is asked for them, its Generator has something to learn that its Solver can use.
    /// </summary>
    public static RunOptions NanoStudy { get; } = Nano with
    {
        Preset = "nano-study",
        Generator = Nano.Generator with { Steps = 6, PromptsPerStep = 6 },
        Curriculum = Nano.Curriculum with { Candidates = 200, Selected = 160 },
        Solver = Nano.Solver with { Steps = 8, PromptsPerStep = 12 },
        Learning = Nano.Learning with { GradientParts = 1 },
        Evaluation = Nano.Evaluation with { Sets = [HeldOut.Seen, HeldOut.Unseen, HeldOut.TwoCalls, HeldOut.Refusal], Limit = 150, Every = 3 },
    };

    /// <summary>
    /// For base-nano-agent: a Solver that acts over several turns, on tasks of which most need the result of one call for the next. Minutes on two
    /// cores. A result that was obtained weighs more than a call that looks right: else a guess made in the first turn earns nearly as much.
    /// </summary>
    public static RunOptions NanoAgent { get; } = Nano with
    {
        Preset = "nano-agent",
        Iterations = 2,
        Specs = Nano.Specs with
        {
            Calls = new Dictionary<int, double> { [0] = 0.1, [1] = 0.2, [2] = 0.7 },
            Chained = 1,
        },
        Generator = Nano.Generator with { Steps = 6 },
        Curriculum = Nano.Curriculum with { Candidates = 1000, Selected = 400 },
        Solver = Nano.Solver with
        {
            Steps = 24,
            MaxTurns = 3,
            ResultTokens = 64,
            OutcomeWeight = 2,
            AnswerWeight = 0.5,
        },
        Evaluation = Nano.Evaluation with { Sets = [HeldOut.Seen, HeldOut.Unseen, HeldOut.Chained, HeldOut.Refusal] },
    };

    /// <summary>
    /// For studies of acting: <see cref="NanoAgent"/> in a minute and a half on two cores.
    /// </summary>
    public static RunOptions NanoAgentStudy { get; } = NanoAgent with
    {
        Preset = "nano-agent-study",
        Iterations = 1,
        Generator = NanoAgent.Generator with { Steps = 4, PromptsPerStep = 6 },
        Curriculum = NanoAgent.Curriculum with { Candidates = 600, Selected = 240 },
        Solver = NanoAgent.Solver with { Steps = 16, PromptsPerStep = 16 },
        Learning = NanoAgent.Learning with { GradientParts = 1 },
        Evaluation = NanoAgent.Evaluation with { Sets = [HeldOut.Seen, HeldOut.Chained], Limit = 200 },
    };

    /// <summary>All of them by name, in any letter case.</summary>
    public static IReadOnlyDictionary<string, RunOptions> All { get; } =
        new[] { Nano, NanoStudy, NanoAgent, NanoAgentStudy, Presets.Paper, Presets.SmolLm2 }
            .ToDictionary(preset => preset.Preset, StringComparer.OrdinalIgnoreCase);
}
