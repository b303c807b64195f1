using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>The method's own starting point for a run's options.</summary>
public static class Presets
{
    private static readonly string[] PaperDomains =
    [
        "finance", "travel", "math", "sports", "weather", "system", "database", "vehicle_control", "communication", "entertainment",
        "retail_ecommerce", "scheduling", "cloud_infrastructure", "geolocation", "web_search", "memory_management", "programming", "iot",
        "social_media", "logistics", "real_estate", "food_ordering", "healthcare", "education", "productivity", "insurance", "cybersecurity",
        "legal", "government", "news", "translation", "utilities",
    ];

    /// <summary>The paper's constants, released-code defaults where the two differ.</summary>
    public static RunOptions Paper { get; } = new()
    {
        Preset = "paper",
        Specs = new SpecOptions { Domains = Uniform(PaperDomains) },
        Generator = new GeneratorOptions { Reward = new GeneratorRewardOptions { StrictGate = true } },
        // For models of billions of parameters: an 80 GB GPU holds such a pass, and only without every layer's activations.
        Learning = new LearningOptions { MicroBatchTokens = 16_384, Recompute = true },
    };

    /// <summary>
    /// For an instruction-tuned base of some hundred million parameters that never writes the format, as SmolLM2-135M-Instruct: a warm start of two
    /// rounds, then one iteration. Neither its time nor what it brings has been measured.
    /// </summary>
    public static RunOptions SmolLm2 { get; } = new()
    {
        Preset = "smollm2",
        Iterations = 1,
        Prompts = new PromptOptions { Set = PromptSet.Signatures, ShuffleMenu = true, MaxPromptTokens = 3000 },
        Specs = new SpecOptions
        {
            Domains = Uniform(PaperDomains),
            MultiTurn = 0,
            Calls = new Dictionary<int, double> { [1] = 1 },
            MenuForOneCall = new Dictionary<int, double> { [2] = 0.8, [3] = 0.2 },
            Arguments = new Dictionary<int, double> { [1] = 0.4, [2] = 0.35, [3] = 0.15, [4] = 0.1 },
            Values = new Dictionary<string, double>
            {
                [ValueKinds.Text] = 0.5,
                [ValueKinds.Number] = 0.35,
                [ValueKinds.Boolean] = 0.05,
                [ValueKinds.Date] = 0.1,
            },
        },
        WarmStart = new WarmStartOptions
        {
            Rounds = 2,
            Generator = new WarmGeneratorOptions
            {
                Prompts = 96,
                Samples = 12,
                Sampling = new SamplingOptions { Temperature = 0.5, TopP = 0.95, MaxNewTokens = 128 },
                LaterSampling = new SamplingOptions { Temperature = 0.9, TopP = 0.95, MaxNewTokens = 128 },
                Keep = 240,
                Fit = new FitOptions { LearningRate = 5e-5, Epochs = 3 },
            },
            Solver = new WarmSolverOptions
            {
                Sampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 64 },
                Keep = 480,
                Fit = new FitOptions { LearningRate = 3e-5, Epochs = 2 },
            },
        },
        Variation = new VariationOptions { Variants = 4, Refusals = 0.4, Curriculum = 0.5 },
        Generator = new GeneratorOptions
        {
            Steps = 3,
            PromptsPerStep = 6,
            GroupSize = 8,
            Sampling = new SamplingOptions { Temperature = 0.9, MaxNewTokens = 128 },
            Probes = 4,
            ProbeSampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 64 },
            LearningRate = 1e-5,
            Reward = new GeneratorRewardOptions
            {
                DifficultyWeight = 1,
                CoherenceWeight = 0,
                RepetitionWeight = 0.2,
                SpecObedience = true,
            },
        },
        Curriculum = new CurriculumOptions
        {
            Candidates = 160,
            Selected = 96,
            Sampling = new SamplingOptions { Temperature = 0.9, TopP = 0.95, MaxNewTokens = 128 },
            VerifySamples = 4,
            VerifySampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 64 },
            Compare = VerifyCompare.Calls,
            MinAgreement = 0.2,
            MaxPassRate = 0.99,
            MinQuestionLength = 15,
            RejectTrivialPhrases = false,
            RejectTrivialLookups = false,
        },
        Solver = new SolverOptions
        {
            Steps = 8,
            PromptsPerStep = 8,
            GroupSize = 8,
            Sampling = new SamplingOptions { Temperature = 0.9, MaxNewTokens = 64 },
            LearningRate = 1e-5,
            RequireThink = false,
        },
        Evaluation = new EvaluationOptions { MaxNewTokens = 80 },
        Dispatch = new DispatchOptions { PromptsPerShard = 64, CompletionsPerShard = 64, IntraOpThreads = 2, CacheMegabytes = 4_000 },
    };

    /// <summary>The same weight for each domain.</summary>
    public static IReadOnlyDictionary<string, double> Uniform(IEnumerable<string> domains) => domains.ToDictionary(domain => domain, _ => 1.0);
}
