using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld.Tools;

namespace ToolR0.TinyWorld.Texts;

/// <summary>Solver completions over several turns as a weak model writes them. A text ends where its calls cannot be executed.</summary>
internal static class NoisyTurns
{
    /// <summary>A text does not go on after a longer one.</summary>
    private const int LongestResult = 60;

    /// <summary>The turns in order; the first has no results before it.</summary>
    internal static IReadOnlyList<LaterTurn> Write(WorldRandom random, WorldTask task, PretrainingNoise noise)
    {
        var first = task.Chain is null ? NoisyAnswer.Write(random, task, noise) : First(random, task, noise);
        var turns = new List<LaterTurn> { new([], first) };
        var state = new ToolState();
        while (turns.Count < 3 && SolverAnswer.Parse(turns[^1].Completion, requireThink: false).Calls is { Count: > 0 } calls
            && Results(calls, state) is { } results)
        {
            var next = turns.Count == 1 && task.Chain is not null && Calls.SameMultiset(calls, [task.GoldCalls()[0]])
                ? Second(random, task, noise) : null;
            turns.Add(new LaterTurn(results, next ?? (random.Chance(noise.CallsAgain) ? CompactFormat.Answer(calls) : Words(results[^1]))));
        }

        return turns;
    }

    private static string First(WorldRandom random, WorldTask task, PretrainingNoise noise)
    {
        var first = NoisyAnswer.Call(random, task, 0, noise);
        if (!random.Chance(noise.CallsTogether))
            return CompactFormat.Answer([first]);
        var values = task.Values[1].ToList();
        values[task.Chain!.Parameter] = task.Gold[1].Parameters[task.Chain.Parameter].Draw(random);
        return CompactFormat.Answer([first, WorldTask.CallOf(task.Gold[1], values)]);
    }

    /// <summary>What follows the first result of a chained task; null: an answer, too early.</summary>
    private static string? Second(WorldRandom random, WorldTask task, PretrainingNoise noise)
    {
        if (random.Chance(noise.StopsEarly))
            return null;
        var (at, tool) = (task.Chain!.Parameter, task.Gold[1]);
        if (!random.Chance(PretrainingNoise.Of(noise.StaleValue, tool.Domain, 3)))
            return CompactFormat.Answer([NoisyAnswer.Call(random, task, 1, noise)]);
        var values = task.Values[1].ToList();
        var isText = tool.Parameters[at].Type == "string";
        values[at] = task.Values[0].Where(value => value != values[at] && (isText || IsWhole(value)))
            .FirstOrDefault(tool.Parameters[at].Draw(random));
        return CompactFormat.Answer([WorldTask.CallOf(tool, values)]);
    }

    /// <summary>What the calls return; null where one is of no tool of the catalogue or lacks an argument of the right type.</summary>
    private static IReadOnlyList<string>? Results(IReadOnlyList<ToolCall> calls, ToolState state)
    {
        var results = new List<string>();
        foreach (var call in calls)
        {
            if (WorldCatalog.Find(call.Name) is not { } tool || tool.Parameters.Count != call.Arguments.Count
                || !tool.Parameters.All(p => call.Arguments.TryGetValue(p.Name, out var value) && Fits(value, p.Type))
                || WorldTools.Call(call, state) is not { Length: <= LongestResult } result)
                return null;
            results.Add(result);
        }

        return results;
    }

    private static bool Fits(JsonElement value, string type) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && double.IsInteger(value.GetDouble()),
        _ => value.ValueKind == JsonValueKind.Number,
    };

    private static bool IsWhole(string value) => int.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out _);

    /// <summary>An answer in words: the result itself.</summary>
    private static string Words(string result)
    {
        var value = WorldJson.Parse(result);
        if (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().ToList() is [var only])
            value = only.Value;
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
    }
}
