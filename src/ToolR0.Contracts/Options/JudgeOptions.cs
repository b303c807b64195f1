namespace ToolR0.Contracts.Options;

public enum JudgeFailure
{
    /// <summary>What could not be judged is left out: a proposal is void, a candidate rejected.</summary>
    Void,

    /// <summary>It counts as a score of 3 or as medium (released code).</summary>
    Middle,
}

/// <summary>The frozen Solver asked as a judge: of a proposal's coherence (score 1 to 5) and of a candidate's difficulty (easy, medium,
/// hard).</summary>
public sealed record JudgeOptions
{
    /// <summary>Asked at most so often, until an answer can be read.</summary>
    public int Tries { get; init; } = 3;
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.1, MaxNewTokens = 512 };
    public JudgeFailure OnFailure { get; init; } = JudgeFailure.Void;
}
