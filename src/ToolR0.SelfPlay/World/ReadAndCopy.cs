namespace ToolR0.SelfPlay.World;

/// <summary>
/// Clean text in which a tool is found by a word and values are copied, in forms unlike the Solver's JSON: the ability is there, the
/// habit of using it in answers is not.
/// </summary>
internal static class ReadAndCopy
{
    /// <returns>The text up to the answer, and the answer.</returns>
    internal static (string Given, string Completion) Write(WorldRandom random, WorldTask task)
    {
        var menu = string.Join(' ', task.Menu.Select(t => $"{t.Name}({string.Join(',', t.Parameters.Select(p => p.Name))})"));
        return random.Chance(0.5)
            ? ($"have {menu} ask {task.Question} do ", Calls(task, " ", "{0}({1})", ",", "{0}={1}"))
            : ($"{task.Question} | {menu} | ", Calls(task, " ; ", "{0} {1}", " ", "{0} : {1}"));
    }

    private static string Calls(WorldTask task, string between, string call, string betweenArguments, string argument) =>
        string.Join(between, task.Gold.Select((tool, i) => string.Format(
            call, tool.Name, string.Join(betweenArguments, tool.Parameters.Select((p, j) => string.Format(argument, p.Name, task.Values[i][j]))))));
}
