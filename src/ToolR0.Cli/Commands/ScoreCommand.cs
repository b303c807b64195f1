using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using ToolR0.Cli.Options;
using ToolR0.Contracts;
using ToolR0.Evaluation.Scoring;
using ToolR0.Reporting;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 score</c>: rewards of completions from elsewhere. Streams: memory does not grow with the number of cases.</summary>
internal static class ScoreCommand
{
    private const string Standard = "-";

    /// <summary>Completions from elsewhere are scored by the paper's rules unless something says otherwise.</summary>
    private const string DefaultPreset = "paper";
    private const int FlushAt = 1 << 16;

    public static Command Create()
    {
        var command = new Command(
            "score",
            "Score completions offline, one JSON object per line. Solver cases: completion, gold (list of calls). Generator cases: completion, and optionally spec {menuSize, calls}, "
            + "solverCalls (the K sampled answers as lists of calls, null where nothing parsed), judge (1 to 5). An id is passed on. A line that is not a case gives a record with its number and an error, and exit code 1");
        var role = new Option<string>("--role") { Description = "generator or solver", HelpName = "ROLE", Required = true };
        var input = new Option<string>("--in") { Description = "JSON Lines file of cases, - for standard input", HelpName = "FILE",
            DefaultValueFactory = _ => Standard };
        var output = new Option<string>("--out") { Description = "JSON Lines file of scores, - for standard output", HelpName = "FILE",
            DefaultValueFactory = _ => Standard };
        var preset = new Option<string?>("--preset") { Description = $"Whose rules: {DefaultPreset} (default) or another preset", HelpName = "NAME" };
        var file = new Option<string?>("--options") { Description = "Options as JSON; the preset's where it is silent", HelpName = "FILE" };
        var set = new Option<string[]>("--set") { Description = "One option, e.g. solver.requireThink=false; may be repeated",
            HelpName = "PATH=VALUE" };
        foreach (var option in new Option[] { role, input, output, preset, file, set })
            command.Add(option);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = RunOptionsLoader.Load(new OptionSources
            {
                Preset = parsed.GetValue(preset),
                File = parsed.GetValue(file),
                Environment = ServiceDefaults.Settings.ProcessEnvironment(),
                Sets = parsed.GetValue(set) ?? [],
                DefaultPreset = DefaultPreset,
            });
            var write = parsed.GetValue(role) switch
            {
                "solver" => (Action<Utf8JsonWriter, JsonElement>)((json, item) => Write(json, CaseScorer.Solver(item, options.Solver))),
                "generator" => (json, item) => Write(json, CaseScorer.Generator(item, options)),
                var other => throw new UserErrorException($"--role {other}: must be generator or solver"),
            };
            var (lines, errors) = await RunAsync(parsed.GetValue(input)!, parsed.GetValue(output)!, write, cancellation);
            if (errors > 0)
                Console.Error.WriteLine(FormattableString.Invariant($"toolr0: {errors} of {lines} lines could not be scored: their records say why"));
            return errors > 0 ? 1 : 0;
        });
        return command;
    }

    private static async Task<(long Lines, long Errors)> RunAsync(
        string input, string output, Action<Utf8JsonWriter, JsonElement> write, CancellationToken cancellation)
    {
        if (input != Standard && !File.Exists(input))
            throw new UserErrorException($"--in {input}: {(Directory.Exists(input) ? "is a folder" : "there is no such file")}");
        await using var cases = input == Standard ? Console.OpenStandardInput() : File.OpenRead(input);
        if (output != Standard)
            return await OutputFile.WriteAsync(output, scores => ScoreAsync(cases, scores, write, cancellation));
        await using var standard = Console.OpenStandardOutput();
        return await ScoreAsync(cases, standard, write, cancellation);
    }

    private static async Task<(long Lines, long Errors)> ScoreAsync(
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

    private static void Write(Utf8JsonWriter json, AttemptScore score)
    {
        Components(
            json, ("format", score.Format), ("validity", null), ("difficulty", null), ("coherence", null), ("curriculum", null),
            ("accuracy", score.Accuracy), ("name", score.Name), ("keys", score.Keys), ("values", score.Values),
            ("extraCallFactor", score.ExtraCallFactor));
        json.WriteBoolean("exact", score.Exact);
        End(json, score.Total, score.Reasons);
    }

    private static void Write(Utf8JsonWriter json, ProposalScore score)
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
