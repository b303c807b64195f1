using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.SelfPlay.Options;
using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Texts;

namespace ToolR0.Pretraining;

/// <summary>Everything that determines a base model: equal options, equal bytes on the same libtorch.</summary>
public sealed record BaseModelOptions
{
    /// <summary>What the model is called in its README.</summary>
    public string Name { get; init; } = "base-nano";

    /// <summary>The preset of runs that it is made for.</summary>
    public string Preset { get; init; } = RunOptionsLoader.DefaultPreset;

    public long Seed { get; init; } = 20260101;

    /// <summary>In order; each has its own texts, optimiser and learning-rate schedule and goes on from the weights before it.</summary>
    public IReadOnlyList<PretrainingStage> Stages { get; init; } =
    [
        new("reading", MixtureOptions.Reading, 4600, 3e-3),
        new("habits", MixtureOptions.Habits, 1500, 1e-3),
        new("talk", MixtureOptions.Talk, 500, 1e-3),
    ];

    /// <summary>The base of the shipped studies: the same reading, other habits.</summary>
    public static BaseModelOptions Study { get; } = new()
    {
        Name = "base-study",
        Stages = [new("reading", MixtureOptions.Reading, 4600, 3e-3), new("habits", MixtureOptions.RareTwoCalls, 1500, 1e-3)],
    };

    /// <summary>The base of a study in which what the Generator seldom does is to invent a tool: the base-nano of before its talk, and a short stage
    /// without inventions.</summary>
    public static BaseModelOptions Invention { get; } = new()
    {
        Name = "base-invention",
        Stages = [.. new BaseModelOptions().Stages.Take(2), new("familiar", MixtureOptions.RareInvention, 400, 1e-3)],
    };

    /// <summary>The base of runs in which a Solver acts: base-nano, and what calls return.</summary>
    public static BaseModelOptions Agent { get; } = new()
    {
        Name = "base-nano-agent",
        Preset = ShippedPresets.NanoAgent.Preset,
        Stages =
        [
            .. new BaseModelOptions().Stages,
            new("results", MixtureOptions.Results, 1500, 1.5e-3),
            new("unused", MixtureOptions.UnusedResults, 300, 1e-3),
        ],
    };

    /// <summary>What <c>toolr0 pretrain</c> can make, by the recipe's name.</summary>
    public static IReadOnlyDictionary<string, BaseModelOptions> Recipes { get; } =
        new Dictionary<string, BaseModelOptions> { ["nano"] = new(), ["study"] = Study, ["invention"] = Invention, ["agent"] = Agent };

    /// <summary>Texts per batch; batches hold texts of like length.</summary>
    public int TextsPerBatch { get; init; } = 32;

    /// <summary>Texts that the tokenizer is trained on: the first ones of the first stage.</summary>
    public int TokenizerTexts { get; init; } = 30_000;

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

    /// <summary>The same with another number of batches in all, each stage with its share, at least 1.</summary>
    public BaseModelOptions WithSteps(int steps)
    {
        var all = Stages.Sum(stage => stage.Steps);
        return this with { Stages = [.. Stages.Select(stage => stage with { Steps = Math.Max(1, (int)((long)stage.Steps * steps / all)) })] };
    }

    /// <summary>Schedule and optimiser of a stage.</summary>
    public static CrossEntropyOptions Training(PretrainingStage stage) => new()
    {
        LearningRate = stage.LearningRate,
        Steps = stage.Steps,
        WarmupSteps = Math.Min(100, stage.Steps),
        Decay = Decay.Linear,
        Optimiser = new Contracts.Options.LearningOptions { Beta2 = 0.95, WeightDecay = 0.01, GradientParts = 2 },
    };

    /// <summary>The mixture of a stage. The stages of one seed share no text.</summary>
    public PretrainingMixture Mixture(int stage) => new(stage == 0 ? Seed : Contracts.Seeds.Derive(Seed, $"stage/{stage}"), Stages[stage].Mixture);
}

/// <param name="Steps">Batches, at least 1.</param>
/// <param name="LearningRate">Peak; it rises over 100 batches and decays linearly.</param>
public sealed record PretrainingStage(string Name, MixtureOptions Mixture, int Steps, double LearningRate);
