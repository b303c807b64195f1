namespace ToolR0.Contracts.Options;

public sealed record DispatchOptions
{
    /// <summary>Prompts per shard of each kind of work. Part of the result's identity: what shares a batch decides rounding.</summary>
    public int PromptsPerShard { get; init; } = 16;

    /// <summary>
    /// Completions per shard, at least one prompt's: a shard of prompts with many samples then holds fewer prompts, so that batches are of like size.
    /// 0: no limit.
    /// </summary>
    public int CompletionsPerShard { get; init; }

    /// <summary>Prompts that a shard holds when each is sampled so often.</summary>
    public int PromptsFor(int samples) =>
        CompletionsPerShard == 0 ? PromptsPerShard : Math.Clamp(CompletionsPerShard / Math.Max(1, samples), 1, PromptsPerShard);

    /// <summary>
    /// Memory for the keys and values of one shard's completions, in MB (10⁶ bytes); prompts that do not fit wait until others are done. Part of the
    /// result's identity.
    /// </summary>
    public long CacheMegabytes { get; init; } = 16_000;

    /// <summary>Threads inside one tensor operation. Part of the result's identity.</summary>
    public int IntraOpThreads { get; init; } = 1;

    /// <summary>A shard not answered for this long is sent again.</summary>
    public double ResendAfterSeconds { get; init; } = 1800;
}
