namespace ToolR0.Contracts.Options;

// Every constant of the method is a named option. Defaults are the paper's (preset `paper`); ToolR0.SelfPlay.Options.Presets and
// ToolR0.TinyWorld.ShippedPresets hold the presets.

/// <summary>Everything that determines a run. Stored with <see cref="RunStarted"/>: same options, same backend, same result.</summary>
public sealed record RunOptions
{
    public string Preset { get; init; } = "paper";
    public long Seed { get; init; } = 1;

    /// <summary>T: self-play iterations, 1 to 100.</summary>
    public int Iterations { get; init; } = 3;

    /// <summary>True: one policy plays both roles (an ablation): what a phase has trained takes both roles when the phase ends. False: two policies
    /// that share nothing.</summary>
    public bool SharedWeights { get; init; }
    public PromptOptions Prompts { get; init; } = new();
    public WarmStartOptions WarmStart { get; init; } = new();
    public VariationOptions Variation { get; init; } = new();
    public SpecOptions Specs { get; init; } = new();
    public GeneratorOptions Generator { get; init; } = new();
    public CurriculumOptions Curriculum { get; init; } = new();
    public SolverOptions Solver { get; init; } = new();
    public JudgeOptions Judge { get; init; } = new();
    public LearningOptions Learning { get; init; } = new();
    public PolicyOptions Policies { get; init; } = new();
    public InferenceOptions Inference { get; init; } = new();
    public EvaluationOptions Evaluation { get; init; } = new();
    public ToolOptions Tools { get; init; } = new();
    public DispatchOptions Dispatch { get; init; } = new();

    /// <summary>Turns that a trajectory may take in groups of a kind; null: in the verification of candidates.</summary>
    public int TurnsOf(GroupKind? kind) => kind switch
    {
        null or GroupKind.Solver or GroupKind.Probe => Solver.MaxTurns,
        GroupKind.Evaluation => Evaluation.MaxTurns > 0 ? Evaluation.MaxTurns : Solver.MaxTurns,
        _ => 1,
    };
}
