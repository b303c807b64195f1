using System.Text;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>What makes two tasks the same.</summary>
public static class Fingerprints
{
    /// <summary>
    /// SHA-256 over the question (lower case, white space folded, each run of digits 0 if <paramref name="foldDigits"/>), the sorted tool
    /// signatures and the sorted call signatures (names of tool and arguments).
    /// </summary>
    public static string Of(ToolTask task, bool foldDigits)
    {
        var tools = task.Menu
            .Select(tool => $"{tool.Name}({string.Join(',', tool.Parameters.Select(p => $"{p.Name}:{p.Type}").Order(StringComparer.Ordinal))})")
            .Order(StringComparer.Ordinal);
        var calls = task.Gold
            .Select(call => $"{call.Name}({string.Join(',', call.Arguments.Keys.Order(StringComparer.Ordinal))})")
            .Order(StringComparer.Ordinal);
        return Digests.Sha256Hex($"{Question(task.Question, foldDigits)}\n{string.Join(';', tools)}\n{string.Join(';', calls)}");
    }

    /// <summary>The task in one spelling: question, menu as offered, gold calls in order.</summary>
    public static string CanonicalText(ToolTask task)
    {
        var text = new StringBuilder("{\"question\":");
        CanonicalJson.WriteString(text, task.Question);
        return text.Append(",\"menu\":").Append(MenuReader.ToJson(task.Menu))
            .Append(",\"gold\":[").AppendJoin(',', task.Gold.Select(Calls.Canonical)).Append("]}").ToString();
    }

    private static string Question(string question, bool foldDigits)
    {
        var text = new StringBuilder(question.Length);
        foreach (var c in question.Trim().ToLowerInvariant())
        {
            var next = char.IsWhiteSpace(c) ? ' ' : foldDigits && char.IsDigit(c) ? '0' : c;
            var folds = next == ' ' || foldDigits && char.IsDigit(c);
            if (!folds || text.Length == 0 || text[^1] != next)
                text.Append(next);
        }

        return text.ToString();
    }
}

/// <summary>
/// Keeps held-out items out of every curriculum: refuses a task that asks an item's question, whatever the menu, letter case, white space and
/// punctuation.
/// </summary>
public sealed class HeldOutGuard(IEnumerable<HeldOutItem> items)
{
    private readonly HashSet<string> _questions = [.. items.Select(item => Words.Fold(item.Task.Question))];

    public static HeldOutGuard None { get; } = new([]);

    public int Count => _questions.Count;

    public bool Refuses(ToolTask task) => _questions.Contains(Words.Fold(task.Question));
}
