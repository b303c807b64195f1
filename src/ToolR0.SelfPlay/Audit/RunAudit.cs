using System.Runtime.CompilerServices;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Something stored that is not what the other stored facts give.</summary>
/// <param name="Version">Of the fact in its stream; 0 where a fact is missing.</param>
/// <param name="Field">Path inside the fact, e.g. <c>scores[3].advantage</c>.</param>
public sealed record AuditFinding(string Stream, long Version, string Field, string Stored, string Recomputed)
{
    public override string ToString() => $"{Stream} v{Version} {Field}: stored {Stored}, recomputed {Recomputed}";
}

/// <summary>What an audit needs of a tokenizer; what is null stays unchecked.</summary>
/// <param name="Decode">From a completion's token ids to its text.</param>
/// <param name="Prompt">From chat messages to prompt token ids.</param>
/// <param name="Results">From what calls returned, and the tokens so far, to the token ids that are appended.</param>
internal sealed record AuditEncoders(
    Func<IReadOnlyList<int>, string>? Decode,
    Func<IReadOnlyList<(string Role, string Content)>, IReadOnlyList<int>>? Prompt,
    Func<IReadOnlyList<string>, IReadOnlyList<int>, IReadOnlyList<int>>? Results);

/// <summary>
/// Recomputes a run from its stored facts: specs and seeds of every completion, digests, text from tokens, prompts from tasks, executed calls from
/// texts, every reward component and advantage, the curriculum and its order, accuracies, the chain of policies and all metrics that are functions
/// of facts. What no pure function gives again is taken as stored: sampled tokens, what tools returned, weights, times.
/// </summary>
public static class RunAudit
{
    /// <summary>
    /// The differences, in the order of the facts; none when the run is consistent. Holds the current step's facts in memory, no more. A run that is
    /// under way is audited as far as it got.
    /// </summary>
    /// <param name="facts">All facts of one run in global order.</param>
    /// <param name="decode">From a completion's token ids (stopping token included) to its text; null leaves texts unchecked.</param>
    /// <param name="encodePrompt">From chat messages to prompt token ids, generation prompt included; null leaves prompts unchecked.</param>
    /// <param name="heldOut">Items of each held-out stream (<c>heldout/{sha256}</c>) in order, where <paramref name="facts"/> does not hold
    /// them.</param>
    /// <param name="encodeResults">From what a turn's calls returned, and the tokens of the trajectory so far, to the token ids that are appended;
    /// null leaves them unchecked.</param>
    public static async IAsyncEnumerable<AuditFinding> CheckAsync(
        IAsyncEnumerable<StoredFact> facts,
        Func<IReadOnlyList<int>, string>? decode = null,
        Func<IReadOnlyList<(string Role, string Content)>, IReadOnlyList<int>>? encodePrompt = null,
        IReadOnlyDictionary<string, IReadOnlyList<HeldOutItem>>? heldOut = null,
        Func<IReadOnlyList<string>, IReadOnlyList<int>, IReadOnlyList<int>>? encodeResults = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var auditor = new RunAuditor(new AuditEncoders(decode, encodePrompt, encodeResults), heldOut);
        await foreach (var fact in facts.WithCancellation(cancellation))
        {
            foreach (var finding in auditor.Next(fact))
                yield return finding;
        }

        foreach (var finding in auditor.End())
            yield return finding;
    }
}
