using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>What the K probes of one proposal say.</summary>
/// <param name="PassRate">p̂: share of the counted probes whose calls equal the gold calls as a multiset; null when none counts.</param>
/// <param name="Consistency">Mode frequency of the canonical answers over the counted probes.</param>
/// <param name="GoldIsMode">No other answer is more frequent than the gold calls.</param>
public sealed record ProbeResult(double? PassRate, double? Consistency, bool GoldIsMode, int Counted);

/// <summary>The difficulty reward (arXiv 2602.21320, r_diff): tasks that the frozen Solver answers sometimes.</summary>
public static class Difficulty
{
    /// <summary>Void samples do not count. An answer that does not parse agrees with nothing.</summary>
    public static ProbeResult Probe(IReadOnlyList<ToolCall> gold, IReadOnlyList<Trajectory> probes) =>
        Probe(gold, [.. probes.Where(p => p.Finish != FinishReason.Void).Select(p => ActingReward.CallsOf(p))]);

    /// <param name="gold">The calls to agree with.</param>
    /// <param name="answered">The calls of each counted answer, null where nothing parsed.</param>
    public static ProbeResult Probe(IReadOnlyList<ToolCall> gold, IReadOnlyList<IReadOnlyList<ToolCall>?> answered)
    {
        if (answered.Count == 0)
            return new ProbeResult(null, null, false, 0);
        var goldText = Calls.CanonicalSet(gold);
        var answers = answered.Select(calls => calls is null ? null : Calls.CanonicalSet(calls)).ToList();

        var matches = answers.Count(answer => answer == goldText);
        var mode = answers.Where(answer => answer is not null).GroupBy(answer => answer).Select(g => g.Count()).DefaultIfEmpty(0).Max();
        return new ProbeResult(
            (double)matches / answers.Count, (double)mode / answers.Count, matches > 0 && matches == mode, answers.Count);
    }

    /// <summary>The task could not be put to the Solver because its prompt is over the limit: its own fault, no failure of infrastructure.</summary>
    public static bool PromptTooLong(IReadOnlyList<Trajectory> samples) =>
        samples.Count > 0 && samples.All(s => s is { Finish: FinishReason.Void, VoidCause: VoidCauses.PromptTooLong });

    /// <summary>
    /// 0 below 1/K, 1 on the band, Gaussian flanks outside, or 0 there with a hard band. With the defaults and K = 8: 1/8 and 7/8 give 0.5812, 1
    /// gives 0.1142.
    /// </summary>
    /// <param name="passRate">p̂ in [0, 1].</param>
    /// <param name="probes">K.</param>
    public static double Reward(double passRate, int probes, GeneratorRewardOptions options)
    {
        const double slack = 1e-9;
        if (passRate < 1.0 / probes - slack)
            return 0;
        var distance = passRate < options.BandLow ? options.BandLow - passRate : passRate > options.BandHigh ? passRate - options.BandHigh : 0;
        if (options.HardBand)
            return distance <= slack ? 1 : 0;
        return Math.Exp(-distance * distance / (2 * options.BandSigma * options.BandSigma));
    }
}
