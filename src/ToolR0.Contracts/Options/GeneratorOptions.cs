namespace ToolR0.Contracts.Options;

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
