namespace ToolR0.Contracts.Options;

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

    /// <summary>
    /// The released code's gate: with one of the four blocks missing or empty, format, validity and curriculum are 0, and curriculum is 0 unless both
    /// tools and gold calls parse. False: part credit, as the paper's text has it.
    /// </summary>
    public bool StrictGate { get; init; }
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
