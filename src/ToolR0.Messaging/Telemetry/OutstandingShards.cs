using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace ToolR0.Messaging.Telemetry;

/// <summary>
/// Shards that this process sent and has not heard of again: a number to look at, decided on by nobody. A shard that is sent twice counts once.
/// </summary>
internal static class OutstandingShards
{
    private static readonly ConcurrentDictionary<(string Run, string Shard), byte> Sent = new();

    public static void Add(string run, string shard) => Sent[(run, shard)] = 0;

    public static void Remove(string run, string shard) => Sent.TryRemove((run, shard), out _);

    /// <summary>A step or a run is over: what it had out is of no interest.</summary>
    public static void Forget(string run)
    {
        foreach (var key in Sent.Keys)
        {
            if (key.Run == run)
                Sent.TryRemove(key, out _);
        }
    }

    public static IEnumerable<Measurement<int>> Count() =>
        Sent.Keys.GroupBy(key => key.Run).Select(run => new Measurement<int>(run.Count(), new KeyValuePair<string, object?>("toolr0.run", run.Key)));
}
