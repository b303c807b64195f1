using System.Text.Json.Serialization;

namespace ToolR0.Contracts.Options;

/// <summary>
/// What a step minimises: a sum over completion tokens of a term, times a weight. ρ is a token's probability over that of the policy that
/// sampled it, A its completion's advantage; N completions of the step count, T tokens of them, |o| of one of them; L is the limit on new tokens.
/// </summary>
public enum LearningLoss
{
    /// <summary>−min(ρA, clip(ρ)A) / (N·|o|): each completion counts the same (arXiv 2402.03300).</summary>
    Grpo,

    /// <summary>The same term over T: each token counts the same. A trainer that cuts a step into batches divides by each batch's own tokens; here
    /// the step is one batch, however it is computed, so that this is <see cref="Dapo"/>.</summary>
    Bnpo,

    /// <summary>The same term over N·L, a constant: no completion counts more for being short (arXiv 2503.20783).</summary>
    [JsonStringEnumMemberName("dr_grpo")]
    DrGrpo,

    /// <summary>The same term over T, the tokens of the whole step (arXiv 2503.14476).</summary>
    Dapo,

    /// <summary>−sg(min(ρ, clipHigh))·A·log π over T, where sg passes no gradient: no token is left out for its ratio (arXiv 2506.13585).</summary>
    Cispo,
}

/// <summary>GRPO and AdamW.</summary>
public sealed record LearningOptions
{
    public LearningLoss Loss { get; init; } = LearningLoss.Grpo;

    /// <summary>ε: ρ is clipped to [1 − ε, 1 + ε]; of <see cref="LearningLoss.Cispo"/> it is not.</summary>
    public double ClipEpsilon { get; init; } = 0.2;

    /// <summary>ρ is at most 1 + this; 0: as <see cref="ClipEpsilon"/>. Of <see cref="LearningLoss.Cispo"/> it is the bound itself.</summary>
    public double ClipHigh { get; init; }

    /// <summary>
    /// β: weight of the divergence from the base, estimated per token by ρ·(exp(b − π) − (b − π) − 1) with b the base's and π the policy's
    /// log-probability at the sampling temperature. 0: the base is not asked.
    /// </summary>
    public double KlWeight { get; init; }

    /// <summary>Completions that the limit on new tokens cut off are left out of the loss; they still count in their group's advantages.</summary>
    public bool MaskOverlong { get; init; }
    public double AdvantageEpsilon { get; init; } = 1e-4;
    public double MaxGradientNorm { get; init; } = 1.0;
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.999;
    public double Epsilon { get; init; } = 1e-8;
    public double WeightDecay { get; init; }

    /// <summary>Linear decay of the learning rate to 0 over the phase.</summary>
    public bool LinearDecay { get; init; } = true;

    /// <summary>
    /// Positions of the network that one pass over a step's groups computes; a group with more is a pass of its own. More fills a GPU better and
    /// takes more memory. Part of the result's identity.
    /// </summary>
    public int MicroBatchTokens { get; init; } = 2048;

    /// <summary>
    /// Keep only each layer's input for the backward pass and compute the rest again: a fraction of the memory for a third more work. Gradients are
    /// equal to rounding.
    /// </summary>
    public bool Recompute { get; init; }

    /// <summary>The step's groups are split into this many parts whose gradients are computed side by side and added in order. Part of the result's
    /// identity.</summary>
    public int GradientParts { get; init; } = 1;
    public LoraOptions Lora { get; init; } = new();
}
