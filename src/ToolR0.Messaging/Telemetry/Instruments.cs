using System.Diagnostics;
using System.Diagnostics.Metrics;
using ToolR0.Contracts;

namespace ToolR0.Messaging.Telemetry;

/// <summary>
/// The product's spans and numbers, all under one name. They cost nothing while nobody listens: no exporter, no listener, no work. Every instrument's
/// values carry the tag <c>toolr0.run</c>.
/// </summary>
public static class Instruments
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "ToolR0";

    public static ActivitySource Source { get; } = new(Name);

    public static Meter Meter { get; } = new(Name);

    /// <summary>Seconds between the sending of a shard's command and the moment a worker takes it, by <c>toolr0.stage</c>.</summary>
    internal static Histogram<double> QueueTime { get; } =
        Meter.CreateHistogram<double>("toolr0.queue.time", "s", "From sending a command to a worker taking it");

    /// <summary>Tokens sampled or trained on per second of model computation, one value per shard, by <c>toolr0.stage</c>.</summary>
    internal static Histogram<double> TokenRate { get; } =
        Meter.CreateHistogram<double>("toolr0.tokens.rate", "{token}/s", "Tokens per second of model computation of a shard");

    /// <summary>Tokens sampled or trained on, by <c>toolr0.stage</c>.</summary>
    internal static Counter<long> Tokens { get; } = Meter.CreateCounter<long>("toolr0.tokens", "{token}", "Tokens sampled or trained on");

    /// <summary>Shards by <c>toolr0.stage</c> and <c>toolr0.outcome</c>: answered or failed.</summary>
    internal static Counter<long> Shards { get; } = Meter.CreateCounter<long>("toolr0.shards", "{shard}", "Shards answered or given up");

    /// <summary>Total reward of a sample, void ones left out, by <c>toolr0.role</c>.</summary>
    internal static Histogram<double> Reward { get; } = Meter.CreateHistogram<double>("toolr0.reward", "1", "Reward of a sample");

    /// <summary>Generator: a probed proposal's pass rate; Solver: the share of a group that is exactly right. By <c>toolr0.role</c>.</summary>
    internal static Histogram<double> PassRate { get; } = Meter.CreateHistogram<double>("toolr0.pass_rate", "1", "Share of right answers in [0, 1]");

    /// <summary>Share of a scored group's samples that are void, by <c>toolr0.role</c>.</summary>
    internal static Histogram<double> VoidShare { get; } =
        Meter.CreateHistogram<double>("toolr0.void.share", "1", "Share of void samples in a scored group");

    /// <summary>Wall time of a step, by <c>toolr0.phase</c>.</summary>
    internal static Histogram<double> StepTime { get; } = Meter.CreateHistogram<double>("toolr0.step.time", "s", "Wall time of a step");

    private static readonly ObservableGauge<int> Outstanding =
        Meter.CreateObservableGauge("toolr0.shards.outstanding", OutstandingShards.Count, "{shard}",
            "Shards sent and not yet answered, as the coordinator sees them");

    /// <summary>A worker's answer to a shard is stored.</summary>
    public static void Answered(IShardCommand command, ShardAnswer answer)
    {
        var work = WorkScope.Of(command);
        Shards.Add(1, [.. work.Labels, new("toolr0.outcome", "answered")]);
        var seconds = (answer.ModelEnded - answer.ModelStarted).TotalSeconds;
        if (answer.Tokens <= 0 || seconds <= 0)
            return;
        Tokens.Add(answer.Tokens, work.Labels);
        TokenRate.Record(answer.Tokens / seconds, work.Labels);
    }

    /// <summary>A shard was given up after its last try.</summary>
    public static void Failed(IShardCommand command) => Shards.Add(1, [.. WorkScope.Of(command).Labels, new("toolr0.outcome", "failed")]);

    /// <summary>A fact is stored, for the first and only time.</summary>
    internal static void Stored(string run, object fact)
    {
        switch (fact)
        {
            case ProposalsScored scored:
                Scored(run, Role.Generator, scored.Scores.Count, [.. scored.Scores.Where(score => !score.Void).Select(score => score.Total)]);
                foreach (var rate in scored.Scores.Where(score => !score.Void).Select(score => score.PassRate).OfType<double>())
                    PassRate.Record(rate, Labels(run, Role.Generator));
                break;
            case AttemptsScored scored:
                var counted = scored.Scores.Where(score => !score.Void).ToList();
                Scored(run, Role.Solver, scored.Scores.Count, [.. counted.Select(score => score.Total)]);
                if (counted.Count > 0)
                    PassRate.Record(counted.Average(score => score.Exact ? 1.0 : 0.0), Labels(run, Role.Solver));
                break;
            case StepCompleted completed:
                if (completed.Metrics.TryGetValue("wallSeconds", out var seconds))
                    StepTime.Record(seconds, [new("toolr0.run", run), new("toolr0.phase", completed.Phase.WireName())]);
                OutstandingShards.Forget(run);
                break;
            case RunCompleted or RunFailed or RunCancelled:
                OutstandingShards.Forget(run);
                break;
        }
    }

    private static void Scored(string run, Role role, int samples, double[] totals)
    {
        var labels = Labels(run, role);
        if (samples > 0)
            VoidShare.Record(1 - ((double)totals.Length / samples), labels);
        foreach (var total in totals)
            Reward.Record(total, labels);
    }

    private static KeyValuePair<string, object?>[] Labels(string run, Role role) => [new("toolr0.run", run), new("toolr0.role", role.WireName())];
}
