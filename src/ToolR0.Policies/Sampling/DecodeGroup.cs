namespace ToolR0.Policies.Sampling;

/// <summary>A prompt and its completions while they are decoded.</summary>
/// <param name="rows">One a seed.</param>
internal sealed class DecodeGroup(int[] prompt, SampledRow[] rows)
{
    public int[] Prompt => prompt;

    /// <summary>By slot; null where the group has fewer than the batch is wide.</summary>
    public SampledRow?[] Rows { get; private set; } = rows;

    /// <summary>Tokens fed to each completion since the prompt.</summary>
    public int Age { get; set; }

    /// <summary>Of these, the ones whose columns lie right behind the prompt's; later ones lie where the whole batch writes.</summary>
    public int Packed { get; set; }

    public bool IsLive => Rows.Any(r => r is { Done: false });

    /// <summary>Slots of unfinished completions.</summary>
    public int[] LiveSlots => [.. Enumerable.Range(0, Rows.Length).Where(s => Rows[s] is { Done: false })];

    /// <summary>Keeps the rows of some slots, in <paramref name="width"/> slots.</summary>
    public void Place(int[] slots, int width) => Rows = [.. Enumerable.Range(0, width).Select(s => s < slots.Length ? Rows[slots[s]] : null)];
}
