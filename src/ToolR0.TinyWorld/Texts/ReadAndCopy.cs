namespace ToolR0.TinyWorld.Texts;

/// <summary>
/// Clean text in which a tool is found by a word and values are copied, in forms unlike the Solver's JSON: the ability is there, the
/// habit of using it in answers is not. Short echoes and look-ups come with it, because copying is learned much sooner with them.
/// </summary>
internal static class ReadAndCopy
{
    /// <param name="task">A task in which every tool of the menu is asked for.</param>
    /// <param name="absent">Share of look-ups that also ask for a word that no tool has.</param>
    /// <returns>The text up to the first answer, and the rest.</returns>
    internal static (string Given, string Completion) Write(WorldRandom random, WorldTask task, double absent) => random.NextDouble() switch
    {
        < 0.20 => Echo(random, task),
        < 0.40 => LookUp(random, task, absent),
        < 0.70 => ($"have {Menu(task)}", Calls(task, " ask {0} do {1}({2})", ",", "{0}={1}")),
        _ => Table(task),
    };

    /// <summary>
    /// Questions and calls line by line under a menu. Of one-call tasks the first line's question belongs to what is given, so that the call can be
    /// compared to the letter.
    /// </summary>
    internal static (string Given, string Completion) Clean(WorldTask task)
    {
        var (given, completion) = Table(task);
        var question = $" {task.Phrases[0]} |";
        return (given + question, completion[question.Length..]);
    }

    private static (string Given, string Completion) Table(WorldTask task) => ($"{Menu(task)} |", Calls(task, " {0} | {1} {2} ;", " ", "{0} : {1}"));

    /// <summary>Names and values in random order, and the same again.</summary>
    private static (string Given, string Completion) Echo(WorldRandom random, WorldTask task)
    {
        var words = task.Values.SelectMany(v => v).Concat(task.Menu.Select(t => t.Name))
            .Concat(task.Gold.SelectMany(t => t.Parameters).Select(p => p.Name)).ToList();
        random.Shuffle(words);
        return ($"say {string.Join(' ', words)} again ", string.Join(' ', words));
    }

    /// <summary>One word of each tool's name, and the tool.</summary>
    private static (string Given, string Completion) LookUp(WorldRandom random, WorldTask task, double absent)
    {
        var order = task.Menu.ToList();
        random.Shuffle(order);
        var found = order.Select(tool => $"{Cue(random, task, tool)} : {Signature(tool)}").ToList();
        if (absent > 0 && random.Chance(absent))
            found.Insert(random.Next(0, found.Count), $"{AbsentCue(random, task)} : {NoisyProposal.Nothing}");
        return ($"{Menu(task)} | ", string.Join(" ; ", found));
    }

    private static string Calls(WorldTask task, string line, string betweenArguments, string argument) =>
        string.Concat(task.Gold.Select((tool, i) => string.Format(
            line,
            task.Phrases[i],
            tool.Name,
            string.Join(betweenArguments, tool.Parameters.Select((p, j) => string.Format(argument, p.Name, task.Values[i][j]))))));

    /// <summary>A word that no other tool of the menu has, if there is one.</summary>
    private static string Cue(WorldRandom random, WorldTask task, WorldTool tool)
    {
        var own = tool.Words.Where(word => task.Menu.All(other => other == tool || !other.Words.Contains(word))).ToList();
        return random.Pick(own.Count > 0 ? own : tool.Words);
    }

    private static string AbsentCue(WorldRandom random, WorldTask task)
    {
        while (true)
        {
            var word = random.Pick(InventedTools.Make(random, random.Pick(WorldCatalog.Domains)).Words);
            if (!task.Menu.Any(tool => tool.Words.Contains(word)))
                return word;
        }
    }

    private static string Menu(WorldTask task) => string.Join(' ', task.Menu.Select(Signature));

    private static string Signature(WorldTool tool) => $"{tool.Name}({string.Join(',', tool.Parameters.Select(p => p.Name))})";
}
