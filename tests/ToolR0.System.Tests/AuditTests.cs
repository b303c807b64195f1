using Npgsql;

namespace ToolR0.System.Tests;

/// <summary>Alters the miniature's store for a while: nothing else may read it meanwhile.</summary>
[CollectionDefinition(nameof(AltersTheMiniature), DisableParallelization = true)]
public sealed class AltersTheMiniature;

[Collection(nameof(AltersTheMiniature))]
public sealed class AuditTests(MiniatureRun miniature)
{
    [Fact]
    public async Task A_run_that_nobody_touched_passes()
    {
        var audit = await Product.Toolr0Async(miniature.Environment, "audit", MiniatureRun.Name);
        audit.ExitCode.ShouldBe(0, audit.Output);
        audit.Output.ShouldContain("0 differences");
        audit.Output.ShouldNotContain("unchecked");
    }

    [Theory]
    [InlineData("a reward", "attempts_scored", "jsonb_set(data, '{scores,0,total}', to_jsonb((data #>> '{scores,0,total}')::float8 + 0.125))")]
    [InlineData("an advantage", "proposals_scored",
        "jsonb_set(data, '{scores,0,advantage}', to_jsonb((data #>> '{scores,0,advantage}')::float8 + 0.125))")]
    [InlineData("a token", "task_attempted", "jsonb_set(data, '{samples,0,tokens,0}', to_jsonb((data #>> '{samples,0,tokens,0}')::int + 1))")]
    [InlineData("a completion's text", "tasks_proposed", "jsonb_set(data, '{samples,0,text}', to_jsonb((data #>> '{samples,0,text}') || ' '))")]
    [InlineData("a selected task", "curriculum_selected", "jsonb_set(data, '{tasks}', (data -> 'tasks') - 0)")]
    [InlineData("an accuracy", "evaluation_completed", "jsonb_set(data, '{accuracy}', '0.99')")]
    public async Task One_stored_value_altered_by_hand_is_found(string what, string type, string altered)
    {
        await using var connection = new NpgsqlConnection(miniature.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        var (sequence, data) = await OneAsync(connection, type);
        await ExecuteAsync(connection, $"update toolr0.mt_events set data = {altered} where seq_id = {sequence}");
        try
        {
            var audit = await Product.Toolr0Async(miniature.Environment, "audit", MiniatureRun.Name);
            audit.ExitCode.ShouldBe(1, $"{what} altered, and the audit said: {audit.Output}");
            audit.Output.ShouldContain("stored");
        }
        finally
        {
            await using var restore = new NpgsqlCommand("update toolr0.mt_events set data = $1::jsonb where seq_id = $2", connection);
            restore.Parameters.AddWithValue(data);
            restore.Parameters.AddWithValue(sequence);
            await restore.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    private static async Task<(long Sequence, string Data)> OneAsync(NpgsqlConnection connection, string type)
    {
        await using var command = new NpgsqlCommand(
            $"select seq_id, data::text from toolr0.mt_events where type = '{type}' and correlation_id = '{MiniatureRun.Name}' order by seq_id desc limit 1", connection);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        (await reader.ReadAsync(TestContext.Current.CancellationToken)).ShouldBeTrue($"there is no {type}");
        return (reader.GetInt64(0), reader.GetString(1));
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        (await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken)).ShouldBe(1);
    }
}
