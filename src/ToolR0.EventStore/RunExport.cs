using System.Text.Encodings.Web;
using System.Text.Json;

namespace ToolR0.EventStore;

/// <summary>
/// Every event of a run as JSON Lines, in global order, as stored: sequence, stream, version, type, at, correlation, causation, data.
/// Streamed: a run of any size passes through constant memory.
/// </summary>
public sealed class RunExport(EventStoreDatabase database)
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Number of events written.</summary>
    /// <exception cref="EventStoreException">The database refused or could not be reached.</exception>
    public async Task<long> WriteAsync(string run, Stream output, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var command = database.DataSource.CreateCommand($"""
                select seq_id, stream_id, version, type, timestamp, correlation_id, causation_id, data::text
                from {EventStoreDatabase.Schema}.mt_events where correlation_id = $1 order by seq_id
                """);
            command.Parameters.AddWithValue(run);
            command.CommandTimeout = 0; // the reader of the output sets the pace
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await using var json = new Utf8JsonWriter(output, Writing);
            var count = 0L;
            for (; await reader.ReadAsync(cancellation); count++)
            {
                json.WriteStartObject();
                json.WriteNumber("sequence", reader.GetInt64(0));
                json.WriteString("stream", reader.GetString(1));
                json.WriteNumber("version", reader.GetInt64(2));
                json.WriteString("type", reader.GetString(3));
                json.WriteString("at", reader.GetFieldValue<DateTimeOffset>(4));
                json.WriteString("correlation", reader.IsDBNull(5) ? null : reader.GetString(5));
                json.WriteString("causation", reader.IsDBNull(6) ? null : reader.GetString(6));
                json.WritePropertyName("data");
                json.WriteRawValue(StorableText.DecodeJson(reader.GetString(7)), skipInputValidation: true);
                json.WriteEndObject();
                await json.FlushAsync(cancellation);
                json.Reset();
                output.WriteByte((byte)'\n');
            }

            await output.FlushAsync(cancellation);
            return count;
        });
    }
}
