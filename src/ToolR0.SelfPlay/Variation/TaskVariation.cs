using System.Globalization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Variation;

/// <summary>
/// Makes a variant of a task whose answer follows from what was done. Everything that can be seen is drawn in the same way whether a tool of the menu
/// fits or not: menu sizes, names, texts of parameters, what is added to the question. Pure: tasks, options and seed decide.
/// </summary>
public static class TaskVariation
{
    /// <summary>Tasks whose tools a variant may use.</summary>
    private const int MostDonors = 6;

    /// <param name="parent">A task whose gold answer is verified.</param>
    /// <param name="others">Tasks whose tools may stand beside the parent's, or in their place; nearest first.</param>
    /// <param name="domain">Of the parent, for namespaces.</param>
    /// <param name="refuses">No tool of the menu is to fit. Where no tool is left that does not fit, the variant calls all the same.</param>
    /// <param name="near">The parent's own menu may give tools; else only others do, where the variant refuses.</param>
    /// <returns>The variant and what was done, in order.</returns>
    public static (ToolTask Task, IReadOnlyList<string> Rules) Make(
        ToolTask parent, IReadOnlyList<ToolTask> others, string domain, bool refuses, bool near, long seed, VariationOptions options)
    {
        var random = new SplitMix(seed);
        var rules = new List<string>();
        var size = SpecSampler.Draw(options.MenuSizes, Comparer<int>.Default, random.NextDouble(), "variation.menuSizes");
        var adds = random.NextDouble() < options.AddParameter;
        var dialogue = random.NextDouble() < options.Dialogues;
        var renames = random.NextDouble() < options.Rename;
        var texts = random.NextDouble() < options.Texts;

        var gold = parent.Menu.Where(tool => parent.Gold.Any(call => call.Name == tool.Name)).ToList();
        var beside = Distractors(ref random, parent, gold, others, refuses && !near);
        var task = parent;
        if (parent.Gold.Count == 0)
        {
            // It refuses as it is, and what could be added is unknown not to fit.
            rules.Add("refusal.own");
        }
        else if (refuses && beside.Count > 0)
        {
            task = new ToolTask(parent.Question, [.. beside.Take(size)], []);
            rules.Add(near ? "refusal.near" : "refusal.far");
        }
        else
        {
            task = parent with { Menu = Shuffled(ref random, [.. gold, .. beside.Take(Math.Max(0, size - gold.Count))]) };
        }

        rules.Add($"menu.{task.Menu.Count.ToString(CultureInfo.InvariantCulture)}");
        if (adds)
            task = AddedParameter.Add(ref random, task, rules);
        if (dialogue)
            task = Dialogue(ref random, task, rules);
        if (renames)
            task = Renaming.Rename(ref random, task, domain, rules);
        return (Texts(ref random, task, texts, rules), rules);
    }

    /// <summary>Drawn tasks whose tools a variant may use: near ones begin with those of its domain, others are of other domains only.</summary>
    /// <param name="others">All but the parent.</param>
    internal static IReadOnlyList<T> Donors<T>(ref SplitMix random, List<T> others, Func<T, string> domainOf, string domain, bool near)
    {
        var drawn = Shuffled(ref random, others);
        var suited = near ? drawn.OrderBy(other => domainOf(other) == domain ? 0 : 1) : drawn.Where(other => domainOf(other) != domain);
        return [.. suited.Take(MostDonors)];
    }

    /// <summary>Whether two tools could do the same: their names share half of their words, or their descriptions most.</summary>
    public static bool Alike(ToolSpec one, ToolSpec other) =>
        one.Name == other.Name || Overlap(Renaming.Words(one.Name), Renaming.Words(other.Name)) >= 0.5
        || Overlap(Parsing.Words.Fold(one.Description).Split(' '), Parsing.Words.Fold(other.Description).Split(' ')) >= 0.6;

    /// <summary>Tools that do not fit, in a drawn order: of the parent's menu first, unless only others' are asked for; each name once.</summary>
    private static List<ToolSpec> Distractors(
        ref SplitMix random, ToolTask parent, List<ToolSpec> gold, IReadOnlyList<ToolTask> others, bool onlyOthers)
    {
        var own = onlyOthers ? [] : Shuffled(ref random, [.. parent.Menu.Except(gold)]);
        // An other task's own tools first: those that its question is about.
        var foreign = others.SelectMany(task => task.Menu.OrderBy(tool => task.Gold.Any(call => call.Name == tool.Name) ? 0 : 1).Take(2));
        var found = new List<ToolSpec>();
        foreach (var tool in own.Concat(foreign))
        {
            if (!gold.Any(right => Alike(right, tool)) && !found.Any(known => known.Name == tool.Name))
                found.Add(tool);
        }

        return found;
    }

    private static ToolTask Dialogue(ref SplitMix random, ToolTask task, List<string> rules)
    {
        (string User, string Agent)[] openings =
        [
            ("Hello, can you help me?", "Of course. What do you need?"),
            ("I need some help.", "Sure, what can I do for you?"),
            ("Hi there!", "Hello! How can I help you today?"),
            ("I have a request.", "Please tell me more."),
        ];
        if (Rewards.Conversation.Is(task.Question))
            return task;
        var (user, agent) = openings[random.Next(openings.Length)];
        rules.Add("dialogue");
        return task with { Question = $"User: {user}\nAgent: {agent}\nUser: {task.Question}" };
    }

    /// <summary>All parameters have a text, or none has.</summary>
    private static ToolTask Texts(ref SplitMix random, ToolTask task, bool texts, List<string> rules)
    {
        rules.Add(texts ? "texts.all" : "texts.none");
        var menu = new List<ToolSpec>();
        foreach (var tool in task.Menu)
        {
            var parameters = new List<ToolParameter>();
            foreach (var parameter in tool.Parameters)
            {
                var style = random.NextDouble();
                parameters.Add(parameter with { Description = texts ? TextOf(parameter, style) : "" });
            }

            menu.Add(tool with { Parameters = parameters });
        }

        return task with { Menu = menu };
    }

    private static string TextOf(ToolParameter parameter, double style)
    {
        if (parameter.Description.Length > 0)
            return parameter.Description;
        var words = string.Join(' ', Renaming.Words(parameter.Name));
        return parameter.Type switch
        {
            "boolean" => style < 0.5 ? $"Whether to use {words}." : $"If true, {words} is on.",
            "integer" or "number" => style < 0.4 ? $"The {words}." : style < 0.7 ? $"The value of the {words}." : $"The {words} as a number.",
            _ => style < 0.4 ? $"The {words}." : style < 0.7 ? $"Name of the {words}." : $"The {words} to look for.",
        };
    }

    private static List<T> Shuffled<T>(ref SplitMix random, List<T> items)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var other = random.Next(i + 1);
            (items[i], items[other]) = (items[other], items[i]);
        }

        return items;
    }

    private static double Overlap(IReadOnlyCollection<string> one, IReadOnlyCollection<string> other)
    {
        var (a, b) = (one.ToHashSet(StringComparer.Ordinal), other.ToHashSet(StringComparer.Ordinal));
        var shared = a.Count(b.Contains);
        return shared == 0 ? 0 : (double)shared / Math.Min(a.Count, b.Count);
    }
}
