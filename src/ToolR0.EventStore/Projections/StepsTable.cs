using System.Text.Json;
using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using ToolR0.Contracts;
using Weasel.Postgresql.Tables;

namespace ToolR0.EventStore.Projections;

/// <summary>
/// The steps of all runs as a plain table for SQL, pandas and Grafana, <c>toolr0.steps</c>: run, iteration, phase, step, started, completed, policy
/// (of the role that trained, null where none did) and metrics (jsonb, by the names of <see cref="MetricNames"/>).
/// </summary>
public sealed partial class StepsTable : EventProjection
{
    /// <summary>Schema and name.</summary>
    public const string TableName = $"{EventStoreDatabase.Schema}.steps";

    private const string Key = "(run, iteration, phase, step)";

    public StepsTable()
    {
        Name = "Steps";
        IncludeType<StepStarted>();
        IncludeType<StepCompleted>();
        Options.DeleteDataInTableOnTeardown(TableName);
    }

    /// <summary>The table itself. The store is told of it by hand: Marten does not ask the members of a composite for what they need.</summary>
    internal static Table Table()
    {
        var table = new Table(TableName);
        table.AddColumn<string>("run").AsPrimaryKey();
        table.AddColumn<int>("iteration").AsPrimaryKey();
        table.AddColumn<string>("phase").AsPrimaryKey();
        table.AddColumn<int>("step").AsPrimaryKey();
        table.AddColumn<DateTimeOffset>("started");
        table.AddColumn<DateTimeOffset>("completed");
        table.AddColumn<string>("policy");
        table.AddColumn("metrics", "jsonb");
        return table;
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        switch (e.Data)
        {
            case StepStarted f:
                operations.QueueSqlCommand(
                    $"insert into {TableName} (run, iteration, phase, step, started) values (?, ?, ?, ?, ?) on conflict {Key} do update set started = excluded.started",
                    f.Run, f.Iteration, f.Phase.WireName(), f.Step, e.Timestamp);
                break;
            case StepCompleted f:
                operations.QueueSqlCommand(
                    $"""
                    insert into {TableName} (run, iteration, phase, step, completed, policy, metrics) values (?, ?, ?, ?, ?, ?, ?::jsonb)
                    on conflict {Key} do update set completed = excluded.completed, policy = excluded.policy, metrics = excluded.metrics
                    """,
                    f.Run, f.Iteration, f.Phase.WireName(), f.Step, e.Timestamp, (object?)f.Policy
                        ?? DBNull.Value, JsonSerializer.Serialize(f.Metrics, EventJson.Options));
                break;
        }

        return ValueTask.CompletedTask;
    }
}
