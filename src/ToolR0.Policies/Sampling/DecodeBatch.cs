using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>
/// The completions being decoded, and their key/value caches. The batch is a grid of slots [groups, width]: a group is a prompt, its slots
/// are its completions. A group's cache holds its prompt once and then, step by step, one column per slot; a query sees the prompt and its own
/// slot's columns, a mask hides the rest. So one matrix product per group and head serves all of a group's completions. All groups write the
/// same columns, whenever they joined; columns that nobody needs any more go when the batch is rebuilt.
/// </summary>
/// <remarks>What happens depends on the prompts and on which completions are done after how many tokens, never on timing.</remarks>
internal sealed class DecodeBatch : IDisposable
{
    /// <summary>Slots are given up when at most this share of them would remain.</summary>
    private const double CompactAt = 0.75;
    private const int FirstSteps = 32;

    private readonly Transformer _model;
    private readonly FusedWeights _weights;
    private readonly TokenChooser _chooser;

    /// <summary>Steps between two looks at what was drawn.</summary>
    private readonly int _stride;

    /// <summary>Per layer [2 (keys, values), groups · KV, capacity, D].</summary>
    private readonly Tensor?[] _caches;
    private DecodeGroup[] _groups = [];
    private int _width;

    /// <summary>Columns of a group's prompt: as many as the longest prompt so far has tokens.</summary>
    private int _promptWidth;

    /// <summary>Steps that a group has columns for behind its prompt.</summary>
    private int _stepCapacity = FirstSteps;

    /// <summary>Columns in use when the batch was last rebuilt, and steps since.</summary>
    private int _packed;
    private int _since;

    private Tensor? _mask;

    /// <summary>Where the model computes in bf16.</summary>
    private Bf16Layers? _bf16;

    /// <summary>Where it computes in fp32 with packed weights.</summary>
    private Fp32Layers? _fp32;

    /// <summary>Each slot's last token and its position, [groups · width].</summary>
    private Tensor? _tokens;
    private Tensor? _positions;

    public DecodeBatch(Transformer model, TokenChooser chooser, int stride)
    {
        _model = model;
        _weights = model.Inference;
        _chooser = chooser;
        _caches = new Tensor?[model.Config.Layers];
        _stride = stride;
    }

    /// <summary>Groups that have a completion to finish.</summary>
    public int LiveGroups => _groups.Count(g => g.IsLive);

    private int KeyValueHeads => _model.Config.KeyValueHeads;

    private int Repeat => _model.Config.Heads / _model.Config.KeyValueHeads;

    private int Columns => _packed + _since * _width;

    private int Capacity => (_promptWidth + _stepCapacity * _width + Tile - 1) / Tile * Tile;

    private bool IsBf16 => _model.Type == ScalarType.BFloat16;

    private int Tile => IsBf16 ? Bf16Layers.Tile : 1;

    private IEnumerable<SampledRow?> Slots => _groups.SelectMany(g => g.Rows);

    /// <summary>Encodes the groups' prompts, draws their completions' first tokens and takes them in; finished groups make room.</summary>
    public void Admit(IReadOnlyList<DecodeGroup> joining)
    {
        using var scope = NewDisposeScope();
        var width = joining.Max(g => g.Rows.Length);
        foreach (var group in joining)
            group.Place([.. Enumerable.Range(0, group.Rows.Length)], width);
        var prefilled = Prefill.Run(_model, joining, width, out var logits);
        SampledRow?[] slots = [.. joining.SelectMany(g => g.Rows)];
        var (tokens, logProbs) = _chooser.Choose(logits, _chooser.Uniforms(slots, 1));
        Read(slots, [tokens], [logProbs]);
        Rebuild(joining, prefilled);
    }

    /// <summary>
    /// Decodes the next tokens of every completion, one or a stride of them, after dropping groups and columns of slots that no unfinished completion
    /// needs if that frees enough. False when every completion is done.
    /// </summary>
    public bool Step()
    {
        var live = _groups.Where(g => g.IsLive).Select(g => g.LiveSlots.Length).ToArray();
        if (live.Length == 0)
            return false;
        if (Columns + _stride * _width > Capacity || live.Length * live.Max() <= CompactAt * _groups.Length * _width)
            Rebuild([], []);

        using var scope = NewDisposeScope();
        SampledRow?[] slots = [.. Slots];
        var uniforms = _chooser.Uniforms(slots, _stride);
        var (tokens, logProbs) = (new Tensor[_stride], new Tensor[_stride]);
        for (var i = 0; i < _stride; i++)
        {
            using var logits = Forward();
            (tokens[i], logProbs[i]) = _chooser.Choose(logits, uniforms.narrow(1, i, 1));
            _tokens!.Dispose();
            _tokens = tokens[i].view(-1).DetachFromDisposeScope();
        }

        Read(slots, tokens, logProbs);
        return true;
    }

    public void Dispose()
    {
        foreach (var cache in _caches)
            cache?.Dispose();
        ForgetSlots();
    }

    /// <summary>Gives each row its tokens; what was drawn behind a completion's end is dropped.</summary>
    private static void Read(SampledRow?[] slots, Tensor[] tokens, Tensor[] logProbs)
    {
        // One copy to the host: a double holds an id and a single exactly.
        var drawn = cat([cat(tokens, 1).to(ScalarType.Float64), cat(logProbs, 1).to(ScalarType.Float64)], 1).cpu().data<double>().ToArray();
        for (var slot = 0; slot < slots.Length; slot++)
        {
            var at = slot * 2 * tokens.Length;
            for (var i = 0; i < tokens.Length && slots[slot] is { Done: false } row; i++)
                row.Add((int)drawn[at + i], (float)drawn[at + tokens.Length + i]);
        }
    }

    /// <summary>Feeds every slot its last token; logits of the next, [groups · width, vocabulary].</summary>
    private Tensor Forward()
    {
        using var scope = NewDisposeScope();
        PrepareSlots();
        var rope = _model.Rope(_groups.Max(g => g.Prompt.Length + g.Age) + 1);
        var x = _weights.Embed(_tokens!);
        if (_bf16 is not null)
            _bf16.Run(x, rope.Turns!.index_select(0, _positions!), Columns);
        else if (_fp32 is not null)
            _fp32.Run(x, rope, [.. _groups.SelectMany(Places)]);
        else
            x = Layers(x, rope);
        _positions!.add_(One, One);
        _since++;
        foreach (var group in _groups)
            group.Age++;
        return _model.Head(_weights, x).MoveToOuterDisposeScope();
    }

    /// <summary>Where a group's slots are at this step.</summary>
    private IEnumerable<SlotPlace> Places(DecodeGroup group) => Enumerable.Range(0, _width).Select(slot => new SlotPlace(
        group.Prompt.Length + group.Age, group.Prompt.Length, group.Packed, _promptWidth + slot, _packed + slot, _since + 1));

    /// <summary>The residual stream through all layers, [slots, hidden].</summary>
    private Tensor Layers(Tensor x, RopeTable rope)
    {
        long heads = _model.Config.Heads + 2 * KeyValueHeads;
        var cos = rope.Cos.index_select(0, _positions!).view(-1, heads, _model.Config.HeadSize);
        var sin = rope.Sin.index_select(0, _positions!).view(-1, heads, _model.Config.HeadSize);
        for (var layer = 0; layer < _caches.Length; layer++)
        {
            using var scope = NewDisposeScope();
            var projected = _model.Project(_weights.Layers[layer], x, cos, sin);
            x = _model.Finish(_weights.Layers[layer], x, Attend(projected, _caches[layer]!)).MoveToOuterDisposeScope();
        }

        return x;
    }

    /// <summary>Stores the step's keys and values and attends: [slots, H + 2·KV, D] to [slots, H · D].</summary>
    private Tensor Attend(Tensor heads, Tensor cache)
    {
        long groups = _groups.Length, width = _width, kv = KeyValueHeads, size = _model.Config.HeadSize;
        var columns = Columns + width;
        var keysValues = heads.narrow(1, _model.Config.Heads, 2 * kv).view(groups, width, 2, kv, size).permute(2, 0, 3, 1, 4);
        cache.view(2, groups, kv, Capacity, size).narrow(3, Columns, width).copy_(keysValues);
        var queries = heads.narrow(1, 0, _model.Config.Heads).view(groups, width, kv, Repeat, size).permute(0, 2, 1, 3, 4)
            .reshape(groups * kv, width * Repeat, size);
        var keys = cache.select(0, 0).narrow(1, 0, columns);
        var values = cache.select(0, 1).narrow(1, 0, columns);
        return queries.bmm(keys.transpose(1, 2)).add_(_mask!.narrow(2, 0, columns), One).softmax(-1).bmm(values)
            .view(groups, kv, width, Repeat, size).permute(0, 2, 1, 3, 4).reshape(groups * width, _model.Config.AttentionWidth);
    }

    private void PrepareSlots()
    {
        _tokens ??= tensor([.. Slots.Select(row => (long)(row?.Last ?? 0))], device: _model.Device).DetachFromDisposeScope();
        _positions ??= tensor([.. _groups.SelectMany(g => Enumerable.Repeat((long)g.Prompt.Length + g.Age, _width))], device: _model.Device)
            .DetachFromDisposeScope();
        if (_fp32 is not null || Fp32Layers.Fit(_model))
        {
            _fp32 ??= new Fp32Layers(_model, _caches!, _groups.Length, _width, _promptWidth + _stepCapacity);
            return;
        }

        _mask ??= Mask().DetachFromDisposeScope();
        if (IsBf16)
            _bf16 ??= new Bf16Layers(_model, _caches!, _mask, _groups.Length, _width);
    }

    private void ForgetSlots()
    {
        _tokens?.Dispose();
        _positions?.Dispose();
        _mask?.Dispose();
        _bf16?.Dispose();
        _fp32?.Dispose();
        (_bf16, _fp32) = (null, null);
        _tokens = _positions = _mask = null;
    }

    /// <summary>Additive mask [groups · KV, width · Repeat, capacity]. What is yet to be written is visible to its own slot, in bf16 to
    /// none.</summary>
    private Tensor Mask()
    {
        using var scope = NewDisposeScope();
        var (count, capacity) = (_groups.Length, Capacity);
        var mask = new float[count * _width * capacity];
        for (var slot = 0; slot < count * _width; slot++)
        {
            var group = _groups[slot / _width];
            var row = mask.AsSpan(slot * capacity, capacity);
            row[group.Prompt.Length..].Fill(float.NegativeInfinity);
            for (var step = 0; step < group.Packed; step++)
                row[_promptWidth + step * _width + slot % _width] = 0;
            for (var column = _packed + slot % _width; column < capacity && !IsBf16; column += _width)
                row[column] = 0;
        }

        return tensor(mask, [count, 1, _width, 1, capacity]).to(_model.Type).to(_model.Device)
            .expand(count, KeyValueHeads, _width, Repeat, capacity)
            .reshape(count * KeyValueHeads, _width * Repeat, capacity)
            .contiguous()
            .MoveToOuterDisposeScope();
    }

    /// <summary>Keeps the groups with unfinished completions, takes in the joining ones, and leaves out what nobody needs.</summary>
    private void Rebuild(IReadOnlyList<DecodeGroup> joining, IReadOnlyList<Prefill> prefilled)
    {
        using var scope = NewDisposeScope();
        var kept = Enumerable.Range(0, _groups.Length).Where(g => _groups[g].IsLive).ToArray();
        DecodeGroup[] groups = [.. kept.Select(g => _groups[g]), .. joining];
        var width = Math.Max(kept.Select(g => _groups[g].LiveSlots.Length).DefaultIfEmpty().Max(), joining.Select(g => g.Rows.Length).DefaultIfEmpty()
            .Max());
        var promptWidth = Math.Max(_promptWidth, joining.Select(g => g.Prompt.Length).DefaultIfEmpty().Max());
        var oldest = groups.Max(g => g.Age);
        var packed = promptWidth + oldest * width;
        var limit = groups.Max(g => g.Rows.Max(r => r?.Limit ?? 0));
        var index = kept.Length == 0 ? null : tensor(Gather(kept, width, promptWidth, packed), device: _model.Device);

        _groups = groups;
        foreach (var group in groups)
        {
            group.Packed = group.Age;
            group.Place(joining.Contains(group) ? [.. Enumerable.Range(0, group.Rows.Length)] : group.LiveSlots, width);
        }

        (_width, _promptWidth, _packed, _since) = (width, promptWidth, packed, 0);
        while (_stepCapacity < oldest + _stride)
            _stepCapacity *= 2;
        _stepCapacity = Math.Min(_stepCapacity, (limit + _stride - 1) / _stride * _stride);
        ForgetSlots();
        for (var layer = 0; layer < _caches.Length; layer++)
            _caches[layer] = Moved(layer, index, kept.Length, prefilled);
    }

    /// <summary>A layer's cache in the new layout; the old one is disposed.</summary>
    private Tensor Moved(int layer, Tensor? index, int kept, IReadOnlyList<Prefill> prefilled)
    {
        using var scope = NewDisposeScope();
        long kv = KeyValueHeads, size = _model.Config.HeadSize;
        var cache = empty([2, _groups.Length * kv, Capacity, size], _model.Type, _model.Device);
        if (IsBf16)
            cache.narrow(2, _packed, Capacity - _packed).zero_();
        if (index is not null)
        {
            var moved = _caches[layer]!.view(2, -1, size).index_select(1, index).view(2, kept * kv, _packed, size);
            cache.narrow(1, 0, kept * kv).narrow(2, 0, _packed).copy_(moved);
        }

        foreach (var part in prefilled)
        {
            var rows = cache.narrow(1, (kept + part.First) * kv, part.Groups * kv);
            var columns = part.KeysValues[layer].shape[2];
            rows.narrow(2, 0, columns).copy_(part.KeysValues[layer]);
            // Hidden columns are multiplied by 0, so they must hold numbers.
            if (columns < _packed)
                rows.narrow(2, columns, _packed - columns).zero_();
        }

        _caches[layer]?.Dispose();
        return cache.DetachFromDisposeScope();
    }

    /// <summary>For each column of the new caches of the kept groups, its place in the old ones (both flattened over groups, heads and
    /// columns).</summary>
    private long[] Gather(int[] kept, int width, int promptWidth, int packed)
    {
        var index = new long[kept.Length * KeyValueHeads * packed];
        var at = 0;
        foreach (var g in kept)
        {
            var group = _groups[g];
            var live = group.LiveSlots;
            for (var head = 0; head < KeyValueHeads; head++)
            {
                // Columns without a source are hidden; any of the group's will do.
                var start = ((long)g * KeyValueHeads + head) * Capacity;
                var target = index.AsSpan(at, packed);
                target.Fill(start);
                for (var i = 0; i < group.Prompt.Length; i++)
                    target[i] = start + i;
                for (var step = 0; step < group.Age; step++)
                {
                    var from = start + (step < group.Packed ? _promptWidth + step * _width : _packed + (step - group.Packed) * _width);
                    for (var s = 0; s < live.Length; s++)
                        target[promptWidth + step * width + s] = from + live[s];
                }

                at += packed;
            }
        }

        return index;
    }
}
