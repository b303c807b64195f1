using ToolR0.SelfPlay.Parsing;

namespace ToolR0.TinyWorld.Texts;

/// <summary>Generator completions as a weak model writes them: mostly well-formed tasks, not always what was asked for.</summary>
internal static class NoisyProposal
{
    /// <summary>What stands for a tool where none fits.</summary>
    internal const string Nothing = "none";

    internal static string Write(WorldRandom random, WorldTask task, PretrainingNoise noise)
    {
        // The tools to call come first: whoever reads the menu shuffles it, and a small model then repeats fewer of them.
        var menu = task.Gold.Concat(task.Menu.Where(tool => !task.Gold.Contains(tool))).Select(tool => tool.ToSpec()).ToList();
        if (random.Chance(noise.DuplicateTool))
            menu[random.Next(0, menu.Count - 1)] = random.Pick(menu);

        var gold = task.WrittenCalls().ToList();
        if (random.Chance(noise.WrongGold))
            gold = [.. gold.SkipLast(1), Spoil(random, task)];

        string[] blocks =
        [
            $"<think>{(task.Gold.Count > 0 ? string.Join(',', task.Gold.Select(t => t.Name)) : Nothing)}</think>",
            $"<question>{task.Question}</question>",
            $"<available_tools>{MenuReader.ToCompactJson(menu)}</available_tools>",
            $"<tool_call_answer>{Calls.ToJson(gold)}</tool_call_answer>",
        ];
        if (random.Chance(noise.BrokenBlocks))
        {
            var broken = random.Next(1, 3);
            blocks[broken] = random.Chance(0.5) ? "" : blocks[broken].Replace("]</", "</").Replace("</question>", "");
        }

        return string.Concat(blocks);
    }

    private static Contracts.ToolCall Spoil(WorldRandom random, WorldTask task)
    {
        var (tool, given) = task.Topic is null ? (task.Asked[^1], task.Values[^1]) : task.Stray(random);
        var values = given.ToList();
        switch (random.Next(0, 2))
        {
            case 0:
                return WorldTask.CallOf(tool with { Name = random.Pick(task.Menu).Name }, values);
            case 1 when values.Count > 1:
                values.RemoveAt(values.Count - 1);
                break;
            default:
                values[^1] = tool.Parameters[^1].Draw(random);
                break;
        }

        return WorldTask.CallOf(tool, values);
    }
}
