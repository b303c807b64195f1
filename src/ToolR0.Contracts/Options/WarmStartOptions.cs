namespace ToolR0.Contracts.Options;

/// <summary>
/// The warm start: before iteration 1 each role is sampled with demonstrations, what passes a strict gate is kept, and the role is fitted to it
/// without demonstrations, by cross-entropy. Nothing comes from outside. For a base that never writes the format, so that every reward would be 0.
/// </summary>
public sealed record WarmStartOptions
{
    /// <summary>0: no warm start. The first round samples with demonstrations, later ones from the last round's policies without them. Each round
    /// fits the base anew to what all rounds kept.</summary>
    public int Rounds { get; init; }

    /// <summary>What is kept is balanced over shapes: arguments per call, calls, menu sizes, kinds of value. False: as it comes.</summary>
    public bool Quotas { get; init; } = true;

    /// <summary>A valid proposal that obeys another spec than the one asked for is kept under the spec that it obeys. False: it is dropped.</summary>
    public bool Hindsight { get; init; } = true;

    /// <summary>Tasks kept whose first gold call names the same tool; 0: no limit.</summary>
    public int TasksPerTool { get; init; } = 3;

    /// <summary>Batches per step: after each step there is a checkpoint, and progress is seen.</summary>
    public int BatchesPerStep { get; init; } = 16;
    public WarmGeneratorOptions Generator { get; init; } = new();
    public WarmSolverOptions Solver { get; init; } = new();
}

public sealed record WarmGeneratorOptions
{
    /// <summary>Specs of a round; each is sampled <see cref="Samples"/> times.</summary>
    public int Prompts { get; init; } = 150;
    public int Samples { get; init; } = 8;

    /// <summary>Demonstrations in the first round, 1 to 8.</summary>
    public int Examples { get; init; } = 8;

    /// <summary>Of the first round, with demonstrations.</summary>
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.5, TopP = 0.95, MaxNewTokens = 192 };

    /// <summary>Of later rounds, without.</summary>
    public SamplingOptions LaterSampling { get; init; } = new() { Temperature = 0.9, TopP = 0.95, MaxNewTokens = 192 };

    /// <summary>A proposal whose menu can no longer be one ends there: a line that cannot be read or names a tool again, or more than a tool too
    /// many.</summary>
    public bool StopHopeless { get; init; } = true;

    /// <summary>Tasks kept at most.</summary>
    public int Keep { get; init; } = 400;
    public FitOptions Fit { get; init; } = new() { LearningRate = 5e-5, Epochs = 4 };
}

public sealed record WarmSolverOptions
{
    /// <summary>Answers per task.</summary>
    public int Samples { get; init; } = 4;

    /// <summary>Demonstrations in the first round, 1 to 8.</summary>
    public int Examples { get; init; } = 2;

    /// <summary>In the first round the beginning of the answer is given.</summary>
    public bool GiveBeginning { get; init; } = true;
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.7, MaxNewTokens = 96 };

    /// <summary>Examples kept at most, variants among them.</summary>
    public int Keep { get; init; } = 1000;
    public FitOptions Fit { get; init; } = new() { LearningRate = 3e-5, Epochs = 2 };
}

/// <summary>How a role is fitted to what was kept: AdamW as in <see cref="LearningOptions"/>, a linear decay of the learning rate over the whole
/// fit.</summary>
public sealed record FitOptions
{
    public double LearningRate { get; init; } = 3e-5;
    public int Epochs { get; init; } = 2;

    /// <summary>Examples per batch.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Share of the batches over which the learning rate rises from 0.</summary>
    public double Warmup { get; init; } = 0.1;
}
