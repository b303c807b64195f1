using System.Text.Encodings.Web;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.Evaluation.Scoring;

/// <summary>Scores of offline cases as JSON Lines: one record a line, with every component by name.</summary>
public static class CaseRecords
{
    private const int FlushAt = 1 << 16;

    /// <summary>Scores every line of a file of cases and writes one record each, in constant memory.</summary>
    /// <returns>Lines read, and how many of them could not be scored: their records say why.</returns>
    public static async Task<(long Lines, long Errors)> WriteAsync(
        Stream cases, Stream scores, Action<Utf8JsonWriter, JsonElement> write, CancellationToken cancellation)
    {
        var (lines, errors) = (0L, 0L);
        using var record = new MemoryStream();
        using var json = new Utf8JsonWriter(record, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        await foreach (var (number, line) in CaseLines.ReadAsync(cases, cancellation: cancellation))
        {
            lines++;
            var start = record.Length;
            if (Score(json, number, line, write, out var id) is { } error)
            {
                errors++;
                json.Reset();
                record.SetLength(start);
                Begin(json, number, id);
                json.WriteString("error", error);
            }

            json.WriteEndObject();
            json.Flush();
            json.Reset();
            record.WriteByte((byte)'\n');
            if (record.Length < FlushAt)
                continue;
            record.WriteTo(scores);
            record.SetLength(0);
        }

        record.WriteTo(scores);
        await scores.FlushAsync(cancellation);
        return (lines, errors);
    }

    /// <param name="id">The case's <c>id</c> as its JSON, null where it has none or is no object.</param>
    /// <returns>Null, or in one line why there is no score.</returns>
    private static string? Score(Utf8JsonWriter json, long number, ReadOnlyMemory<byte>? line, Action<Utf8JsonWriter, JsonElement> write,
        out string? id)
    {
        id = null;
        if (line is not { } text)
            return $"the line is longer than {CaseLines.LongestLine >> 20} MiB";
        try
        {
            using var item = JsonDocument.Parse(text);
            id = IdOf(item.RootElement);
            Begin(json, number, id);
            write(json, item.RootElement);
            return null;
        }
        catch (CaseException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var where = e is JsonException { BytePositionInLine: { } at } ? FormattableString.Invariant($" (byte {at + 1} of the line)") : "";
            return $"not JSON: {e.Message.ReplaceLineEndings(" ").Split(" LineNumber:")[0]}{where}";
        }
    }

    private static string? IdOf(JsonElement item)
    {
        try
        {
            return item.ValueKind == JsonValueKind.Object && item.TryGetProperty("id", out var id) ? id.GetRawText() : null;
        }
        catch (InvalidOperationException)
        {
            // A name that is no text: what is wrong with the case is said where it is scored.
            return null;
        }
    }

    private static void Begin(Utf8JsonWriter json, long number, string? id)
    {
        json.WriteStartObject();
        json.WriteNumber("line", number);
        if (id is null)
            return;
        json.WritePropertyName("id");
        json.WriteRawValue(id, skipInputValidation: true);
    }

    /// <summary>A Solver completion's components.</summary>
    public static void Write(Utf8JsonWriter json, AttemptScore score)
    {
        Components(
            json, ("format", score.Format), ("validity", null), ("difficulty", null), ("coherence", null), ("curriculum", null),
            ("accuracy", score.Accuracy), ("name", score.Name), ("keys", score.Keys), ("values", score.Values),
            ("extraCallFactor", score.ExtraCallFactor));
        json.WriteBoolean("exact", score.Exact);
        End(json, score.Total, score.Reasons);
    }

    /// <summary>A Generator completion's components.</summary>
    public static void Write(Utf8JsonWriter json, ProposalScore score)
    {
        Components(
            json, ("format", score.Format), ("validity", score.Validity), ("difficulty", score.Difficulty), ("coherence", score.Coherence),
            ("curriculum", score.Curriculum),
            ("accuracy", null), ("name", null), ("keys", null), ("values", null), ("extraCallFactor", null), ("passRate", score.PassRate),
            ("consistency", score.Consistency));
        End(json, score.Total, score.Reasons);
    }

    /// <summary>Both roles' records have the same components, so that they fit one table: null where it is the other role's or not known.</summary>
    private static void Components(Utf8JsonWriter json, params ReadOnlySpan<(string Name, double? Value)> components)
    {
        foreach (var (name, value) in components)
        {
            if (value is { } number)
                json.WriteNumber(name, number);
            else
                json.WriteNull(name);
        }
    }

    private static void End(Utf8JsonWriter json, double total, IReadOnlyList<string> reasons)
    {
        json.WriteNumber("total", total);
        json.WriteStartArray("reasons");
        foreach (var reason in reasons)
            json.WriteStringValue(reason);
        json.WriteEndArray();
    }
}
