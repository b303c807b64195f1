namespace ToolR0.SelfPlay.World;

/// <summary>
/// Clean text in which a tool is found by a word and values are copied, in forms unlike the Solver's JSON: the ability is there, the
/// habit of using it in answers is not. Short echoes and look-ups come with it, because copying is learned much sooner with them.
/// </summary>
internal static class ReadAndCopy
{
    /// <summary>Chance that a look-up also asks for a word that no tool has.</summary>
    private const double Absent = 0.3;

    /// <param name="task">A task in which every tool of the menu is asked for.</param>
    /// <returns>The text in pieces: what is given (weight 0 in training) and what is learned.</returns>
    internal static IReadOnlyList<TextPiece> Write(WorldRandom random, WorldTask task) => random.NextDouble() switch
    {
        < 0.15 => Echo(random, task),
        < 0.50 => LookUp(random, task),
        < 0.70 => Calls($"have {Menu(task)}", task, " ask {0} do", " {1}({2})", ",", "{0}={1}"),
        < 0.85 => Calls($"{Menu(task)} |", task, " {0} |", " {1} {2} ;", " ", "{0} : {1}"),
        _ => AskedFirst(task),
    };

    /// <summary>The same items in a clean form, to tell what the model can read from what it makes a habit of.</summary>
    internal static (string Given, string Completion) Clean(WorldTask task)
    {
        var pieces = AskedFirst(task);
        return (pieces[0].Text, pieces[1].Text);
    }

    /// <summary>Names and values in random order, and the same again.</summary>
    private static TextPiece[] Echo(WorldRandom random, WorldTask task)
    {
        var words = task.Values.SelectMany(v => v).Concat(task.Menu.Select(t => t.Name)).Concat(task.Gold.SelectMany(t => t.Parameters).Select(p => p.Name)).ToList();
        random.Shuffle(words);
        return [new($"say {string.Join(' ', words)} again ", false), new(string.Join(' ', words), true)];
    }

    /// <summary>One word of each tool's name, and the tool.</summary>
    private static IReadOnlyList<TextPiece> LookUp(WorldRandom random, WorldTask task)
    {
        var asked = task.Menu.Select(tool => (Cue: Cue(random, task, tool), Found: Signature(tool))).ToList();
        if (random.Chance(Absent))
            asked.Add((AbsentCue(random, task), NoisyProposal.Nothing));
        random.Shuffle(asked);
        var pieces = new List<TextPiece> { new($"{Menu(task)} |", false) };
        foreach (var (cue, found) in asked)
        {
            pieces.Add(new($" {cue} :", false));
            pieces.Add(new($" {found} ;", true));
        }

        return pieces;
    }

    /// <summary>All questions, the menu, and all calls in the order of the questions.</summary>
    private static TextPiece[] AskedFirst(WorldTask task) =>
    [
        new($"{string.Join(" then ", task.Phrases)} | {Menu(task)} |", false),
        new(string.Concat(task.Gold.Select((_, i) => Call(task, i, " {1} {2} ;", " ", "{0} : {1}"))), true),
    ];

    private static List<TextPiece> Calls(string menu, WorldTask task, string ask, string answer, string betweenArguments, string argument)
    {
        var pieces = new List<TextPiece> { new(menu, false) };
        for (var i = 0; i < task.Gold.Count; i++)
        {
            pieces.Add(new(string.Format(ask, task.Phrases[i]), false));
            pieces.Add(new(Call(task, i, answer, betweenArguments, argument), true));
        }

        return pieces;
    }

    private static string Call(WorldTask task, int index, string format, string betweenArguments, string argument) => string.Format(
        format,
        task.Phrases[index],
        task.Gold[index].Name,
        string.Join(betweenArguments, task.Gold[index].Parameters.Select((p, j) => string.Format(argument, p.Name, task.Values[index][j]))));

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
