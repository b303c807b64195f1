using ToolR0.SelfPlay.Prompts;

namespace ToolR0.TinyWorld.Texts;

/// <summary>Solver completions as a weak model writes them.</summary>
internal static class NoisyAnswer
{
    private static readonly string[] Prose = ["i will use {0} for this", "the tool is {0}", "{0} can do this", "you can call {0}"];

    internal static string Write(WorldRandom random, WorldTask task, PretrainingNoise noise)
    {
        if (random.Chance(noise.Prose))
            return string.Format(random.Pick(Prose), random.Pick(task.Menu).Name);

        var kept = task.Gold.Count switch
        {
            0 => random.Chance(task.Topic is { } topic ? PretrainingNoise.OfTopic(noise.MissedSmallTalk, topic)
                : PretrainingNoise.Of(noise.MissedRefusal, task.Domain, 9)) ? 1 : 0,
            1 => 1,
            2 => random.Chance(noise.DropSecondCall) ? 1 : 2,
            _ => random.Chance(noise.DropThirdCall) ? 2 : 3,
        };
        var calls = Enumerable.Range(0, kept).Select(i => Call(random, task, i, noise));
        var answer = CompactFormat.Answer(calls);
        return kept > 0 && random.Chance(noise.BrokenJson) ? answer.Remove(answer.LastIndexOf(']') + 1 - random.Next(1, 3), 1) : answer;
    }

    internal static Contracts.ToolCall Call(WorldRandom random, WorldTask task, int index, PretrainingNoise noise)
    {
        var (asked, given) = task.Topic is null ? (task.Asked[index], task.Values[index]) : task.Stray(random);
        var tool = asked;
        if (task.Gold.Count == 0 || random.Chance(PretrainingNoise.Of(noise.FirstTool, tool.Domain, 3)))
            tool = task.Menu[0];
        else if (noise.FamiliarTool > 0 && tool.Origin == ToolOrigin.Invented && random.Chance(noise.FamiliarTool))
            tool = task.Menu.FirstOrDefault(other => other.Origin == ToolOrigin.Seen) ?? tool;
        else if (random.Chance(noise.AnyTool))
            tool = random.Pick(task.Menu);

        var values = given.ToList();
        if (values.Count > 1 && random.Chance(noise.SwappedValues))
            (values[0], values[1]) = (values[1], values[0]);
        if (random.Chance(noise.InventedValue))
        {
            var at = random.Next(0, values.Count - 1);
            values[at] = asked.Parameters[at].Draw(random);
        }

        values = [.. values.Take(tool.Parameters.Count)];
        if (values.Count > 1 && random.Chance(PretrainingNoise.Of(noise.DropArgument, tool.Domain, 7)))
            values.RemoveAt(values.Count - 1);
        return Fit(tool, values);
    }

    /// <summary>Values that came from another tool's parameters keep their look: a word stays a string where a number is expected.</summary>
    private static Contracts.ToolCall Fit(WorldTool tool, IReadOnlyList<string> values)
    {
        var parameters = tool.Parameters.Take(values.Count)
            .Select((p, i) => p.Type != "string" && !IsBare(values[i]) ? p with { Type = "string" } : p);
        return WorldTask.CallOf(tool with { Parameters = [.. parameters] }, values);
    }

    private static bool IsBare(string text) =>
        text is "true" or "false" || double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out _);
}
