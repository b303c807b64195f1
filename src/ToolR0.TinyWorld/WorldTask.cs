using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.TinyWorld;

/// <summary>Draws a tool of a domain.</summary>
public delegate WorldTool ToolDraw(WorldRandom random, string domain);

/// <summary>What joins the calls of a task in which the last needs what the first returns.</summary>
/// <param name="Parameter">Index of the last call's parameter in which the first call's result goes.</param>
/// <param name="Results">JSON text of what each call returns.</param>
public sealed record ChainLink(int Parameter, IReadOnlyList<string> Results);

/// <summary>A task of the world with what its text does not show.</summary>
/// <param name="Domain">Domain of the first tool that is asked for; of small talk, the one its menu was drawn for.</param>
/// <param name="Menu">The tools on offer in order, all distinct by name.</param>
/// <param name="Gold">The tools to call in order, distinct, all on the menu; empty where no tool on offer fits.</param>
/// <param name="Asked">The tools that the question asks for: the gold tools, or the one that is not on the menu; none in small talk.</param>
/// <param name="Phrases">Per asked tool, what the question says for it; of small talk, the one thing that it says.</param>
/// <param name="Values">Per asked tool, the text of each argument in parameter order.</param>
/// <param name="Topic">What small talk is about, one of <see cref="SmallTalk.Topics"/>; null where a tool is asked for.</param>
public sealed record WorldTask(
    string Domain,
    string Question,
    IReadOnlyList<WorldTool> Menu,
    IReadOnlyList<WorldTool> Gold,
    IReadOnlyList<WorldTool> Asked,
    IReadOnlyList<string> Phrases,
    IReadOnlyList<IReadOnlyList<string>> Values,
    string? Topic = null)
{
    private static readonly string[] Openers = ["", "", "please ", "can you ", "i want ", "now ", "just "];
    private static readonly string[] Closers = ["", "", "", " please", " for me", " now"];

    /// <summary>Where the last call needs what the first returns; null where none needs another's result.</summary>
    public ChainLink? Chain { get; init; }

    public ToolTask ToToolTask() => new(Question, [.. Menu.Select(t => t.ToSpec())], GoldCalls(), Chain?.Results);

    public IReadOnlyList<ToolCall> GoldCalls() => [.. Gold.Select((tool, i) => CallOf(tool, Values[i]))];

    /// <summary>The gold calls as a Generator writes them, who knows no result: <c>"$1"</c> stands for the first call's.</summary>
    public IReadOnlyList<ToolCall> WrittenCalls()
    {
        var calls = GoldCalls().ToList();
        if (Chain is { } chain)
        {
            calls[^1] = calls[^1] with
            {
                Arguments = new Dictionary<string, JsonElement>(calls[^1].Arguments)
                {
                    [Gold[^1].Parameters[chain.Parameter].Name] = WorldJson.Parse("\"$1\""),
                },
            };
        }

        return calls;
    }

    /// <summary>A call with the values in parameter order; parameters beyond the values are left out.</summary>
    public static ToolCall CallOf(WorldTool tool, IReadOnlyList<string> values)
    {
        var arguments = new Dictionary<string, JsonElement>();
        foreach (var (parameter, text) in tool.Parameters.Zip(values))
            arguments.Add(parameter.Name, parameter.ToJson(text));
        return new ToolCall(tool.Name, arguments);
    }

    /// <summary>
    /// Draws a task: <paramref name="calls"/> gold tools, filled up to <paramref name="menuSize"/> with others none of whose names holds
    /// the question's cue, shuffled, and a question in which each gold tool shows as one word of its name and its values. With no calls the
    /// question asks for a tool that is not on the menu.
    /// </summary>
    public static WorldTask Make(WorldRandom random, string domain, int menuSize, int calls, ToolDraw gold, ToolDraw other)
    {
        while (true)
        {
            var tools = new List<WorldTool>();
            while (tools.Count < Math.Max(calls, 1))
                AddDistinct(tools, gold(random, domain));
            var cues = tools.Select(t => random.Pick(t.Words)).ToArray();
            if (tools.Select((t, i) => cues.Where((_, j) => j != i).Any(t.Words.Contains)).Any(clash => clash))
                continue;

            var menu = calls == 0 ? [] : tools.ToList();
            while (menu.Count < Math.Max(menuSize, calls))
            {
                var tool = other(random, domain);
                if (!cues.Any(tool.Words.Contains))
                    AddDistinct(menu, tool);
            }

            random.Shuffle(menu);
            var values = tools.Select(t => (IReadOnlyList<string>)[.. t.Parameters.Select(p => p.Draw(random))]).ToArray();
            var asked = tools.Select((t, i) => string.Format(random.Pick(t.Patterns).Replace("*", cues[i]), [.. values[i]])).ToArray();
            return new WorldTask(tools[0].Domain, Framed(random, string.Join(" then ", asked)), menu, calls == 0 ? [] : tools, tools, asked, values);
        }
    }

    /// <summary>A request between an opener and a closer, either of which may be empty.</summary>
    internal static string Framed(WorldRandom random, string request) => random.Pick(Openers) + request + random.Pick(Closers);

    /// <summary>A call that nobody asked for: the menu's first tool with values from nowhere.</summary>
    internal (WorldTool Tool, IReadOnlyList<string> Values) Stray(WorldRandom random) =>
        (Menu[0], [.. Menu[0].Parameters.Select(p => p.Draw(random))]);

    internal static void AddDistinct(List<WorldTool> tools, WorldTool tool)
    {
        if (tools.All(t => t.Name != tool.Name))
            tools.Add(tool);
    }
}
