namespace ToolR0.SelfPlay.World;

/// <summary>
/// Clean text in which a tool is found by a word and values are copied, in forms unlike the Solver's JSON: the ability is there, the
/// habit of using it in answers is not.
/// </summary>
internal static class ReadAndCopy
{
    internal static string Write(WorldRandom random, WorldTask task)
    {
        var menu = string.Join(' ', task.Menu.Select(t => $"{t.Name}({string.Join(',', t.Parameters.Select(p => p.Name))})"));
        var lines = task.Gold.Select((tool, i) => tool.Parameters.Select((p, j) => (p.Name, Value: task.Values[i][j])));
        return random.Chance(0.5)
            ? $"have {menu} ask {task.Question} do {string.Join(' ', task.Gold.Zip(lines, (t, l) => $"{t.Name}({string.Join(',', l.Select(x => $"{x.Name}={x.Value}"))})"))}"
            : $"{task.Question} | {menu} | {string.Join(" ; ", task.Gold.Zip(lines, (t, l) => $"{t.Name} {string.Join(' ', l.Select(x => $"{x.Name} : {x.Value}"))}"))}";
    }
}
