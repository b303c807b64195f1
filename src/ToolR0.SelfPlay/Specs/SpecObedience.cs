using System.Text.Json;
using System.Text.RegularExpressions;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Specs;

/// <summary>What of a spec a task obeys.</summary>
public static partial class SpecObedience
{
    private const string Month =
        "(january|february|march|april|may|june|july|august|september|october|november|december)";

    private const string Written = @"^\d{4}-\d{1,2}-\d{1,2}$|^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}$";
    private const string Said = "^(today|tomorrow|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday)$";

    [GeneratedRegex(Written + "|" + Said + @"|\b" + Month + @" \d|\b\d{1,2}(st|nd|rd|th)? (of )?" + Month + @"\b", RegexOptions.IgnoreCase)]
    private static partial Regex Date { get; }

    /// <summary>Arguments of the call that has the most.</summary>
    public static int ArgumentsOf(IEnumerable<ToolCall> calls) => calls.Select(call => call.Arguments.Count).DefaultIfEmpty().Max();

    /// <summary>The kind of a value, one of <see cref="ValueKinds"/>; null for an object or null.</summary>
    public static string? KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => ValueKinds.Number,
        JsonValueKind.True or JsonValueKind.False => ValueKinds.Boolean,
        JsonValueKind.Array => ValueKinds.List,
        JsonValueKind.String => Date.IsMatch(value.GetString()!) ? ValueKinds.Date : ValueKinds.Text,
        _ => null,
    };

    /// <summary>The kinds of all values.</summary>
    public static IReadOnlyList<string> KindsOf(IEnumerable<ToolCall> calls) =>
        [.. calls.SelectMany(call => call.Arguments.Values).Select(KindOf).OfType<string>().Distinct()];

    /// <summary>The number of arguments is what the spec asks for, where it asks.</summary>
    public static bool ObeysArguments(TaskSpec spec, IReadOnlyList<ToolCall> gold) => spec.Arguments is not { } asked || ArgumentsOf(gold) == asked;

    /// <summary>A value is of the kind that the spec asks for, where it asks.</summary>
    public static bool ObeysValue(TaskSpec spec, IReadOnlyList<ToolCall> gold) => spec.Value is not { } kind || KindsOf(gold).Contains(kind);

    /// <summary>A call is of the tool that the spec wants, where its menu is given.</summary>
    public static bool ObeysOffer(TaskSpec spec, IReadOnlyList<ToolCall> gold) =>
        spec.Given?.Wanted is not { } wanted || gold.Any(call => call.Name == wanted);

    /// <summary>A call needs an earlier one's result where the spec asks for it.</summary>
    public static bool ObeysChain(TaskSpec spec, IReadOnlyList<ToolCall> gold) =>
        !spec.Chained || GoldReferences.Any(gold) && GoldReferences.AreToEarlier(gold);

    /// <summary>Menu, calls, context, arguments and values are what the spec asks for.</summary>
    public static bool Obeys(TaskSpec spec, ToolTask task) =>
        task.Menu.Count == spec.MenuSize && task.Gold.Count == spec.Calls
        && ObeysArguments(spec, task.Gold) && ObeysValue(spec, task.Gold) && ObeysOffer(spec, task.Gold)
        && ObeysChain(spec, task.Gold)
        && (spec.Context != TaskContext.MultiTurn || Conversation.Is(task.Question));

    /// <summary>The spec that a task obeys, numbers of arguments included; of the kinds of its values the rarest.</summary>
    public static TaskSpec Of(string domain, ToolTask task) => new(
        domain,
        Conversation.Is(task.Question) ? TaskContext.MultiTurn : TaskContext.SingleTurn,
        task.Menu.Count,
        task.Gold.Count,
        task.Gold.Count == 0 ? null : ArgumentsOf(task.Gold),
        KindsOf(task.Gold).OrderByDescending(kind => Array.IndexOf([.. ValueKinds.All], kind)).FirstOrDefault());

    /// <summary>The spec of a task as far as another spec speaks: what that one leaves open stays open.</summary>
    public static TaskSpec As(TaskSpec asked, ToolTask task)
    {
        var obeyed = Of(asked.Domain, task);
        return obeyed with
        {
            Given = asked.Given,
            Chained = asked.Chained,
            Arguments = asked.Arguments is null ? null : obeyed.Arguments,
            Value = asked.Value is null ? null : KindsOf(task.Gold).Contains(asked.Value) ? asked.Value : obeyed.Value,
        };
    }
}
