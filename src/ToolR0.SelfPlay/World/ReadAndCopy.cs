namespace ToolR0.SelfPlay.World;

/// <summary>
/// Clean text in which a tool is found by a word and values are copied, in forms unlike the Solver's JSON: the ability is there, the
/// habit of using it in answers is not. Short echoes and look-ups come with it, because copying is learned much sooner with them.
/// </summary>
internal static class ReadAndCopy
{
    /// <param name="task">A task in which every tool of the menu is asked for.</param>
    /// <returns>The text up to the first answer, and the rest.</returns>
    internal static (string Given, string Completion) Write(WorldRandom random, WorldTask task) => random.NextDouble() switch
    {
        < 0.2 => Echo(random, task),
        < 0.4 => LookUp(random, task),
        < 0.7 => ($"have {Menu(task)}", Calls(task, " ask {0} do {1}({2})", ",", "{0}={1}")),
        _ => ($"{Menu(task)} |", Calls(task, " {0} | {1} {2} ;", " ", "{0} : {1}")),
    };

    /// <summary>Names and values in random order, and the same again.</summary>
    private static (string Given, string Completion) Echo(WorldRandom random, WorldTask task)
    {
        var words = task.Values.SelectMany(v => v).Concat(task.Menu.Select(t => t.Name)).Concat(task.Gold.SelectMany(t => t.Parameters).Select(p => p.Name)).ToList();
        random.Shuffle(words);
        return ($"say {string.Join(' ', words)} again ", string.Join(' ', words));
    }

    /// <summary>One word of each tool's name, and the tool.</summary>
    private static (string Given, string Completion) LookUp(WorldRandom random, WorldTask task)
    {
        var found = task.Menu.ToList();
        random.Shuffle(found);
        return ($"{Menu(task)} | ", string.Join(" ; ", found.Select(t => $"{Cue(random, task, t)} : {Signature(t)}")));
    }

    /// <summary>A word that no other tool of the menu has, if there is one.</summary>
    private static string Cue(WorldRandom random, WorldTask task, WorldTool tool)
    {
        var own = tool.Words.Where(word => task.Menu.All(other => other == tool || !other.Words.Contains(word))).ToList();
        return random.Pick(own.Count > 0 ? own : tool.Words);
    }

    private static string Menu(WorldTask task) => string.Join(' ', task.Menu.Select(Signature));

    private static string Signature(WorldTool tool) => $"{tool.Name}({string.Join(',', tool.Parameters.Select(p => p.Name))})";

    private static string Calls(WorldTask task, string line, string betweenArguments, string argument) =>
        string.Concat(task.Gold.Select((tool, i) => string.Format(
            line,
            task.Phrases[i],
            tool.Name,
            string.Join(betweenArguments, tool.Parameters.Select((p, j) => string.Format(argument, p.Name, task.Values[i][j]))))));
}
