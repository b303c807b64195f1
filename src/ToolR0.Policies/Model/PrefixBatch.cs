namespace ToolR0.Policies;

/// <summary>
/// Token ids of a batch in which each prompt is held once and its completions follow it. Rows of the network are all prompt positions
/// first, [groups, PromptWidth], then all completion positions, [groups, Samples, CompletionWidth]; short ones are padded on the right.
/// </summary>
internal sealed class PrefixBatch
{
    private PrefixBatch(int[] promptLengths, int promptWidth, int samples, int completionWidth)
    {
        PromptLengths = promptLengths;
        PromptWidth = promptWidth;
        Samples = samples;
        CompletionWidth = completionWidth;
        Tokens = new long[PromptRows + Groups * samples * completionWidth];
    }

    public int Groups => PromptLengths.Length;

    public int[] PromptLengths { get; }

    public int PromptWidth { get; }

    /// <summary>Completions per group; groups with fewer are padded. 0: prompts only.</summary>
    public int Samples { get; }

    public int CompletionWidth { get; }

    public int PromptRows => Groups * PromptWidth;

    public bool HasCompletions => Samples * CompletionWidth > 0;

    /// <summary>One id per row.</summary>
    public long[] Tokens { get; }

    /// <summary>Positions that rotary tables must cover.</summary>
    public int Positions => PromptLengths.Max() + CompletionWidth;

    /// <summary>Independent sequences without completions.</summary>
    public static PrefixBatch Plain(IReadOnlyList<int[]> sequences)
    {
        var batch = new PrefixBatch([.. sequences.Select(s => s.Length)], sequences.Max(s => s.Length), 0, 0);
        batch.FillPrompts(sequences);
        return batch;
    }

    /// <summary>
    /// Prompts with completions. The last token of a completion predicts nothing that is trained on, so it is not fed: a completion of n
    /// tokens takes n − 1 rows.
    /// </summary>
    public static PrefixBatch Shared(IReadOnlyList<int[]> prompts, IReadOnlyList<IReadOnlyList<int[]>> completions)
    {
        var width = completions.Max(g => g.Max(c => c.Length)) - 1;
        var samples = completions.Max(g => g.Count);
        var batch = new PrefixBatch([.. prompts.Select(p => p.Length)], prompts.Max(p => p.Length), samples, width);
        batch.FillPrompts(prompts);
        for (var g = 0; g < completions.Count; g++)
        {
            for (var s = 0; s < completions[g].Count; s++)
            {
                var tokens = completions[g][s];
                for (var t = 0; t + 1 < tokens.Length; t++)
                    batch.Tokens[batch.PromptRows + (g * samples + s) * width + t] = tokens[t];
            }
        }

        return batch;
    }

    /// <summary>The row whose output predicts token <paramref name="t"/> of a completion.</summary>
    public int RowPredicting(int group, int sample, int t) => t == 0
        ? group * PromptWidth + PromptLengths[group] - 1
        : PromptRows + (group * Samples + sample) * CompletionWidth + t - 1;

    private void FillPrompts(IReadOnlyList<int[]> prompts)
    {
        for (var g = 0; g < prompts.Count; g++)
        {
            for (var i = 0; i < prompts[g].Length; i++)
                Tokens[g * PromptWidth + i] = prompts[g][i];
        }
    }
}
