using System.Text.Json;
using System.Text.Json.Nodes;
using Marten.Services.Json.Transformations;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Upcasters;

/// <summary>How facts of older builds are read as today's. Each looks for what only an older build wrote and leaves the rest alone.</summary>
public static class Upcasting
{
    internal static IEventUpcaster[] All => [new RunStartedUpcaster(), new StepCompletedUpcaster(), new PolicyUpdatedUpcaster()];
}

/// <summary>Reads a fact through its JSON.</summary>
/// <typeparam name="T">The fact.</typeparam>
public abstract class FactUpcaster<T> : Marten.Services.Json.Transformations.SystemTextJson.EventUpcaster<T>
    where T : notnull
{
    /// <inheritdoc/>
    public override string EventTypeName => FactTypes.NameOf(typeof(T));

    /// <summary>Changes what an older build wrote.</summary>
    protected internal abstract void Change(JsonObject fact);

    /// <inheritdoc/>
    protected override T Upcast(JsonDocument oldEvent)
    {
        var fact = JsonObject.Create(oldEvent.RootElement) ?? throw new JsonException("not an object");
        Change(fact);
        return fact.Deserialize<T>(EventJson.Options) ?? throw new JsonException("no data");
    }

    /// <summary>Gives a metric the name that it has now, unless it has it.</summary>
    protected static void Rename(JsonObject fact, string from, string to)
    {
        if (fact["metrics"] is JsonObject metrics && !metrics.ContainsKey(to) && metrics.TryGetPropertyValue(from, out var value))
        {
            metrics.Remove(from);
            metrics[to] = value;
        }
    }
}

/// <summary>A run that was started before the option existed compared a task with its group alone: <c>repetitionScope = group</c>.</summary>
public sealed class RunStartedUpcaster : FactUpcaster<RunStarted>
{
    /// <inheritdoc/>
    protected internal override void Change(JsonObject fact)
    {
        var reward = Child(Child(Child(fact, "options"), "generator"), "reward");
        if (!reward.ContainsKey("repetitionScope"))
            reward["repetitionScope"] = nameof(Contracts.Options.RepetitionScope.Group);
    }

    private static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is not JsonObject child)
            parent[name] = child = [];
        return child;
    }
}

/// <summary><c>tokens</c> of a step were <c>tokensSampled</c>.</summary>
public sealed class StepCompletedUpcaster : FactUpcaster<StepCompleted>
{
    /// <inheritdoc/>
    protected internal override void Change(JsonObject fact) => Rename(fact, MetricNames.OlderTokens, MetricNames.TokensSampled);
}

/// <summary><c>tokens</c> of an update were <c>tokensLearned</c>.</summary>
public sealed class PolicyUpdatedUpcaster : FactUpcaster<PolicyUpdated>
{
    /// <inheritdoc/>
    protected internal override void Change(JsonObject fact) => Rename(fact, MetricNames.OlderTokens, MetricNames.TokensLearned);
}
