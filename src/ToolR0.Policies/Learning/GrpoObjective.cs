using ToolR0.Contracts.Options;

namespace ToolR0.Policies.Learning;

/// <summary>
/// What a step minimises, with the sums that <see cref="LearningLoss"/> divides by. They are of the whole step, so that the loss and its gradient
/// are the same however the step is cut into passes and parts.
/// </summary>
internal sealed record GrpoObjective
{
    public LearningLoss Loss { get; init; } = LearningLoss.Grpo;

    /// <summary>The sampling temperature: all probabilities are taken at it.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>ρ is clipped from here.</summary>
    public double Lowest { get; init; } = 0.8;

    /// <summary>ρ is clipped to here; of <see cref="LearningLoss.Cispo"/> the largest ρ that counts.</summary>
    public double Highest { get; init; } = 1.2;

    /// <summary>β, of the divergence from the reference policy.</summary>
    public double KlWeight { get; init; }

    /// <summary>
    /// 0: the samples are this policy's own, ρ = π/μ with μ their stored probabilities. C above 0: an outside server sampled them. Then the learner's
    /// own probabilities before the step, π', take μ's place in the ratio, ρ = π/π', and the difference between the two engines is corrected by a
    /// truncated importance weight: a token's term counts min(π'/μ, C) times, where π'/μ is a constant, and 1 where μ is unknown. One update a batch
    /// makes ρ = 1, whose gradient is that of log π. The metrics' ratio and clipped share are then of π'/μ and C. The divergence is not corrected.
    /// </summary>
    public double ImportanceCap { get; init; }

    /// <summary>N: completions with tokens, those without advantage and those left out of the loss included; void ones are not among them.</summary>
    public int Completions { get; init; } = 1;

    /// <summary>T: their tokens that count.</summary>
    public long Tokens { get; init; } = 1;

    /// <summary>L: the limit on new tokens.</summary>
    public int MaxNewTokens { get; init; } = 1;

    /// <summary>Of a step's groups, all of them.</summary>
    public static GrpoObjective Of(
        LearningOptions options, IReadOnlyList<TrainingGroup> groups, double temperature, double importanceCap, int maxNewTokens) => new()
        {
            Loss = options.Loss,
            Temperature = temperature,
            Lowest = 1 - options.ClipEpsilon,
            Highest = options.Loss == LearningLoss.Cispo ? options.ClipHigh : 1 + (options.ClipHigh == 0 ? options.ClipEpsilon : options.ClipHigh),
            KlWeight = options.KlWeight,
            ImportanceCap = importanceCap,
            Completions = groups.Sum(g => g.Samples.Count(s => s.Tokens.Length > 0)),
            Tokens = groups.Sum(g => g.Samples.Sum(s => (long)s.Counted)),
            MaxNewTokens = maxNewTokens,
        };

    /// <summary>What each token that counts of a completion is multiplied with.</summary>
    public float WeightOf(TrainingSample sample) => (float)(1 / (Loss switch
    {
        LearningLoss.Grpo => (double)Completions * sample.Counted,
        LearningLoss.DrGrpo => (double)Completions * MaxNewTokens,
        _ => Tokens,
    }));

    /// <summary>Whether a completion moves the weights: by its advantage, or because it may have left the reference policy.</summary>
    public bool Moves(TrainingSample sample) => sample.Counted > 0 && (KlWeight > 0 || sample.Advantage != 0);
}
