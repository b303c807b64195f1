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

    /// <summary>Turns that a trajectory may take: what a turn's calls returned is shown before the next. 1: it ends with its first answer.</summary>
    public int MaxTurns { get; init; } = 1;

    /// <summary>Tokens of one result that are shown; the rest is cut.</summary>
    public int ResultTokens { get; init; } = 256;
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

    /// <summary>Weight of the share of calls that succeed, in [0, 1].</summary>
    public double SuccessWeight { get; init; }

    /// <summary>Weight of the share of the gold calls' results that were obtained, on whatever path, in [0, 1].</summary>
    public double OutcomeWeight { get; init; }

    /// <summary>Weight of a last answer that contains the last gold result: 0 or 1.</summary>
    public double AnswerWeight { get; init; }

    /// <summary>Price of each call beyond the number of gold calls.</summary>
    public double CallPrice { get; init; }

    /// <summary>Price of each turn with calls beyond the number of gold calls.</summary>
    public double TurnPrice { get; init; }
}
