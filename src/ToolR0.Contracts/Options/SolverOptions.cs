namespace ToolR0.Contracts.Options;

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
