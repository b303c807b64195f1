using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>
/// The key/value caches of a batch in which groups of completions share a prompt. The batch is a grid of slots [groups, width]; a group's
/// cache holds its prompt once and then, step by step, one entry per slot: entry <c>PromptWidth + step · width + slot</c>. A query sees the
/// prompt and its own slot's entries; the mask hides the rest. So one matrix product per group and head serves all of a group's completions.
/// </summary>
internal sealed class DecodeBatch : IDisposable
{
    /// <summary>Slots are given up when at most this share of them would remain.</summary>
    private const double CompactAt = 0.75;
    private const int FirstSteps = 32;

    private readonly Transformer _model;
    private readonly FusedWeights _weights;

    /// <summary>Per layer [2 (keys, values), groups · KV, capacity, D].</summary>
    private readonly Tensor[] _caches;
    private int[] _promptLengths;
    private int _width;
    private int _steps;
    private int _stepCapacity;
    private Tensor? _mask;

    private DecodeBatch(Transformer model, int[] promptLengths, SampledRow?[] slots, int width)
    {
        _model = model;
        _weights = model.Inference;
        _caches = new Tensor[model.Config.Layers];
        _promptLengths = promptLengths;
        _width = width;
        PromptWidth = promptLengths.Max();
        Slots = slots;
    }

    /// <summary>Completions by slot, [groups · width]; null where a group has fewer.</summary>
    public SampledRow?[] Slots { get; private set; }

    private int PromptWidth { get; }

    private int Groups => _promptLengths.Length;

    private int KeyValueHeads => _model.Config.KeyValueHeads;

    private int Repeat => _model.Config.Heads / _model.Config.KeyValueHeads;

    private int Entries => PromptWidth + _steps * _width;

    private int Capacity => PromptWidth + _stepCapacity * _width;

    /// <summary>Encodes every prompt once; <paramref name="logits"/> are those of each slot's first token, [groups · width, vocabulary].</summary>
    public static DecodeBatch Prefill(Transformer model, IReadOnlyList<int[]> prompts, IReadOnlyList<SampledRow[]> rows, out Tensor logits)
    {
        var width = rows.Max(r => r.Length);
        var slots = rows.SelectMany(r => Enumerable.Range(0, width).Select(s => s < r.Length ? r[s] : null)).ToArray();
        var batch = new DecodeBatch(model, [.. prompts.Select(p => p.Length)], slots, width);
        try
        {
            batch._stepCapacity = Math.Min(FirstSteps, rows.Max(r => r.Max(x => x.Limit)));
            logits = batch.Encode(prompts);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Drops groups and columns of slots that no unfinished completion needs, if that frees enough, and makes room for another step. False
    /// when every completion is done. Depends on which completions are done and nothing else.
    /// </summary>
    public bool Compact()
    {
        var live = Enumerable.Range(0, Groups)
            .Select(g => Enumerable.Range(g * _width, _width).Where(s => Slots[s] is { Done: false }).ToArray())
            .ToArray();
        var groups = Enumerable.Range(0, Groups).Where(g => live[g].Length > 0).ToArray();
        if (groups.Length == 0)
            return false;
        var width = live.Max(l => l.Length);
        var full = _steps == _stepCapacity;
        if (full || groups.Length * width <= CompactAt * Slots.Length)
            Rebuild(groups, width, live, full ? 2 * _stepCapacity : _stepCapacity);
        return true;
    }

    /// <summary>Feeds every slot its last token; logits of the next, [groups · width, vocabulary].</summary>
    public Tensor Step()
    {
        using var scope = NewDisposeScope();
        var device = _model.Device;
        var positions = new long[Slots.Length];
        var tokens = new long[Slots.Length];
        for (var slot = 0; slot < Slots.Length; slot++)
        {
            tokens[slot] = Slots[slot]?.Last ?? 0;
            positions[slot] = _promptLengths[slot / _width] + _steps;
        }

        var config = _model.Config;
        var rope = _model.Rope(_promptLengths.Max() + _steps + 1);
        var index = tensor(positions, device: device);
        long heads = config.Heads + 2 * KeyValueHeads;
        var cos = rope.Cos.index_select(0, index).view(-1, heads, config.HeadSize);
        var sin = rope.Sin.index_select(0, index).view(-1, heads, config.HeadSize);
        _mask ??= Mask().DetachFromDisposeScope();
        var x = _weights.Embedding.index_select(0, tensor(tokens, device: device));
        for (var layer = 0; layer < config.Layers; layer++)
        {
            using var layerScope = NewDisposeScope();
            var projected = _model.Project(_weights.Layers[layer], x, cos, sin);
            x = _model.Finish(_weights.Layers[layer], x, Attend(projected, _caches[layer])).MoveToOuterDisposeScope();
        }

        _steps++;
        return _model.Head(_weights, x).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var cache in _caches)
            cache?.Dispose();
        _mask?.Dispose();
    }

    private Tensor Encode(IReadOnlyList<int[]> prompts)
    {
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Plain(prompts);
        var plan = new PrefixAttention(_model.Config, batch, _model.Rope(batch.Positions), _model.Device, _model.Type);
        var x = _weights.Embedding.index_select(0, tensor(batch.Tokens, device: _model.Device));
        for (var layer = 0; layer < _weights.Layers.Length; layer++)
        {
            using var layerScope = NewDisposeScope();
            var heads = _model.Project(_weights.Layers[layer], x, plan.Cos, plan.Sin);
            var attended = plan.AttendPrompts(heads, out var keys, out var values);
            _caches[layer] = NewCache();
            _caches[layer].narrow(2, 0, PromptWidth).copy_(stack([keys, values]));
            x = _model.Finish(_weights.Layers[layer], x, attended).MoveToOuterDisposeScope();
        }

        var last = Slots.Select((_, slot) => (long)(slot / _width * PromptWidth + _promptLengths[slot / _width] - 1)).ToArray();
        return _model.Head(_weights, x.index_select(0, tensor(last, device: _model.Device))).MoveToOuterDisposeScope();
    }

    private Tensor NewCache() =>
        empty([2, (long)Groups * KeyValueHeads, Capacity, _model.Config.HeadSize], _model.Type, _model.Device).DetachFromDisposeScope();

    /// <summary>Stores the step's keys and values and attends: [slots, H + 2·KV, D] to [slots, H · D].</summary>
    private Tensor Attend(Tensor heads, Tensor cache)
    {
        long groups = Groups, width = _width, kv = KeyValueHeads, size = _model.Config.HeadSize;
        var entries = Entries + width;
        var keysValues = heads.narrow(1, _model.Config.Heads, 2 * kv).view(groups, width, 2, kv, size).permute(2, 0, 3, 1, 4);
        cache.view(2, groups, kv, Capacity, size).narrow(3, Entries, width).copy_(keysValues);
        var queries = heads.narrow(1, 0, _model.Config.Heads).view(groups, width, kv, Repeat, size).permute(0, 2, 1, 3, 4)
            .reshape(groups * kv, width * Repeat, size);
        var keys = cache.select(0, 0).narrow(1, 0, entries);
        var values = cache.select(0, 1).narrow(1, 0, entries);
        return queries.bmm(keys.transpose(1, 2)).add_(_mask!.narrow(2, 0, entries)).softmax(-1).bmm(values)
            .view(groups, kv, width, Repeat, size).permute(0, 2, 1, 3, 4).reshape(groups * width, _model.Config.AttentionWidth);
    }

    /// <summary>Additive mask [groups · KV, width · Repeat, capacity].</summary>
    private Tensor Mask()
    {
        using var scope = NewDisposeScope();
        var capacity = Capacity;
        var mask = new float[Groups * _width * capacity];
        for (var slot = 0; slot < Slots.Length; slot++)
        {
            var row = mask.AsSpan(slot * capacity, capacity);
            row[_promptLengths[slot / _width]..].Fill(float.NegativeInfinity);
            for (var entry = PromptWidth + slot % _width; entry < capacity; entry += _width)
                row[entry] = 0;
        }

        return tensor(mask, [Groups, 1, _width, 1, capacity]).to(_model.Type).to(_model.Device)
            .expand(Groups, KeyValueHeads, _width, Repeat, capacity)
            .reshape(Groups * KeyValueHeads, _width * Repeat, capacity)
            .MoveToOuterDisposeScope();
    }

    private void Rebuild(int[] groups, int width, int[][] live, int stepCapacity)
    {
        using var scope = NewDisposeScope();
        // Where a group has fewer live completions than columns, its first live one fills the rest, as a slot of nobody.
        var sources = groups.SelectMany(g => Enumerable.Range(0, width).Select(s => s < live[g].Length ? live[g][s] : live[g][0])).ToArray();
        var index = tensor(Gather(groups, width, sources), device: _model.Device);
        Slots = [.. groups.SelectMany(g => Enumerable.Range(0, width).Select(s => s < live[g].Length ? Slots[live[g][s]] : null))];
        _promptLengths = [.. groups.Select(g => _promptLengths[g])];
        _width = width;
        _stepCapacity = stepCapacity;
        _mask?.Dispose();
        _mask = null;
        for (var layer = 0; layer < _caches.Length; layer++)
        {
            var old = _caches[layer];
            var size = old.shape[3];
            _caches[layer] = NewCache();
            var moved = old.view(2, -1, size).index_select(1, index).view(2, (long)Groups * KeyValueHeads, Entries, size);
            _caches[layer].narrow(2, 0, Entries).copy_(moved);
            old.Dispose();
        }
    }

    /// <summary>For each entry of the new caches, its place in the old ones (both flattened over groups, heads and entries).</summary>
    private long[] Gather(int[] groups, int width, int[] sources)
    {
        var entries = PromptWidth + _steps * width;
        var index = new long[groups.Length * KeyValueHeads * entries];
        var at = 0;
        for (var g = 0; g < groups.Length; g++)
        {
            for (var head = 0; head < KeyValueHeads; head++)
            {
                var start = ((long)groups[g] * KeyValueHeads + head) * Capacity;
                for (var i = 0; i < PromptWidth; i++)
                    index[at++] = start + i;
                for (var step = 0; step < _steps; step++)
                {
                    for (var s = 0; s < width; s++)
                        index[at++] = start + PromptWidth + step * _width + sources[g * width + s] % _width;
                }
            }
        }

        return index;
    }
}
