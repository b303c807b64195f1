using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ToolR0.Contracts;

namespace ToolR0.Evaluation;

/// <summary>Held-out sets as JSON Lines: one item per line in camelCase, lines end with a line feed, equal items give equal text.</summary>
public static class HeldOutLines
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(IEnumerable<HeldOutItem> items)
    {
        var text = new StringBuilder();
        foreach (var item in items)
            text.Append(JsonSerializer.Serialize(item, Json)).Append('\n');
        return text.ToString();
    }

    /// <param name="name">What messages call the text, e.g. its path.</param>
    /// <exception cref="InvalidDataException">Names the line and what is wrong with it; blank lines are skipped.</exception>
    public static IReadOnlyList<HeldOutItem> Read(string text, string name)
    {
        var items = new List<HeldOutItem>();
        var ids = new HashSet<string>();
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            var item = Parse(line, $"{name}, line {number}");
            if (!ids.Add(item.Id))
                throw new InvalidDataException($"{name}, line {number}: id '{item.Id}' occurs before: ids must be unique");
            items.Add(item);
        }

        return items.Count > 0 ? items : throw new InvalidDataException($"{name}: no items: must hold at least one");
    }

    private static HeldOutItem Parse(string line, string place)
    {
        HeldOutItem? item;
        try
        {
            item = JsonSerializer.Deserialize<HeldOutItem>(line, Json);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{place}: not a held-out item: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        if (item is null || item.Task.Menu.Count == 0)
            throw new InvalidDataException($"{place}: the menu is empty: must offer at least one tool");
        if (item.Task.Gold.FirstOrDefault(call => item.Task.Menu.All(tool => tool.Name != call.Name)) is { } stray)
            throw new InvalidDataException($"{place}: gold call '{stray.Name}' is not on the menu");
        if (item.Task.Results is { } results && results.Count != item.Task.Gold.Count)
            throw new InvalidDataException($"{place}: results has {results.Count} entries: must have one for each of {item.Task.Gold.Count} gold calls");
        return item;
    }
}
