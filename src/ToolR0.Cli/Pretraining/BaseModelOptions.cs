using ToolR0.Policies;
using ToolR0.SelfPlay.World;

namespace ToolR0.Cli.Pretraining;

/// <summary>Everything that determines a base model: equal options, equal bytes on the same libtorch.</summary>
public sealed record BaseModelOptions
{
    public long Seed { get; init; } = 20260101;

    /// <summary>Batches in all, at least 1.</summary>
    public int Steps { get; init; } = 5600;

    /// <summary>Texts per batch; batches hold texts of like length.</summary>
    public int TextsPerBatch { get; init; } = 32;

    /// <summary>Texts that the tokenizer is trained on: the first ones of the mixture.</summary>
    public int TokenizerTexts { get; init; } = 30_000;

    public PretrainingNoise Noise { get; init; } = new();

    public ModelConfig Model { get; init; } = new()
    {
        VocabularySize = 1000,
        HiddenSize = 128,
        IntermediateSize = 320,
        Layers = 4,
        Heads = 4,
        KeyValueHeads = 2,
        MaxPositions = 512,
        TiedEmbeddings = true,
    };

    /// <summary>Items of each shipped held-out set that the made model is measured on.</summary>
    public int MeasuredItems { get; init; } = HeldOut.ShippedCount;

    public double LearningRate { get; init; } = 3e-3;

    public CrossEntropyOptions Training => new()
    {
        LearningRate = LearningRate,
        Steps = Steps,
        WarmupSteps = Math.Min(100, Steps),
        Decay = Decay.Linear,
        Optimiser = new Contracts.LearningOptions { Beta2 = 0.95, WeightDecay = 0.01, GradientParts = 2 },
    };
}
