using System.Globalization;
using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Prompts;

/// <summary>A demonstration of the format: a task and the spec that it obeys.</summary>
public sealed record Demonstration(TaskSpec Spec, ToolTask Task);

/// <summary>
/// The set <see cref="PromptSet.Signatures"/>: menus of signatures, before the question where the Generator writes them; answers are JSON calls in
/// the usual tags. A last turn of the assistant is open: the model goes on with it.
/// </summary>
public static class SignatureFormat
{
    /// <summary>At most so many demonstrations.</summary>
    public const int MostExamples = 8;

    private static readonly Lazy<IReadOnlyList<Demonstration>> Tasks = new(() => ReadDemonstrations("examples"));

    private static readonly Lazy<IReadOnlyList<Demonstration>> Answers = new(() => ReadDemonstrations("examples.solver"));

    /// <summary>The Generator's, built into the assembly, written for this product: eight domains, short lines, texts, numbers, booleans and a
    /// date.</summary>
    public static IReadOnlyList<Demonstration> Demonstrations => Tasks.Value;

    /// <summary>The Solver's: names that a question does not suggest, optional parameters left out, menus of one and of two tools.</summary>
    public static IReadOnlyList<Demonstration> SolverDemonstrations => Answers.Value;

    /// <summary>How an answer begins that calls something. Given to the Solver where the options say so.</summary>
    public const string Beginning = $"<{Tags.Answer}>[{{\"name\": \"";

    /// <summary>With what both roles' texts end.</summary>
    public const string End = $"</{Tags.Answer}>";

    /// <summary>What the Generator is asked.</summary>
    public static IReadOnlyList<(string Role, string Content)> GeneratorTurns(TaskSpec spec, int examples)
    {
        if (examples == 0)
            return [("user", PromptTemplates.Fill("signatures.generator.user", ("spec", Specification(spec))))];
        var written = Demonstrations.Take(examples).Select((demonstration, i) => Written(i + 1, demonstration.Spec, Proposal(demonstration.Task)));
        return
        [
            ("user", PromptTemplates.Fill("signatures.generator.examples", ("count", Number(examples + 1)))),
            ("assistant", string.Join("\n\n", written.Append(Written(examples + 1, spec, "")))),
        ];
    }

    /// <summary>What the Solver is asked.</summary>
    public static IReadOnlyList<(string Role, string Content)> SolverTurns(ToolTask task, int examples) =>
    [
        ("system", PromptTemplates.Text("signatures.solver.system")),
        .. SolverDemonstrations.Take(examples).SelectMany(d => new[] { ("user", Request(d.Task)), ("assistant", Answer(d.Task.Gold)) }),
        ("user", Request(task)),
    ];

    /// <summary>What the Generator answers.</summary>
    public static string Proposal(ToolTask task) =>
        $"<{Tags.Tools}>\n{SignatureMenu.Write(task.Menu)}\n</{Tags.Tools}>\n<{Tags.Question}>{task.Question}</{Tags.Question}>\n{Answer(task.Gold)}";

    /// <summary>What the Solver answers: JSON with a space after each comma and colon.</summary>
    public static string Answer(IEnumerable<ToolCall> calls)
    {
        var text = new StringBuilder($"<{Tags.Answer}>[");
        var first = true;
        foreach (var call in calls)
        {
            text.Append(first ? "{\"name\": " : ", {\"name\": ");
            first = false;
            CanonicalJson.WriteString(text, call.Name);
            text.Append(", \"arguments\": {");
            foreach (var (name, value) in call.Arguments)
            {
                if (text[^1] != '{')
                    text.Append(", ");
                CanonicalJson.WriteString(text, name);
                text.Append(": ");
                Write(text, value);
            }

            text.Append("}}");
        }

        return text.Append(']').Append(End).ToString();
    }

    /// <summary>
    /// A proposal that can no longer become a task: a line of its menu cannot be read or names a tool again, the menu is longer than
    /// <paramref name="mostTools"/>, or it does not begin with a menu.
    /// </summary>
    /// <param name="text">So far; its last line may be unfinished.</param>
    public static bool IsHopeless(string text, int mostTools)
    {
        var lines = text.Split('\n');
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (lines.Length < 2)
            return false;
        if (lines[0].Trim() != $"<{Tags.Tools}>")
            return true;
        foreach (var line in lines[1..^1])
        {
            if (line.StartsWith($"</{Tags.Tools}>", StringComparison.Ordinal))
                return names.Count == 0;
            if (SignatureMenu.Read(line, out _) is not [var tool] || tool.Parameters.Count == 0 || !names.Add(tool.Name) || names.Count > mostTools)
                return true;
        }

        return false;
    }

    private static string Request(ToolTask task) =>
        PromptTemplates.Fill("signatures.solver.user", ("menu", SignatureMenu.Write(task.Menu)), ("question", task.Question));

    private static string Written(int number, TaskSpec spec, string task) => PromptTemplates.Fill(
        "signatures.generator.task", ("number", Number(number)), ("spec", Specification(spec)), ("task", task));

    /// <summary>"weather, 2 tools, 1 call, 2 arguments, a date among the values".</summary>
    private static string Specification(TaskSpec spec)
    {
        var calls = spec.Given?.Wanted is { } wanted ? $"{Counted(spec.Calls, "call")} of {wanted}" : Counted(spec.Calls, "call");
        var parts = new List<string> { spec.Domain, Counted(spec.MenuSize, "tool"), calls };
        if (spec.Arguments is { } arguments)
            parts.Add(Counted(arguments, "argument"));
        if (spec.Value is { } value)
            parts.Add($"a {value} among the values");
        if (spec.Context == TaskContext.MultiTurn)
            parts.Add("a conversation of User and Agent");
        if (spec.Chained)
            parts.Add("a call needs the result of the first, written \"$1\"");
        return string.Join(", ", parts);
    }

    private static string Counted(int count, string what) => $"{Number(count)} {what}{(count == 1 ? "" : "s")}";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var item in value.EnumerateArray())
                {
                    if (text[^1] != '[')
                        text.Append(", ");
                    Write(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.Object:
                text.Append('{');
                foreach (var member in value.EnumerateObject())
                {
                    if (text[^1] != '{')
                        text.Append(", ");
                    CanonicalJson.WriteString(text, member.Name);
                    text.Append(": ");
                    Write(text, member.Value);
                }

                text.Append('}');
                break;
            default:
                CanonicalJson.Write(text, value);
                break;
        }
    }

    private static IReadOnlyList<Demonstration> ReadDemonstrations(string name)
    {
        using var document = JsonDocument.Parse(Resources.Text($"Prompts.signatures.{name}.json"));
        return [.. document.RootElement.EnumerateArray().Select(Read)];
    }

    private static Demonstration Read(JsonElement written)
    {
        var lines = string.Join('\n', written.GetProperty("menu").EnumerateArray().Select(line => line.GetString()));
        var menu = SignatureMenu.Read(lines, out var problem) ?? throw new InvalidOperationException($"a demonstration's menu: {problem}");
        if (!Calls.TryNormalise(written.GetProperty("gold").Clone(), out var gold))
            throw new InvalidOperationException("a demonstration's calls cannot be read");
        var task = new ToolTask(written.GetProperty("question").GetString()!, menu, gold);
        return new Demonstration(Specs.SpecObedience.Of(written.GetProperty("domain").GetString()!, task), task);
    }
}
