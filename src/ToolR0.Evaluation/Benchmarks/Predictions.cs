using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>An answer to a benchmark's item. <paramref name="Text"/> is null where calls were given as such; <paramref name="Error"/> says that it
/// was never asked.</summary>
public sealed record Prediction(string Id, string? Text, IReadOnlyList<ToolCall>? Calls, BenchmarkError? Error = null);

/// <summary>
/// Answers from elsewhere: JSON Lines, one <c>{"id", "completion"}</c> (a model's text) or <c>{"id", "calls"}</c> (a list of calls) per item, in any
/// order; without
/// <c>id</c> on any line, in the items' order. Calls that are null or no list of calls are an answer in which nothing parsed.
/// </summary>
public static class Predictions
{
    /// <summary>In the order of <paramref name="items"/>.</summary>
    /// <param name="all">The benchmark's items, where <paramref name="items"/> are but its first: answers to the others are left out.</param>
    /// <exception cref="UserErrorException">Names file, line and field, or the items that no line answers.</exception>
    public static IReadOnlyList<Prediction> Read(string path, string text, IReadOnlyList<BenchmarkItem> items,
        IReadOnlyList<BenchmarkItem>? all = null)
    {
        all ??= items;
        var known = all.Select(item => item.Id).ToHashSet(StringComparer.Ordinal);
        var (read, named) = (0, true);
        var predictions = new Dictionary<string, Prediction>(StringComparer.Ordinal);
        foreach (var (line, i) in text.Split('\n').Select((line, i) => (line, i)).Where(line => !string.IsNullOrWhiteSpace(line.line)))
        {
            var place = new Place(path, $"line {i + 1}");
            var json = place.Parse(line, "the prediction");
            if (read++ == 0)
                named = json.ValueKind != JsonValueKind.Object || json.TryGetProperty("id", out _);
            var id = named ? place.Text(json, "id")
                : json.ValueKind == JsonValueKind.Object && json.TryGetProperty("id", out _)
                    ? throw place.Error("id", "must stand on every line or on none")
                : read <= all.Count ? all[read - 1].Id
                : throw place.Error("id", $"is missing, and there are more predictions than the {all.Count} items");
            if (!known.Contains(id))
                throw place.Error("id", $"'{id}' is not an item of the benchmark");
            var prediction = json.TryGetProperty("completion", out _)
                ? OfText(id, place.Text(json, "completion"))
                : new Prediction(id, null, Given(place.Member(json, "calls", "completion or calls")));
            if (!predictions.TryAdd(id, prediction))
                throw place.Error("id", $"'{id}' is answered twice");
        }

        var open = items.Where(item => !predictions.ContainsKey(item.Id)).Select(item => item.Id).ToList();
        return open.Count == 0
            ? [.. items.Select(item => predictions[item.Id])]
            : throw new UserErrorException(
                $"{path}: {open.Count} of {items.Count} items have no prediction: {string.Join(", ", open.Take(3))}{(open.Count > 3 ? ", …" : "")}");
    }

    /// <summary>The calls, or a text that holds them; null where it is neither.</summary>
    private static IReadOnlyList<ToolCall>? Given(JsonElement calls) =>
        (calls.ValueKind != JsonValueKind.String || RelaxedJson.TryParse(calls.GetString(), out calls, ellipsis: true))
        && Calls.TryNormalise(calls, out var list, ellipsis: true) ? list : null;

    public static Prediction OfText(string id, string text) => new(id, text, SolverAnswer.Parse(text, requireThink: false, ellipsis: true).Calls);

    /// <summary>The gold answers as predictions: what must score 100 %.</summary>
    public static string Gold(IEnumerable<BenchmarkItem> items)
    {
        var text = new StringBuilder();
        foreach (var item in items)
            text.Append(JsonSerializer.Serialize(new { id = item.Id, calls = item.Task.Gold }, Json)).Append('\n');
        return text.ToString();
    }

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
