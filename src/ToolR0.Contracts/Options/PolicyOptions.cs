namespace ToolR0.Contracts.Options;

/// <summary>What numbers a network's passes compute with. What is trained, its gradients and the optimiser are float32 always.</summary>
public enum Precision
{
    /// <summary>
    /// bfloat16 on a GPU. On the CPU bfloat16 where the processor multiplies it natively (AVX512_BF16) and the model has 50 million parameters or
    /// more, else float32. Each worker decides for itself: where workers are of different kinds, name one.
    /// </summary>
    Auto,
    Float32,

    /// <summary>Works everywhere; on a processor that does not multiply it natively it is slower than float32.</summary>
    Bfloat16,
}

/// <summary>How policies compute, whoever does it: sampling, what the base makes of completions, the learner's passes.</summary>
public sealed record PolicyOptions
{
    /// <summary>Part of the result's identity.</summary>
    public Precision Precision { get; init; } = Precision.Auto;
}
