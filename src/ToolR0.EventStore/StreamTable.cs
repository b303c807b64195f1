using Npgsql;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// Marten's table of streams, read directly: Marten asks for the state of one stream at a time, and a coordinator needs the versions of hundreds
/// in one round trip. One of two places with SQL on Marten's tables (<see cref="RunExport"/> is the other); a test holds what they rely on.
/// </summary>
internal static class StreamTable
{
    private const string Streams = $"{EventStoreDatabase.Schema}.mt_streams";

    /// <summary>Current version of each stream that exists.</summary>
    public static async Task<IReadOnlyDictionary<string, long>> VersionsAsync(
        NpgsqlDataSource source, IReadOnlyCollection<string> streams, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand($"select id, version from {Streams} where id = any($1) and version > 0");
        command.Parameters.AddWithValue(streams.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var versions = new Dictionary<string, long>(streams.Count);
        while (await reader.ReadAsync(cancellation))
            versions[reader.GetString(0)] = reader.GetInt64(1);
        return versions;
    }

    /// <summary>The first event of a type that is not among the known ones: its sequence number and type.</summary>
    public static async Task<(long Sequence, string Type)> FirstUnknownAsync(NpgsqlDataSource source, string[] known)
    {
        await using var command = source.CreateCommand(
            $"select seq_id, type from {EventStoreDatabase.Schema}.mt_events where not type = any($1) and type <> 'tombstone' order by seq_id limit 1");
        command.Parameters.AddWithValue(known);
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? (reader.GetInt64(0), reader.GetString(1)) : (-1, "unknown type");
    }

    /// <summary>Names of runs, newest first.</summary>
    public static async Task<IReadOnlyList<string>> RunsAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var prefix = Ids.RunStream("");
        await using var command = source.CreateCommand(
            $"select substr(id, $2) from {Streams} where starts_with(id, $1) and version > 0 order by created desc, id desc");
        command.Parameters.AddWithValue(prefix);
        command.Parameters.AddWithValue(prefix.Length + 1);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var runs = new List<string>();
        while (await reader.ReadAsync(cancellation))
            runs.Add(reader.GetString(0));
        return runs;
    }
}
