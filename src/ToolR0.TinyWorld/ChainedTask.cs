using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.TinyWorld.Tools;

namespace ToolR0.TinyWorld;

/// <summary>
/// Tasks of two calls of which the second needs what the first returns: "add 12 and 30 then hex of that". Nobody can write the second call before
/// the first was executed.
/// </summary>
public static class ChainedTask
{
    /// <summary>What a question says in the place of the result.</summary>
    public const string Pronoun = "that";

    /// <summary>Longer results are not passed on.</summary>
    private const int LongestResult = 6;

    private const int LongestLast = 60;
    private const int Tries = 40;

    /// <summary>
    /// Draws a task: a first tool of the domain and a second of any, both of the catalogue, so that they can be executed, on a menu filled up as in
    /// <see cref="WorldTask.Make"/>.
    /// </summary>
    public static WorldTask Make(WorldRandom random, string domain, int menuSize, ToolDraw gold, ToolDraw other)
    {
        for (var tried = 0; ; tried++)
        {
            // In some domains no tool returns anything that could be passed on.
            var first = gold(random, tried < Tries ? domain : random.Pick(WorldCatalog.Domains));
            IReadOnlyList<string> given = [.. first.Parameters.Select(p => p.Draw(random))];
            // A result that the question holds could be copied without any call.
            if (Passed(first, given) is not var (result, kind, text) || given.Contains(text)
                || Second(random, WorldTask.CallOf(first, given), kind, text, gold) is not var (second, at, values, last))
                continue;
            string[] cues = [random.Pick(first.Words), random.Pick(second.Words)];
            if (second.Words.Contains(cues[0]) || first.Words.Contains(cues[1]))
                continue;

            var menu = new List<WorldTool> { first, second };
            while (menu.Count < Math.Max(menuSize, 2))
            {
                var tool = other(random, domain);
                if (!cues.Any(tool.Words.Contains))
                    WorldTask.AddDistinct(menu, tool);
            }

            random.Shuffle(menu);
            string[] phrases =
            [
                Phrase(random, first, cues[0], given),
                Phrase(random, second, cues[1], [.. values.Select((value, i) => i == at ? Pronoun : value)]),
            ];
            return new WorldTask(
                first.Domain, WorldTask.Framed(random, string.Join(" then ", phrases)), menu, [first, second], [first, second], phrases,
                [given, values])
            {
                Chain = new ChainLink(at, [result, last]),
            };
        }
    }

    private static string Phrase(WorldRandom random, WorldTool tool, string cue, IReadOnlyList<string> values) =>
        string.Format(System.Globalization.CultureInfo.InvariantCulture, random.Pick(tool.Patterns).Replace("*", cue), [.. values]);

    /// <summary>What a call returns, if it can be passed on: its kind of JSON and its text as a question would show it.</summary>
    private static (string Result, JsonValueKind Kind, string Text)? Passed(WorldTool tool, IReadOnlyList<string> values)
    {
        if (WorldTools.Call(WorldTask.CallOf(tool, values), new ToolState()) is not { } result)
            return null;
        var value = WorldJson.Parse(result);
        if (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().ToList() is [var only])
            value = only.Value;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return value.ValueKind is JsonValueKind.Number or JsonValueKind.String && text.Length is > 0 and <= LongestResult && text != "0"
            ? (result, value.ValueKind, text) : null;
    }

    /// <summary>A tool that takes the result, in which place, with all its values, and what it returns.</summary>
    private static (WorldTool Tool, int At, IReadOnlyList<string> Values, string Result)? Second(
        WorldRandom random, ToolCall first, JsonValueKind kind, string text, ToolDraw gold)
    {
        for (var i = 0; i < Tries; i++)
        {
            var tool = gold(random, random.Pick(WorldCatalog.Domains));
            var at = random.Next(0, tool.Parameters.Count - 1);
            var type = tool.Parameters[at].Type;
            var fits = kind == JsonValueKind.String ? type == "string" : type == "number" || type == "integer" && !text.Contains('.');
            if (tool.Name == first.Name || !fits)
                continue;
            IReadOnlyList<string> values = [.. tool.Parameters.Select((p, n) => n == at ? text : p.Draw(random))];
            var state = new ToolState();
            WorldTools.Call(first, state);
            if (WorldTools.Call(WorldTask.CallOf(tool, values), state) is { Length: <= LongestLast } result and not "null")
                return (tool, at, values, result);
        }

        return null;
    }
}
