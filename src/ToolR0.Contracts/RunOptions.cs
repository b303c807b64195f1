namespace ToolR0.Contracts;

// Every constant of the method is a named option. Defaults are the paper's (preset `paper`); ToolR0.SelfPlay.Presets holds the presets.

/// <summary>Everything that determines a run. Stored with <see cref="RunStarted"/>: same options, same backend, same result.</summary>
public sealed record RunOptions
{
    public string Preset { get; init; } = "paper";
    public long Seed { get; init; } = 1;

    /// <summary>T: self-play iterations, 1 to 100.</summary>
    public int Iterations { get; init; } = 3;

    /// <summary>True: one policy plays both roles (an ablation): what a phase has trained takes both roles when the phase ends. False: two policies that share nothing.</summary>
    public bool SharedWeights { get; init; }
    public PromptOptions Prompts { get; init; } = new();
    public SpecOptions Specs { get; init; } = new();
    public GeneratorOptions Generator { get; init; } = new();
    public CurriculumOptions Curriculum { get; init; } = new();
    public SolverOptions Solver { get; init; } = new();
    public JudgeOptions Judge { get; init; } = new();
    public LearningOptions Learning { get; init; } = new();
    public InferenceOptions Inference { get; init; } = new();
    public EvaluationOptions Evaluation { get; init; } = new();
    public ToolOptions Tools { get; init; } = new();
    public DispatchOptions Dispatch { get; init; } = new();
}

public enum PromptSet
{
    /// <summary>Instructions in full, for instruction-tuned models.</summary>
    Paper,

    /// <summary>A few tokens, for the tiny model, which was pretrained on it.</summary>
    Compact,
}

public sealed record PromptOptions
{
    public PromptSet Set { get; init; } = PromptSet.Paper;

    /// <summary>The Solver sees each menu in an order drawn from the task's text, so that where a Generator puts the right tool tells nothing.</summary>
    public bool ShuffleMenu { get; init; }

    /// <summary>The Solver is told that it may call nothing where no tool fits. The compact set, which gives no instructions, does not change.</summary>
    public bool OfferRefusal { get; init; }

    /// <summary>A longer prompt is refused with an error, never cut.</summary>
    public int MaxPromptTokens { get; init; } = 4096;
}

/// <summary>Temperature above 0 samples; 0 is greedy. TopP in (0, 1].</summary>
public sealed record SamplingOptions
{
    public double Temperature { get; init; } = 1.0;
    public double TopP { get; init; } = 1.0;
    public int MaxNewTokens { get; init; } = 2048;
}

/// <summary>The distribution of specs. Weights are relative and need not sum to 1.</summary>
public sealed record SpecOptions
{
    public IReadOnlyDictionary<string, double> Domains { get; init; } = new Dictionary<string, double>();

    /// <summary>Share of multi_turn specs (they force n = 1).</summary>
    public double MultiTurn { get; init; } = 0.1;

    /// <summary>Weight of each number of gold calls in single_turn specs; 0 asks for refusals: a menu in which no tool fits, and the empty list as the gold answer.</summary>
    public IReadOnlyDictionary<int, double> Calls { get; init; } = new Dictionary<int, double> { [1] = 0.8, [2] = 0.2 };

    /// <summary>Menu sizes when n > 1.</summary>
    public IReadOnlyDictionary<int, double> MenuForSeveralCalls { get; init; } = new Dictionary<int, double> { [3] = 0.3, [4] = 0.4, [5] = 0.3 };

    /// <summary>Menu sizes when n ≤ 1: 0.4 uniform over 2..4, 0.6 uniform over 5..8.</summary>
    public IReadOnlyDictionary<int, double> MenuForOneCall { get; init; } = new Dictionary<int, double>
    {
        [2] = 0.4 / 3,
        [3] = 0.4 / 3,
        [4] = 0.4 / 3,
        [5] = 0.15,
        [6] = 0.15,
        [7] = 0.15,
        [8] = 0.15,
    };
}

public sealed record GeneratorOptions
{
    /// <summary>False: the Generator stays the base model (the frozen-Generator control); its training phase is skipped.</summary>
    public bool Train { get; init; } = true;
    public int Steps { get; init; } = 50;
    public int PromptsPerStep { get; init; } = 6;

    /// <summary>G.</summary>
    public int GroupSize { get; init; } = 4;
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>K probes of the frozen Solver per proposal.</summary>
    public int Probes { get; init; } = 8;
    public SamplingOptions ProbeSampling { get; init; } = new() { Temperature = 0.7 };
    public double LearningRate { get; init; } = 1e-6;

    /// <summary>Learning rate of iteration i is LearningRate · IterationDecay^(i-1).</summary>
    public double IterationDecay { get; init; } = 1.0;
    public GeneratorRewardOptions Reward { get; init; } = new();
}

/// <summary>Among which proposals a question counts as repeated.</summary>
public enum RepetitionScope
{
    /// <summary>All proposals of the step.</summary>
    Batch,

    /// <summary>The proposals of one spec.</summary>
    Group,
}

public sealed record GeneratorRewardOptions
{
    /// <summary>A question with fewer characters is a placeholder: the whole reward is 0.</summary>
    public int MinQuestionLength { get; init; } = 8;
    public double TagsWeight { get; init; } = 1.0 / 3;
    public double ToolsWeight { get; init; } = 1.0 / 3;
    public double GoldWeight { get; init; } = 1.0 / 3;
    public double NameWeight { get; init; } = 0.4;
    public double RequiredWeight { get; init; } = 0.4;
    public double GroundedWeight { get; init; } = 0.2;
    public double DifficultyWeight { get; init; } = 0.5;

    /// <summary>Weight of the judge's coherence; above 0 the Solver is asked as a judge.</summary>
    public double CoherenceWeight { get; init; } = 0.5;

    /// <summary>The difficulty band [Low, High] of p̂ that earns 1, and σ of the Gaussian flanks.</summary>
    public double BandLow { get; init; } = 0.25;
    public double BandHigh { get; init; } = 0.75;
    public double BandSigma { get; init; } = 0.12;

    /// <summary>True: no flanks (an ablation); p̂ outside the band earns 0.</summary>
    public bool HardBand { get; init; }

    /// <summary>Repetition penalty per member: weight · cluster size / batch size; 0 switches it off.</summary>
    public double RepetitionWeight { get; init; }
    public RepetitionScope RepetitionScope { get; init; } = RepetitionScope.Batch;

    /// <summary>Questions closer than this (Jaccard distance of character 3-grams) are linked.</summary>
    public double RepetitionDistance { get; init; } = 0.30;

    /// <summary>
    /// Format credit only when menu size, number of calls and, for multi_turn specs, the conversation in the question are what the spec asked for;
    /// validity halved otherwise. A multi_turn candidate whose question is no conversation is then rejected as well.
    /// </summary>
    public bool SpecObedience { get; init; }

    /// <summary>From this iteration on the difficulty reward also needs the gold to be the Solver's most frequent answer; 0 never.</summary>
    public int MajorityFromIteration { get; init; }
}

public enum JudgeFailure
{
    /// <summary>What could not be judged is left out: a proposal is void, a candidate rejected.</summary>
    Void,

    /// <summary>It counts as a score of 3 or as medium (released code).</summary>
    Middle,
}

/// <summary>The frozen Solver asked as a judge: of a proposal's coherence (score 1 to 5) and of a candidate's difficulty (easy, medium, hard).</summary>
public sealed record JudgeOptions
{
    /// <summary>Asked at most so often, until an answer can be read.</summary>
    public int Tries { get; init; } = 3;
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.1, MaxNewTokens = 512 };
    public JudgeFailure OnFailure { get; init; } = JudgeFailure.Void;
}

public enum VerifyCompare
{
    /// <summary>Ordered tool names (released code).</summary>
    Names,

    /// <summary>Whole calls as a multiset (paper).</summary>
    Calls,
}

public enum CurriculumOrder
{
    EasyToHard,
    Shuffled,
}

public enum LabelBy
{
    PassRate,
    Judge,
}

public sealed record CurriculumOptions
{
    public int Candidates { get; init; } = 10_000;
    public int Selected { get; init; } = 2_000;
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.7 };
    public int VerifySamples { get; init; } = 10;
    public SamplingOptions VerifySampling { get; init; } = new() { Temperature = 0.001 };
    public VerifyCompare Compare { get; init; } = VerifyCompare.Names;

    /// <summary>τ: keep a candidate whose agreement is at least this.</summary>
    public double MinAgreement { get; init; } = 0.20;

    /// <summary>From this iteration on the gold must also be the Solver's most frequent answer; 0 never.</summary>
    public int MajorityFromIteration { get; init; }
    public LabelBy LabelBy { get; init; } = LabelBy.PassRate;

    /// <summary>Pass rate at least this: easy.</summary>
    public double EasyFrom { get; init; } = 0.75;

    /// <summary>Pass rate below this: hard.</summary>
    public double HardBelow { get; init; } = 0.25;
    public double EasyShare { get; init; } = 0.20;
    public double MediumShare { get; init; } = 0.50;
    public double HardShare { get; init; } = 0.30;
    public CurriculumOrder Order { get; init; } = CurriculumOrder.EasyToHard;
    public int MinDescriptionLength { get; init; } = 5;

    /// <summary>A tool that a menu repeats, name and parameters alike, is offered once. False: such a menu is refused.</summary>
    public bool MergeRepeatedTools { get; init; }

    /// <summary>A menu with fewer distinct tools than this is refused.</summary>
    public int MinDistinctTools { get; init; } = 1;
    public int MinQuestionLength { get; init; } = 25;

    /// <summary>Reject questions with "capital of", "define ", "explain ", "summarize ", "write a poem", "tell me a joke".</summary>
    public bool RejectTrivialPhrases { get; init; } = true;

    /// <summary>Reject what/who/when/where-is questions with one call of at most one argument.</summary>
    public bool RejectTrivialLookups { get; init; } = true;

    /// <summary>Duplicates are told apart by words only: each run of digits counts as 0.</summary>
    public bool FoldDigits { get; init; } = true;

    /// <summary>Candidates that the Solver answers more often than this teach nothing and are left out; 1 keeps all.</summary>
    public double MaxPassRate { get; init; } = 1.0;
}

public enum SolverControl
{
    /// <summary>The method's reward.</summary>
    None,

    /// <summary>A control: rewards drawn at random from the seed, so that nothing should be learned.</summary>
    RandomReward,
}

public sealed record SolverOptions
{
    public int Steps { get; init; } = 50;
    public int PromptsPerStep { get; init; } = 8;

    /// <summary>G.</summary>
    public int GroupSize { get; init; } = 4;
    public SamplingOptions Sampling { get; init; } = new();
    public double LearningRate { get; init; } = 1e-6;
    public double IterationDecay { get; init; } = 1.0;
    public bool RequireThink { get; init; } = true;
    public SolverControl Control { get; init; } = SolverControl.None;
    public double TagWeight { get; init; } = 0.3;
    public double ParseWeight { get; init; } = 0.3;
    public double NormaliseWeight { get; init; } = 0.4;
    public double NameWeight { get; init; } = 0.2;
    public double KeysWeight { get; init; } = 0.3;
    public double ValuesWeight { get; init; } = 0.5;
    public double ExtraCallPenalty { get; init; } = 0.25;
}

/// <summary>GRPO and AdamW.</summary>
public sealed record LearningOptions
{
    public double ClipEpsilon { get; init; } = 0.2;
    public double AdvantageEpsilon { get; init; } = 1e-4;
    public double MaxGradientNorm { get; init; } = 1.0;
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.999;
    public double Epsilon { get; init; } = 1e-8;
    public double WeightDecay { get; init; }

    /// <summary>Linear decay of the learning rate to 0 over the phase.</summary>
    public bool LinearDecay { get; init; } = true;

    /// <summary>
    /// Positions of the network that one pass over a step's groups computes; a group with more is a pass of its own. More fills a GPU better and takes
    /// more memory. Part of the result's identity.
    /// </summary>
    public int MicroBatchTokens { get; init; } = 2048;

    /// <summary>
    /// Keep only each layer's input for the backward pass and compute the rest again: a fraction of the memory for a third more work. Gradients are equal
    /// to rounding.
    /// </summary>
    public bool Recompute { get; init; }

    /// <summary>The step's groups are split into this many parts whose gradients are computed side by side and added in order. Part of the result's identity.</summary>
    public int GradientParts { get; init; } = 1;
    public LoraOptions Lora { get; init; } = new();
}

/// <summary>
/// Low-rank adapters (arXiv 2106.09685): a projection's weight is W + Alpha / Rank · B·A, and only A [Rank, in] and B [out, Rank] are trained. Each role has
/// one adapter over the run's base, which it keeps from iteration to iteration.
/// </summary>
public sealed record LoraOptions
{
    /// <summary>Stands for all of <see cref="Modules"/>.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>0: all weights are trained.</summary>
    public int Rank { get; init; }
    public double Alpha { get; init; } = 32;

    /// <summary>Projections that get an adapter, in every layer: names of <see cref="Modules"/>, or <see cref="AllLinear"/>.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [AllLinear];

    /// <summary>Projections of a layer, as PEFT names them.</summary>
    public static IReadOnlyList<string> Modules { get; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
}

public enum InferenceEngine
{
    /// <summary>The workers sample themselves.</summary>
    Local,

    /// <summary>Servers with the completions endpoint of OpenAI's interface, such as vLLM's.</summary>
    OpenAi,
}

/// <summary>Where completions are sampled: proposals, probes, verification, training attempts, evaluation, judgements.</summary>
public sealed record InferenceOptions
{
    public InferenceEngine Engine { get; init; } = InferenceEngine.Local;
    public ServedPolicyOptions Generator { get; init; } = new();
    public ServedPolicyOptions Solver { get; init; } = new();

    /// <summary>Limit of one request, in seconds.</summary>
    public double TimeoutSeconds { get; init; } = 600;

    /// <summary>Further tries of a request that timed out or met a busy or broken server, after 0.5, 1, 2, … up to 30 seconds.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>Requests of one shard in flight.</summary>
    public int Concurrency { get; init; } = 64;

    /// <summary>
    /// The server's log-probabilities are those at the sampling temperature (vLLM: <c>--logprobs-mode processed_logprobs</c>). False: of softmax(logits),
    /// so that they count as unknown where the temperature is neither 0 nor 1.
    /// </summary>
    public bool ProcessedLogProbs { get; init; }

    /// <summary>C: a token counts min(π/μ, C) times, π the learner's probability of it before the step and μ the server's.</summary>
    public double ImportanceCap { get; init; } = 2;
}

/// <summary>A policy on an outside server.</summary>
public sealed record ServedPolicyOptions
{
    /// <summary>Base address, e.g. http://localhost:8000/v1.</summary>
    public string Url { get; init; } = "";

    /// <summary>The model's name there; <c>{policy}</c> in it stands for the policy's SHA-256.</summary>
    public string Model { get; init; } = "";

    /// <summary>
    /// Told by HTTP POST which policy to serve before the first request and whenever it changes: JSON with role, policy, model and folder. Empty: the
    /// worker's own TOOLR0_RELOAD_COMMAND is run instead.
    /// </summary>
    public string ReloadUrl { get; init; } = "";
}

public sealed record EvaluationOptions
{
    /// <summary>Names of shipped sets (seen, unseen) or paths of JSON Lines files.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [];

    /// <summary>Items per set; 0 means all.</summary>
    public int Limit { get; init; }
    public int MaxNewTokens { get; init; } = 2048;

    /// <summary>Measure after every n-th iteration, at least 1. The base model and the Solver after the last iteration are measured always.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Whether a run of <paramref name="iterations"/> measures after this one (0 is the base model).</summary>
    public bool IsDue(int iteration, int iterations) => iteration <= 0 || iteration >= iterations || iteration % Every == 0;
}

public enum UnknownTools
{
    /// <summary>A tool without an implementation is checked against its menu's schema only.</summary>
    CheckSchema,

    /// <summary>A tool without an implementation fails.</summary>
    Reject,
}

public sealed record ToolOptions
{
    public UnknownTools UnknownTools { get; init; } = UnknownTools.CheckSchema;

    /// <summary>Time limit of one call in seconds.</summary>
    public double TimeoutSeconds { get; init; } = 5;
}

public sealed record DispatchOptions
{
    /// <summary>Prompts per shard of each kind of work. Part of the result's identity: what shares a batch decides rounding.</summary>
    public int PromptsPerShard { get; init; } = 16;

    /// <summary>
    /// Completions per shard, at least one prompt's: a shard of prompts with many samples then holds fewer prompts, so that batches are of like size. 0: no limit.
    /// </summary>
    public int CompletionsPerShard { get; init; }

    /// <summary>Prompts that a shard holds when each is sampled so often.</summary>
    public int PromptsFor(int samples) =>
        CompletionsPerShard == 0 ? PromptsPerShard : Math.Clamp(CompletionsPerShard / Math.Max(1, samples), 1, PromptsPerShard);

    /// <summary>
    /// Memory for the keys and values of one shard's completions, in MB (10⁶ bytes); prompts that do not fit wait until others are done. Part of the
    /// result's identity.
    /// </summary>
    public long CacheMegabytes { get; init; } = 16_000;

    /// <summary>Threads inside one tensor operation. Part of the result's identity.</summary>
    public int IntraOpThreads { get; init; } = 1;

    /// <summary>A shard not answered for this long is sent again.</summary>
    public double ResendAfterSeconds { get; init; } = 1800;
}
