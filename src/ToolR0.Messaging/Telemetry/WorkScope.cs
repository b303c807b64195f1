using System.Collections;
using System.Globalization;
using ToolR0.Contracts;

namespace ToolR0.Messaging.Telemetry;

/// <summary>
/// What a message is about, in the words that spans, log lines and metrics share: <c>toolr0.run</c>, and for a shard also <c>toolr0.iteration</c>,
/// <c>toolr0.phase</c>, <c>toolr0.step</c>, <c>toolr0.stage</c>, <c>toolr0.shard</c>, and <c>toolr0.group</c>, its first and last stream.
/// As the state of a log scope it is a list of named values.
/// </summary>
public sealed class WorkScope : IReadOnlyList<KeyValuePair<string, object?>>
{
    private readonly List<KeyValuePair<string, object?>> _values;

    private WorkScope(string name, List<KeyValuePair<string, object?>> values) => (Name, _values) = (name, values);

    /// <summary>A span's name, e.g. <c>attempt solver</c>, <c>answer to score generator</c> or <c>StartRun</c>.</summary>
    public string Name { get; }

    /// <summary>The few tags that a metric may carry without a series for every shard: run, phase and stage.</summary>
    public KeyValuePair<string, object?>[] Labels => [.. _values.Where(value => value.Key is "toolr0.run" or "toolr0.phase" or "toolr0.stage")];

    public int Count => _values.Count;

    public KeyValuePair<string, object?> this[int index] => _values[index];

    /// <summary>What a message of the product is about; null for any other.</summary>
    public static WorkScope? OfMessage(object message) => message switch
    {
        IShardCommand command => Of(command),
        FactsStored stored => OfShard(stored.Run, stored.Shard, "answer to "),
        ShardFailed failed => OfShard(failed.Run, failed.Shard, "failure of "),
        StartRun start => OfRun(nameof(StartRun), start.Run),
        PauseRun pause => OfRun(nameof(PauseRun), pause.Run),
        ResumeRun resume => OfRun(nameof(ResumeRun), resume.Run),
        CancelRun cancel => OfRun(nameof(CancelRun), cancel.Run),
        _ => null,
    };

    /// <summary>A shard's command, with the streams that it writes to.</summary>
    public static WorkScope Of(IShardCommand command)
    {
        var scope = OfShard(command.Run, command.Shard, "");
        var streams = command.Answers.Select(place => place.Stream).ToList();
        if (streams.Count > 0)
            scope._values.Add(new("toolr0.group", streams.Count == 1 ? streams[0] : $"{streams[0]} … {streams[^1]}"));
        return scope;
    }

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As a console writes it: <c>run=demo step=3 …</c>.</summary>
    public override string ToString() =>
        string.Join(' ', _values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Key["toolr0.".Length..]}={value.Value}")));

    private static WorkScope OfRun(string name, string run) => new(name, [new("toolr0.run", run)]);

    private static WorkScope OfShard(string run, string shard, string prefix)
    {
        List<KeyValuePair<string, object?>> values = [new("toolr0.run", run), new("toolr0.shard", shard)];
        if (shard.Split('/') is not ["shard", _, var iteration, var phase, var step, var stage, ..])
            return new WorkScope(prefix + "shard", values);
        values.Add(new("toolr0.iteration", Number(iteration)));
        values.Add(new("toolr0.phase", phase));
        values.Add(new("toolr0.step", Number(step)));
        values.Add(new("toolr0.stage", stage));
        return new WorkScope($"{prefix}{stage} {phase}", values);
    }

    private static object Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : text;
}
