using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ToolR0.Policies.Model;

/// <summary>
/// Causal attention over a <see cref="PrefixBatch"/>: prompt positions attend within their prompt, completion positions to the whole
/// prompt and to their own completion. Equal to attention over the concatenated sequences, at the cost of encoding each prompt once.
/// </summary>
internal sealed class PrefixAttention : IDisposable
{
    /// <summary>Scores that are written out; where there would be more, the library's attention goes through them in tiles.</summary>
    private const long ScoresWritten = 1 << 26;

    private readonly ModelConfig _config;
    private readonly PrefixBatch _batch;
    private readonly long _scoresWritten;
    private readonly Tensor _promptMask;
    private readonly Tensor[] _completionMasks;

    public PrefixAttention(
        ModelConfig config, PrefixBatch batch, RopeTable rope, Device device, ScalarType type, long scoresWritten = ScoresWritten)
    {
        _scoresWritten = scoresWritten;
        _config = config;
        _batch = batch;
        var positions = Positions();
        using var scope = NewDisposeScope();
        var index = tensor(positions, device: device);
        long heads = config.Heads + 2 * config.KeyValueHeads;
        Cos = rope.Cos.index_select(0, index).view(-1, heads, config.HeadSize).MoveToOuterDisposeScope();
        Sin = rope.Sin.index_select(0, index).view(-1, heads, config.HeadSize).MoveToOuterDisposeScope();
        _promptMask = PromptMask(device, type).MoveToOuterDisposeScope();
        _completionMasks = [.. batch.Blocks.Select(block => CompletionMask(block, device, type).MoveToOuterDisposeScope())];
    }

    /// <summary>Rotary factors of every row: [rows, H + 2·KV, D].</summary>
    public Tensor Cos { get; }

    public Tensor Sin { get; }

    private IEnumerable<Tensor> Held => [Cos, Sin, _promptMask, .. _completionMasks];

    private int Repeat => _config.Heads / _config.KeyValueHeads;

    /// <summary>Takes what it holds out of the dispose scope it was made in: whoever calls this disposes it.</summary>
    public void DetachFromDisposeScope()
    {
        foreach (var tensor in Held)
            tensor.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        foreach (var tensor in Held)
            tensor.Dispose();
    }

    /// <summary>[rows, H + 2·KV, D] to [rows, H · D].</summary>
    public Tensor Attend(Tensor heads)
    {
        if (_batch.Blocks.Count == 0)
            return AttendPrompts(heads, out _, out _);
        long[] sizes = [_batch.PromptRows, .. _batch.Blocks.Select(block => (long)block.RowsOf(_batch.Groups))];
        var rows = heads.split(sizes, 0);
        var prompts = AttendPrompts(rows[0], out var keys, out var values);
        return cat([prompts, .. _batch.Blocks.Select((_, i) => AttendBlock(i, rows[i + 1], keys, values))]);
    }

    /// <summary>Attention within the prompts; keys and values come back as [groups · KV, PromptWidth, D].</summary>
    public Tensor AttendPrompts(Tensor heads, out Tensor keys, out Tensor values)
    {
        long groups = _batch.Groups, width = _batch.PromptWidth, kv = _config.KeyValueHeads, size = _config.HeadSize;
        var parts = heads.view(groups, width, -1, size).split([_config.Heads, kv, kv], 2);
        var queries = parts[0].view(groups, width, kv, Repeat, size).permute(0, 2, 3, 1, 4).reshape(groups * kv, Repeat * width, size);
        keys = parts[1].permute(0, 2, 1, 3).reshape(groups * kv, width, size);
        values = parts[2].permute(0, 2, 1, 3).reshape(groups * kv, width, size);
        return Mix(_promptMask, queries, keys, values)
            .view(groups, kv, Repeat, width, size).permute(0, 3, 1, 2, 4).reshape(groups * width, _config.AttentionWidth);
    }

    private Tensor AttendBlock(int block, Tensor heads, Tensor promptKeys, Tensor promptValues)
    {
        long groups = _batch.Groups, samples = _batch.Blocks[block].Samples, width = _batch.Blocks[block].Width;
        long kv = _config.KeyValueHeads, size = _config.HeadSize, total = _batch.PromptWidth + width;
        var parts = heads.view(groups, samples, width, -1, size).split([_config.Heads, kv, kv], 3);
        var queries = parts[0].view(groups, samples, width, kv, Repeat, size).permute(0, 3, 1, 4, 2, 5)
            .reshape(groups * kv * samples, Repeat * width, size);
        var keys = WithPrefix(promptKeys, parts[1]);
        var values = WithPrefix(promptValues, parts[2]);
        return Mix(_completionMasks[block], queries, keys, values)
            .view(groups, kv, samples, Repeat, width, size).permute(0, 2, 4, 1, 3, 5).reshape(groups * samples * width, _config.AttentionWidth);

        Tensor WithPrefix(Tensor prefix, Tensor own)
        {
            var shared = prefix.view(groups, kv, 1, _batch.PromptWidth, size).expand(groups, kv, samples, _batch.PromptWidth, size);
            return cat([shared, own.permute(0, 3, 1, 2, 4)], 3).view(groups * kv * samples, total, size);
        }
    }

    /// <param name="mask">[groups or 1, 1, 1, width, positions].</param>
    /// <param name="queries">[groups · n, Repeat · width, D], each already divided by √D.</param>
    /// <param name="keys">[groups · n, positions, D].</param>
    private Tensor Mix(Tensor mask, Tensor queries, Tensor keys, Tensor values)
    {
        var (groups, rows, size) = (_batch.Groups, queries.shape[0], queries.shape[2]);
        var (width, positions) = (mask.shape[3], mask.shape[4]);
        if (rows * Repeat * width * positions <= _scoresWritten)
        {
            var scores = queries.bmm(keys.transpose(1, 2));
            scores.view(groups, -1, Repeat, width, positions).add_(mask, One);
            return scores.softmax(-1).bmm(values);
        }

        // The library divides by √D itself, and wants as many key heads as query heads.
        return F.scaled_dot_product_attention(
            queries.mul(Held(Math.Sqrt(size))).view(groups, -1, width, size), Repeated(keys), Repeated(values), mask.squeeze(1))
            .reshape(rows, Repeat * width, size);

        Tensor Repeated(Tensor heads) =>
            heads.view(groups, -1, 1, positions, size).expand(groups, rows / groups, Repeat, positions, size).reshape(groups, -1, positions, size);
    }

    private long[] Positions()
    {
        var positions = new long[_batch.Tokens.Length];
        for (var row = 0; row < _batch.PromptRows; row++)
            positions[row] = row % _batch.PromptWidth;
        foreach (var block in _batch.Blocks)
        {
            for (var row = 0; row < block.RowsOf(_batch.Groups); row++)
            {
                var (completion, t) = Math.DivRem(row, block.Width);
                positions[block.FirstRow + row] = _batch.PromptLengths[completion / block.Samples] + t;
            }
        }

        return positions;
    }

    /// <summary>Additive causal mask, [1, 1, 1, width, width]: right padding needs no more, real positions never see it.</summary>
    private Tensor PromptMask(Device device, ScalarType type)
    {
        var width = _batch.PromptWidth;
        var mask = new float[width * width];
        for (var row = 0; row < width; row++)
            mask.AsSpan(row * width, width)[(row + 1)..].Fill(float.NegativeInfinity);
        return tensor(mask, [1, 1, 1, width, width]).to(type).to(device);
    }

    /// <summary>Additive mask [groups, 1, 1, width, prompt + width]: prompt padding and the completion's future are hidden.</summary>
    private Tensor CompletionMask(CompletionBlock block, Device device, ScalarType type)
    {
        int prompt = _batch.PromptWidth, width = block.Width, total = prompt + width;
        var mask = new float[_batch.Groups * width * total];
        for (var g = 0; g < _batch.Groups; g++)
        {
            for (var t = 0; t < width; t++)
            {
                var row = mask.AsSpan((g * width + t) * total, total);
                row[_batch.PromptLengths[g]..prompt].Fill(float.NegativeInfinity);
                row[(prompt + t + 1)..].Fill(float.NegativeInfinity);
            }
        }

        return tensor(mask, [_batch.Groups, 1, 1, width, total]).to(type).to(device);
    }
}
