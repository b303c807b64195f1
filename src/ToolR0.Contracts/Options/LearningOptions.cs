namespace ToolR0.Contracts.Options;

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
