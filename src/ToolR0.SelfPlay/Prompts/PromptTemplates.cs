using System.Text;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Prompts;

/// <summary>The prompt texts built into the assembly: <c>{set}.{role}.{part}.txt</c>, with <c>{name}</c> places. A final line end belongs to the
/// file, not to the prompt.</summary>
internal static class PromptTemplates
{
    private static readonly Dictionary<string, string> Texts = new[]
    {
        "paper.generator.system", "paper.generator.user", "paper.generator.single_turn", "paper.generator.multi_turn",
        "paper.generator.some_calls", "paper.generator.no_calls", "paper.solver.system", "paper.solver.refusal", "paper.solver.user",
        "paper.judge.system", "paper.judge.coherence", "paper.judge.difficulty", "compact.generator.user", "compact.solver.user",
        "compact.judge.user", "signatures.solver.system", "signatures.solver.user", "signatures.generator.user", "signatures.generator.examples",
        "signatures.generator.task", "paper.generator.chained",
    }.ToDictionary(name => name, name => Resources.Text($"Prompts.{name}.txt").TrimEnd('\n'));

    public static string Text(string name) => Texts[name];

    /// <summary>Fills the places in one pass from left to right: what a value says is never read as a place.</summary>
    public static string Fill(string name, params ReadOnlySpan<(string Place, string Value)> values)
    {
        var template = Texts[name].AsSpan();
        var text = new StringBuilder();
        while (!template.IsEmpty)
        {
            var open = template.IndexOf('{');
            if (open < 0)
                break;
            text.Append(template[..open]);
            template = template[open..];
            var filled = false;
            foreach (var (place, value) in values)
            {
                if (!template[1..].StartsWith(place) || template.Length < place.Length + 2 || template[place.Length + 1] != '}')
                    continue;
                text.Append(value);
                template = template[(place.Length + 2)..];
                filled = true;
                break;
            }

            if (!filled)
            {
                text.Append('{');
                template = template[1..];
            }
        }

        return text.Append(template).ToString();
    }

    public static string WireName(TaskContext context) => context == TaskContext.MultiTurn ? "multi_turn" : "single_turn";
}
