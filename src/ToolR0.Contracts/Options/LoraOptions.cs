namespace ToolR0.Contracts.Options;

/// <summary>
/// Low-rank adapters (arXiv 2106.09685): a projection's weight is W + Alpha / Rank · B·A, and only A [Rank, in] and B [out, Rank] are trained. Each
/// role has one adapter over the run's base, which it keeps from iteration to iteration.
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
