using System.Text;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>
/// Reads public tool-calling sets. The format is told by the file: a list of {query, tools, answers} (ToolAlpaca, SealTools and API-Bank as packed by
/// Hammer); JSON Lines of {id, question, function} with possible_answer/ beside them (Berkeley Function-Calling Leaderboard); or intents with {data:
/// [{text, entity}]} (SNIPS, as in nlu-benchmark: one file, or a folder of validate_*.json whose intents together are the menu).
/// </summary>
public static class BenchmarkReader
{
    private const string Irrelevance = "irrelevance";

    /// <summary>Categories whose values are written, and compared by the leaderboard, in another language than Python.</summary>
    private static readonly string[] OtherLanguages = ["java", "javascript"];

    /// <summary>A benchmark by its file or folder, or by name in <c>TOOLR0_BENCHMARKS</c>, else in the home folder's <c>benchmarks</c>.</summary>
    /// <exception cref="UserErrorException">Names file, item and field.</exception>
    public static Benchmark Load(string nameOrPath, string home)
    {
        var folder = Environment.GetEnvironmentVariable("TOOLR0_BENCHMARKS") is { Length: > 0 } given ? given : Path.Combine(home, "benchmarks");
        var found = new[] { nameOrPath, Path.Combine(folder, nameOrPath), Path.Combine(folder, nameOrPath + ".json") }.FirstOrDefault(Path.Exists)
            ?? InAnyCase(folder, nameOrPath)
            ?? throw new UserErrorException(
                $"--benchmark {nameOrPath}: there is no such file, and none of that name in {folder} (TOOLR0_BENCHMARKS)");
        return Read(found);
    }

    /// <summary>The set of that name, as ToolAlpaca is toolalpaca.json; null if there is none.</summary>
    private static string? InAnyCase(string folder, string name) => !Directory.Exists(folder) ? null
        : Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal).FirstOrDefault(entry =>
            Path.GetFileName(entry) is var file
                && (file.Equals(name, StringComparison.OrdinalIgnoreCase) || file.Equals(name + ".json", StringComparison.OrdinalIgnoreCase)));

    /// <exception cref="UserErrorException">Names file, item and field.</exception>
    public static Benchmark Read(string path)
    {
        try
        {
            var name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(path));
            if (Directory.Exists(path))
            {
                var files = Directory.GetFiles(path, "validate_*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
                return files.Count > 0 ? Checked(Snips(name, files))
                    : throw new UserErrorException($"{path}: there is no validate_*.json of an intent in it");
            }

            var text = File.ReadAllText(path);
            return Checked(text.AsSpan().TrimStart() is ['[', ..] ? Packed(name, path, text)
                : IsLines(text) ? Leaderboard(name, path, text)
                : Snips(name, [path]));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--benchmark {path}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static Benchmark Checked(Benchmark benchmark)
    {
        if (benchmark.Items.Count == 0)
            throw new UserErrorException($"benchmark {benchmark.Name}: has no items");
        return benchmark.Items.CountBy(item => item.Id).FirstOrDefault(count => count.Value > 1).Key is { } twice
            ? throw new UserErrorException($"benchmark {benchmark.Name}: id '{twice}' occurs twice")
            : benchmark;
    }

    /// <summary>The first line is an item of its own.</summary>
    private static bool IsLines(string text)
    {
        try
        {
            using var first = JsonDocument.Parse(JsonText.WithoutLoneSurrogates(text.AsSpan().Trim().ToString().Split('\n')[0]));
            return first.RootElement.ValueKind == JsonValueKind.Object && first.RootElement.TryGetProperty("question", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Benchmark Packed(string name, string path, string text)
    {
        var items = new Place(path, "the file").Parse(text, "the list").EnumerateArray().Select((item, i) =>
        {
            var place = new Place(path, $"item {i + 1}");
            var gold = place.Calls(place.List(item, "answers"), "answers");
            var tools = place.List(item, "tools");
            var task = new ToolTask(place.Question(place.Member(item, "query"), "query"), place.Menu(tools, "tools"), gold);
            return new BenchmarkItem($"{name}-{i + 1}", gold.Count == 1 ? "1 call"
                : $"{gold.Count} calls", task, Tools: Place.Written(task.Menu, tools));
        });
        return new Benchmark(name, Digests.Sha256Hex(text), [.. items]);
    }

    private static Benchmark Leaderboard(string name, string path, string text)
    {
        var answersPath = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, "possible_answer", Path.GetFileName(path));
        var answersText = File.Exists(answersPath) ? File.ReadAllText(answersPath) : "";
        var answers = new Dictionary<string, List<AllowedCall>>(StringComparer.Ordinal);
        foreach (var (json, place) in Lines(answersText, answersPath))
        {
            if (!answers.TryAdd(place.Text(json, "id"), [.. place.List(json, "ground_truth").EnumerateArray().Select(call => Allowed(call, place))]))
                throw place.Error("id", $"'{place.Text(json, "id")}' occurs twice");
        }

        if (OtherLanguage(name) is { } category)
            throw new UserErrorException($"--benchmark {path}: {NotSupported(category)}");
        var items = Lines(text, path).Select(line =>
        {
            var (json, place) = line;
            var id = place.Text(json, "id");
            if (OtherLanguage(id) is { } language)
                throw place.Error("id", $"'{id}': {NotSupported(language)}");
            var functions = place.List(json, "function");
            var turns = place.List(json, "question");
            if (turns.GetArrayLength() != 1)
                throw place.Error("question", $"has {turns.GetArrayLength()} turns; sets of one turn are read");
            List<AllowedCall>? allowed = null;
            if (!id.Contains(Irrelevance, StringComparison.Ordinal) && !answers.TryGetValue(id, out allowed))
                throw place.Error("id", $"'{id}' has no ground_truth in {answersPath}");
            var schemas = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (var function in functions.EnumerateArray())
                schemas.TryAdd(place.Text(function, "name"), Schema(function, place));
            if (allowed?.FirstOrDefault(call => !schemas.ContainsKey(call.Name)) is { } stray)
                throw place.Error("function", $"lacks '{stray.Name}' of the ground_truth");
            var task = new ToolTask(place.Question(turns[0], "question"), place.Menu(functions, "function"),
                [.. (allowed ?? []).Select(call => First(call, schemas[call.Name]))]);
            return new BenchmarkItem(id, id.LastIndexOf('_') is > 0 and var end ? id[..end] : id, task, allowed
                ?? [], schemas, Place.Written(task.Menu, functions));
        });
        return new Benchmark(name, Digests.Sha256Hex(text + answersText), [.. items]);
    }

    /// <summary>The language that the name of a category or an item speaks of: simple_java, java_3, live_simple_javascript_7.</summary>
    private static string? OtherLanguage(string name) =>
        Array.Find(OtherLanguages, language => name.Split('_', '-', '.', ' ').Contains(language, StringComparer.OrdinalIgnoreCase));

    private static string NotSupported(string category) =>
        $"category {category} is not supported: its values are compared by the rules of that language, not by Python's";

    private static JsonElement Schema(JsonElement function, Place place)
    {
        var schema = place.Member(function, "parameters");
        if (schema.ValueKind != JsonValueKind.Object)
            throw place.Error("parameters", "must be an object");
        if (schema.TryGetProperty("properties", out var properties) && properties.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
            throw place.Error("parameters.properties", "must be an object");
        return !schema.TryGetProperty("required", out var required) || required.ValueKind is JsonValueKind.Array or JsonValueKind.Null
            ? schema
            : throw place.Error("parameters.required", "must be a list");
    }

    private static Benchmark Snips(string name, IReadOnlyList<string> files)
    {
        var texts = files.Select(file => (File: file, Text: File.ReadAllText(file, Encoding.UTF8))).ToList();
        var utterances = texts.SelectMany(file => Utterances(file.File, file.Text)).ToList();
        var menu = utterances.GroupBy(u => u.Intent).Select(intent => new ToolSpec(
            intent.Key,
            "",
            [.. intent.SelectMany(u => u.Slots.Select(slot => slot.Name)).Distinct().Order(StringComparer.Ordinal)
                .Select(slot => new ToolParameter(slot, "string"))],
            [])).OrderBy(tool => tool.Name, StringComparer.Ordinal).ToList();
        var items = utterances.Select((u, i) =>
        {
            // A slot that is filled twice is a list of its texts.
            var arguments = u.Slots.GroupBy(slot => slot.Name, slot => slot.Text).ToDictionary(
                slot => slot.Key,
                slot => slot.Count() == 1 ? JsonSerializer.SerializeToElement(slot.Single()) : JsonSerializer.SerializeToElement(slot.ToList()));
            return new BenchmarkItem($"{name}-{i + 1}", u.Intent, new ToolTask(u.Text, menu, [new ToolCall(u.Intent, arguments)]));
        });
        return new Benchmark(name, Digests.Sha256Hex(string.Concat(texts.Select(file => file.Text))), [.. items]);
    }

    private static IEnumerable<(string Intent, string Text, List<(string Name, string Text)> Slots)> Utterances(string path, string text)
    {
        var root = new Place(path, "the file").Parse(text, "the intents");
        if (root.ValueKind != JsonValueKind.Object)
            throw new UserErrorException($"{path}: is neither a list of items, nor lines of items, nor an object of intents");
        foreach (var intent in root.EnumerateObject())
        {
            var number = 0;
            foreach (var utterance in new Place(path, "the file").List(root, intent.Name).EnumerateArray())
            {
                var place = new Place(path, $"{intent.Name} {++number}");
                var parts = place.List(utterance, "data").EnumerateArray()
                    .Select(part => (Text: place.Text(part, "text"), Entity: part.TryGetProperty("entity", out _) ? place.Text(part, "entity")
                        : null)).ToList();
                yield return (
                    intent.Name,
                    string.Concat(parts.Select(part => part.Text)).Trim(),
                    [.. parts.Where(part => part.Entity is not null).Select(part => (part.Entity!, part.Text.Trim()))]);
            }
        }
    }

    private static AllowedCall Allowed(JsonElement call, Place place)
    {
        if (call.ValueKind != JsonValueKind.Object || call.EnumerateObject().ToList() is not [{ Value.ValueKind: JsonValueKind.Object } tool])
            throw place.Error("ground_truth", "must hold one tool with its arguments per call");
        return new AllowedCall(tool.Name, tool.Value.EnumerateObject().ToDictionary(
            argument => argument.Name,
            argument => argument.Value.ValueKind == JsonValueKind.Array
                ? (IReadOnlyList<JsonElement>)[.. argument.Value.EnumerateArray()]
                : throw place.Error($"ground_truth.{tool.Name}.{argument.Name}", "must be a list of allowed values")));
    }

    /// <summary>The answer that takes the first allowed value everywhere and leaves out what may be left out and is not required.</summary>
    private static ToolCall First(AllowedCall call, JsonElement schema)
    {
        var required = schema.TryGetProperty("required", out var names) && names.ValueKind == JsonValueKind.Array
            ? names.EnumerateArray().Select(name => name.ToString()).ToHashSet() : [];
        return new ToolCall(call.Name, call.Arguments
            .Where(argument => argument.Value.Count > 0 && (required.Contains(argument.Key) || !argument.Value.Any(IsAbsent)))
            .ToDictionary(argument => argument.Key, argument =>
                FirstOf(argument.Value.FirstOrDefault(value => !IsAbsent(value)) is { ValueKind: not JsonValueKind.Undefined } first ? first
                : argument.Value[0])));
    }

    /// <summary>An allowed object lists the allowed values of each of its keys.</summary>
    private static JsonElement FirstOf(JsonElement allowed) => allowed.ValueKind switch
    {
        JsonValueKind.Object => JsonSerializer.SerializeToElement(allowed.EnumerateObject()
            .Where(member => member.Value.ValueKind != JsonValueKind.Array || member.Value.GetArrayLength() > 0
                && !member.Value.EnumerateArray().Any(IsAbsent))
            .ToDictionary(member => member.Name, member => member.Value.ValueKind == JsonValueKind.Array ? member.Value[0] : member.Value)),
        JsonValueKind.Array when allowed.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.Object) =>
            JsonSerializer.SerializeToElement(allowed.EnumerateArray().Select(FirstOf).ToList()),
        _ => allowed,
    };

    internal static bool IsAbsent(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0;

    private static IEnumerable<(JsonElement Json, Place Place)> Lines(string text, string path) => text.Split('\n')
        .Select((line, i) => (Line: line, Place: new Place(path, $"line {i + 1}")))
        .Where(line => !string.IsNullOrWhiteSpace(line.Line))
        .Select(line => (line.Place.Parse(line.Line, "the item"), line.Place));
}
