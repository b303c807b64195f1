using System.Globalization;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Variation;

/// <summary>
/// A further parameter that the question fills: it says so in a sentence of its own. One that the question leaves open would teach to leave out
/// what is required. In a refusal a tool of the menu gets the parameter and the question the sentence all the same, so that neither tells anything.
/// </summary>
internal static class AddedParameter
{
    private static readonly Kind[] Kinds =
    [
        new("limit", "integer", "How many results at most.", "Give me at most {0} results.", ["3", "5", "7", "10", "15", "20", "50"]),
        new("max_results", "integer", "Number of results to return.", "I want {0} results.", ["2", "4", "6", "8", "12", "25"]),
        new("language", "string", "Language of the answer.", "Answer in {0}.", ["English", "Spanish", "French", "German", "Italian", "Dutch"]),
        new("date", "string", "Day that it is about.", "It is for {0}.", ["2024-03-12", "2023-11-05", "2025-01-30", "2024-08-21", "2022-06-17"]),
        new("unit", "string", "Unit of the result.", "I want it in {0}.", ["meters", "kilometers", "miles", "pounds", "kilograms", "percent"]),
        new("format", "string", "Format of the result.", "Give it to me as {0}.", ["PDF", "JSON", "CSV", "HTML", "XML"]),
        new("currency", "string", "Currency of the amounts.", "All amounts in {0}.", ["USD", "EUR", "GBP", "JPY", "CHF"]),
        new("email", "string", "Address that the result is sent to.", "Send it to {0}.",
            ["anna@mail.com", "office@acme.org", "lee@example.com", "team@nordic.io"]),
        new("sort_by", "string", "What the results are sorted by.", "Sort by {0}.", ["price", "rating", "date", "distance", "name"]),
        new("priority", "string", "How urgent it is.", "The priority is {0}.", ["high", "low", "medium", "urgent"]),
        new("country", "string", "Country that it is about.", "This is about {0}.", ["Canada", "Brazil", "Norway", "India", "Kenya", "Japan"]),
        new("year", "integer", "Year that it is about.", "The year is {0}.", ["1998", "2005", "2012", "2019", "2021", "2023"]),
        new("precision", "integer", "Decimal places of the result.", "Round to {0} decimal places.", ["1", "2", "3", "4"]),
        new("budget", "number", "Highest price.", "My budget is {0}.", ["49.5", "120", "250", "999.99", "1500"]),
        new("user_id", "integer", "Number of the user.", "My user number is {0}.", ["1042", "77", "5310", "88213", "904"]),
        new("radius", "number", "Distance to search in.", "Search within a radius of {0}.", ["2.5", "5", "10", "0.8", "25"]),
        new("include_details", "boolean", "Whether details are included.", "Include all details.", ["true"]),
        new("include_details", "boolean", "Whether details are included.", "Leave out the details.", ["false"]),
        new("notify", "boolean", "Whether to notify the user.", "Notify me when it is done.", ["true"]),
        new("detailed", "boolean", "Whether the answer is detailed.", "A short answer will do.", ["false"]),
    ];

    /// <summary>Adds one or two parameters to the tool of the first gold call, or of a refusal to the menu's first tool.</summary>
    public static ToolTask Add(ref SplitMix random, ToolTask task, List<string> rules)
    {
        var count = random.NextDouble() < 0.35 ? 2 : 1;
        for (var i = 0; i < count; i++)
            task = AddOne(ref random, task, rules);
        return task;
    }

    private static ToolTask AddOne(ref SplitMix random, ToolTask task, List<string> rules)
    {
        var kind = Kinds[random.Next(Kinds.Length)];
        var value = kind.Values[random.Next(kind.Values.Length)];
        var first = random.NextDouble() < 0.15;
        var optional = random.NextDouble() < 0.5;
        var named = task.Gold.Count > 0 ? task.Gold[0].Name : task.Menu[0].Name;
        var tool = task.Menu.First(t => t.Name == named);
        if (tool.Parameters.Any(p => p.Name == kind.Name))
            return task;
        var parameter = new ToolParameter(kind.Name, kind.Type, tool.Parameters.Any(p => p.Description.Length > 0) ? kind.Text : "");
        var changed = tool with
        {
            Parameters = first ? [parameter, .. tool.Parameters] : [.. tool.Parameters, parameter],
            Required = optional ? tool.Required : [.. tool.Required, kind.Name],
        };
        rules.Add($"parameter.{kind.Name}");
        var sentence = string.Format(CultureInfo.InvariantCulture, kind.Sentence, value);
        return task with
        {
            Question = $"{task.Question.TrimEnd()} {sentence}",
            Menu = [.. task.Menu.Select(t => t.Name == named ? changed : t)],
            Gold = task.Gold.Count == 0 ? task.Gold : [Filled(task.Gold[0], kind, value, first), .. task.Gold.Skip(1)],
        };
    }

    private static ToolCall Filled(ToolCall call, Kind kind, string value, bool first)
    {
        var json = JsonSerializer.Deserialize<JsonElement>(kind.Type == "string" ? JsonSerializer.Serialize(value) : value);
        var added = new KeyValuePair<string, JsonElement>(kind.Name, json);
        return new ToolCall(call.Name, new Dictionary<string, JsonElement>(first ? [added, .. call.Arguments] : [.. call.Arguments, added]));
    }

    /// <param name="Sentence">What the question says, {0} for the value.</param>
    /// <param name="Values">JSON of numbers and booleans; texts as they are.</param>
    private sealed record Kind(string Name, string Type, string Text, string Sentence, string[] Values);
}
