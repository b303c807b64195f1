namespace ToolR0.Policies.Model;

/// <summary>
/// Completions of similar length, padded to one width: rows [groups, <paramref name="Samples"/>, <paramref name="Width"/>] from
/// <paramref name="FirstRow"/> on.
/// </summary>
/// <param name="FirstRank">The longest of a group's completions has rank 0.</param>
internal sealed record CompletionBlock(int FirstRank, int Samples, int Width, int FirstRow)
{
    public int RowsOf(int groups) => groups * Samples * Width;
}

/// <summary>
/// Token ids of a batch in which each prompt is held once and its completions follow it. Rows of the network are all prompt positions
/// first, [groups, PromptWidth], then the completions' in blocks; short ones are padded on the right. A group's completions are ordered by
/// length, so that a block holds similar ones and little is padding.
/// </summary>
internal sealed class PrefixBatch
{
    /// <summary>A completion shorter than this share of its block's width starts a new block.</summary>
    private const double BlockShare = 0.8;

    /// <summary>By group, by rank: index of the completion.</summary>
    private readonly int[][] _byRank;

    private PrefixBatch(IReadOnlyList<int[]> prompts, IReadOnlyList<IReadOnlyList<int[]>> completions)
    {
        PromptLengths = [.. prompts.Select(p => p.Length)];
        PromptWidth = PromptLengths.Max();
        _byRank = [.. completions.Select(g => Enumerable.Range(0, g.Count).OrderByDescending(s => g[s].Length).ToArray())];
        Blocks = CutBlocks(completions);
        Tokens = new long[PromptRows + Blocks.Sum(b => b.RowsOf(Groups))];
        for (var g = 0; g < prompts.Count; g++)
        {
            for (var i = 0; i < prompts[g].Length; i++)
                Tokens[g * PromptWidth + i] = prompts[g][i];
        }
    }

    public int Groups => PromptLengths.Length;

    public int[] PromptLengths { get; }

    public int PromptWidth { get; }

    public int PromptRows => Groups * PromptWidth;

    /// <summary>In order of rows; empty for prompts only.</summary>
    public IReadOnlyList<CompletionBlock> Blocks { get; }

    /// <summary>One id per row.</summary>
    public long[] Tokens { get; }

    /// <summary>Positions that rotary tables must cover.</summary>
    public int Positions => PromptLengths.Max() + (Blocks.Count == 0 ? 0 : Blocks[0].Width);

    /// <summary>Independent sequences without completions.</summary>
    public static PrefixBatch Plain(IReadOnlyList<int[]> sequences) => new(sequences, [.. sequences.Select(_ => Array.Empty<int[]>())]);

    /// <summary>
    /// Prompts with completions. The last token of a completion predicts nothing that is trained on, so it is not fed: a completion of n
    /// tokens takes n − 1 rows.
    /// </summary>
    public static PrefixBatch Shared(IReadOnlyList<int[]> prompts, IReadOnlyList<IReadOnlyList<int[]>> completions)
    {
        var batch = new PrefixBatch(prompts, completions);
        for (var g = 0; g < completions.Count; g++)
        {
            for (var s = 0; s < completions[g].Count; s++)
            {
                for (var t = 1; t < completions[g][s].Length; t++)
                    batch.Tokens[batch.RowPredicting(g, s, t)] = completions[g][s][t - 1];
            }
        }

        return batch;
    }

    /// <summary>The row whose output predicts token <paramref name="t"/> of a completion.</summary>
    public int RowPredicting(int group, int sample, int t)
    {
        if (t == 0)
            return group * PromptWidth + PromptLengths[group] - 1;
        var rank = Array.IndexOf(_byRank[group], sample);
        var block = Blocks.Last(b => b.FirstRank <= rank);
        return block.FirstRow + (group * block.Samples + rank - block.FirstRank) * block.Width + t - 1;
    }

    private List<CompletionBlock> CutBlocks(IReadOnlyList<IReadOnlyList<int[]>> completions)
    {
        var ranks = completions.Max(g => g.Count);
        var widths = Enumerable.Range(0, ranks)
            .Select(rank => completions.Select((g, i) => rank < g.Count ? g[_byRank[i][rank]].Length - 1 : 0).Max())
            .ToArray();
        var blocks = new List<CompletionBlock>();
        var row = PromptRows;
        for (int first = 0, end; first < ranks && widths[first] > 0; first = end)
        {
            for (end = first + 1; end < ranks && widths[end] >= BlockShare * widths[first];)
                end++;
            blocks.Add(new CompletionBlock(first, end - first, widths[first], row));
            row += blocks[^1].RowsOf(Groups);
        }

        return blocks;
    }
}
