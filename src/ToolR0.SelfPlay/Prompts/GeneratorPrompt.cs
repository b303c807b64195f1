using System.Globalization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Prompts;

/// <summary>Asks the Generator for one task of a spec.</summary>
public static class GeneratorPrompt
{
    /// <param name="specs">Has the tools of a given menu (<see cref="TaskSpec.Given"/>); may be null where none is given.</param>
    public static IReadOnlyList<(string Role, string Content)> Render(TaskSpec spec, PromptOptions options, SpecOptions? specs = null)
    {
        var turns = Turns(spec, options);
        if (Given(spec, options, specs) is not { Length: > 0 } given)
            return turns;
        return turns[^1] is ("assistant", var open) ? [.. turns.SkipLast(1), ("assistant", open + given)] : [.. turns, ("assistant", given)];
    }

    /// <summary>
    /// How a proposal whose menu is given begins: the menu in its tags, and the question's tag. It belongs to the prompt, so that only what the
    /// Generator writes is learned from, and to the proposal's text. Empty where the Generator invents the menu.
    /// </summary>
    public static string Given(TaskSpec spec, PromptOptions options, SpecOptions? specs)
    {
        if (spec.Given is not { } menuGiven)
            return "";
        ArgumentNullException.ThrowIfNull(specs);
        var known = specs.Catalogue.ToDictionary(tool => tool.Tool.Name, tool => tool.Tool, StringComparer.Ordinal);
        IReadOnlyList<ToolSpec> menu = [.. menuGiven.Names.Select(name => known[name])];
        return options.Set switch
        {
            PromptSet.Signatures => $"<{Tags.Tools}>\n{SignatureMenu.Write(menu)}\n</{Tags.Tools}>\n<{Tags.Question}>",
            PromptSet.Compact => Tags.Wrap(Tags.Tools, MenuReader.ToCompactJson(menu)),
            _ => $"{Tags.Wrap(Tags.Tools, MenuReader.ToJson(menu))}\n",
        };
    }

    private static IReadOnlyList<(string Role, string Content)> Turns(TaskSpec spec, PromptOptions options)
    {
        if (options.Set == PromptSet.Compact)
            return [("user", CompactFormat.Specification(spec))];
        if (options.Set == PromptSet.Signatures)
            return SignatureFormat.GeneratorTurns(spec, options.Examples);

        var context = PromptTemplates.WireName(spec.Context);
        var calls = spec.Calls.ToString(CultureInfo.InvariantCulture);
        var user = PromptTemplates.Fill(
            "paper.generator.user",
            ("domain", spec.Domain),
            ("context", context),
            ("tools", spec.MenuSize.ToString(CultureInfo.InvariantCulture)),
            ("calls", calls),
            ("calls_rule", spec.Calls == 0 ? PromptTemplates.Text("paper.generator.no_calls")
                : PromptTemplates.Fill("paper.generator.some_calls", ("calls", calls))),
            ("context_rule", PromptTemplates.Text($"paper.generator.{context}")));
        if (spec.Chained)
            user += $"\n\n{PromptTemplates.Text("paper.generator.chained")}";
        return [("system", PromptTemplates.Text("paper.generator.system")), ("user", user)];
    }
}

/// <summary>Asks the Solver to answer one task.</summary>
public static class SolverPrompt
{
    /// <summary>What the Solver is given for a purpose: the task to answer, or to judge.</summary>
    public static IReadOnlyList<(string Role, string Content)> Of(ToolTask task, AttemptPurpose purpose, PromptOptions options) =>
        purpose is AttemptPurpose.Judge or AttemptPurpose.Label ? JudgePrompt.Render(task, purpose, options) : Render(task, options);

    /// <param name="tools">
    /// The JSON text of tools that have more to say than a <see cref="ToolSpec"/> holds; null where there are none. The compact set has no place for
    /// it, nor has that of signatures.
    /// </param>
    public static IReadOnlyList<(string Role, string Content)> Render(ToolTask task, PromptOptions options,
        IReadOnlyDictionary<ToolSpec, string>? tools = null)
    {
        if (options.ShuffleMenu)
            task = task with { Menu = Shuffled(task) };
        if (options.Set == PromptSet.Compact)
            return [("user", CompactFormat.Request(task))];
        if (options.Set == PromptSet.Signatures)
            return SignatureFormat.SolverTurns(task, options.Examples);

        var menu = tools is null ? MenuReader.ToJson(task.Menu)
            : $"[{string.Join(',', task.Menu.Select(tool => tools.GetValueOrDefault(tool) ?? MenuReader.ToJson(tool, null)))}]";
        var user = PromptTemplates.Fill("paper.solver.user", ("question", task.Question), ("menu", menu));
        var system = PromptTemplates.Text("paper.solver.system");
        return [("system", options.OfferRefusal ? $"{system}\n{PromptTemplates.Text("paper.solver.refusal")}" : system), ("user", user)];
    }

    /// <summary>An answer that makes these calls, in the set's format.</summary>
    public static string Answer(IReadOnlyList<ToolCall> calls, PromptOptions options) =>
        options.Set == PromptSet.Signatures ? SignatureFormat.Answer(calls) : CompactFormat.Answer(calls);

    /// <summary>An order that depends on the question and each tool's name alone: the same task is always shown alike.</summary>
    private static IReadOnlyList<ToolSpec> Shuffled(ToolTask task) =>
        [.. task.Menu.OrderBy(tool => Seeds.Derive(0, $"{task.Question}/{tool.Name}"))];
}

/// <summary>The tiny model's format, as it is pretrained on it: no white space in JSON, shorthand parameters.</summary>
public static class CompactFormat
{
    /// <summary>What the Generator is asked.</summary>
    public static string Specification(TaskSpec spec) => PromptTemplates.Fill(
        "compact.generator.user",
        ("domain", spec.Domain),
        ("context", spec.Chained ? "chained" : PromptTemplates.WireName(spec.Context)),
        ("tools", spec.MenuSize.ToString(CultureInfo.InvariantCulture)),
        ("calls", spec.Calls.ToString(CultureInfo.InvariantCulture)));

    /// <summary>What the Generator answers.</summary>
    public static string Proposal(string think, ToolTask task) =>
        Tags.Wrap(Tags.Think, think) + Request(task) + Answer(task.Gold);

    /// <summary>What the Solver is asked: question and menu.</summary>
    public static string Request(ToolTask task) =>
        PromptTemplates.Fill("compact.solver.user", ("question", task.Question), ("menu", MenuReader.ToCompactJson(task.Menu)));

    /// <summary>What the Solver answers.</summary>
    public static string Answer(IEnumerable<ToolCall> calls) => Tags.Wrap(Tags.Answer, Calls.ToJson(calls));
}
