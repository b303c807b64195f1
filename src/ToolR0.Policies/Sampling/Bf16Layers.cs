using ToolR0.Policies.Model;
using TorchSharp;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>
/// The layers of a decoding step in bf16, equal to <see cref="Transformer.Project"/>, attention and <see cref="Transformer.Finish"/> but for
/// rounding. On a GPU such a step takes as long as it takes to launch it, so it has as few operations as the tensor library allows: a row is divided
/// by its length after the product instead of before; a pair of a head is rotated as one complex number; what views the caches is made anew only when
/// more columns are to be seen.
/// </summary>
/// <remarks>
/// It rounds less often than the general path: heads stay in fp32 from the product to the cache. It writes to the tensors it is given, and records no
/// gradients.
/// </remarks>
internal sealed class Bf16Layers : IDisposable
{
    /// <summary>Columns are seen this many at a time; matrix products of such widths are the fast ones.</summary>
    public const int Tile = 64;

    private readonly FusedLayer[] _layers;
    private readonly Tensor[] _caches;
    private readonly Tensor _mask;
    private readonly long _rows;
    private readonly long _slots;
    private readonly long _pairs;
    private readonly long _capacity;
    private readonly long _headSize;
    private readonly long _normalised;
    private readonly float _root;
    private readonly Scalar _rootScalar;
    private readonly Scalar _perHead;
    private readonly long[] _keysValuesShape;
    private readonly long[] _keysValuesStrides;
    private readonly long _keysValuesStart;
    private readonly long[] _queriesShape;
    private readonly long[] _queriesStrides;

    /// <summary>√ε, fp32 [1]; and a zero where a family has no bias.</summary>
    private readonly Tensor _epsilon;
    private readonly Tensor _zero;

    /// <summary>What a step's columns hide from each other, [1, width · repeat, width].</summary>
    private readonly Tensor _own;

    /// <summary>The caches by layer, as a step's keys and values are written: [2, groups, KV, capacity, D].</summary>
    private readonly Tensor[] _written;

    /// <summary>Queries [groups, KV, width, repeat, D], and the same [groups · KV, width · repeat, D].</summary>
    private readonly Tensor _queries;
    private readonly Tensor _queryRows;

    /// <summary>What attention gives, [rows, H · D], and the same as it comes, [groups, KV, width, repeat · D].</summary>
    private readonly Tensor _attended;
    private readonly Tensor _attendedByGroup;

    /// <summary>[rows, 2 · inner], and its halves.</summary>
    private readonly Tensor _gateUp;
    private readonly Tensor[] _gateAndUp;

    /// <summary>By layer, keys [groups · KV, D, seen] and values [groups · KV, seen, D]; and the mask over what is seen.</summary>
    private readonly Tensor?[] _keys;
    private readonly Tensor?[] _values;
    private Tensor? _hidden;
    private long _seen;

    /// <param name="caches">Per layer [2, groups · KV, capacity, D]; what is not written yet must hold numbers.</param>
    /// <param name="mask">Additive, [groups · KV, width · repeat, capacity]; columns that are not written yet are hidden.</param>
    public Bf16Layers(Transformer model, Tensor[] caches, Tensor mask, int groups, int width)
    {
        using var scope = NewDisposeScope();
        var config = model.Config;
        long heads = config.Heads, keyValueHeads = config.KeyValueHeads, repeat = heads / keyValueHeads, size = config.HeadSize;
        var across = (heads + 2 * keyValueHeads) * size;
        (_layers, _caches, _mask) = (model.Inference.Layers, caches, mask);
        (_rows, _slots, _pairs, _headSize, _capacity) = (groups * width, width, across / 2, size, caches[0].shape[2]);
        _normalised = heads + keyValueHeads;
        (_root, _rootScalar, _perHead) = ((float)Math.Sqrt(config.HiddenSize), Math.Sqrt(config.HiddenSize), 1 / Math.Sqrt(size));
        (_keysValuesShape, _keysValuesStrides, _keysValuesStart) =
            ([2, groups, keyValueHeads, width, size], [keyValueHeads * size, width * across, size, across, 1], heads * size);
        (_queriesShape, _queriesStrides) = ([groups, keyValueHeads, width, repeat, size], [width * across, repeat * size, across, size, 1]);

        _epsilon = full([1], Held(Math.Sqrt(config.NormEpsilon)), ScalarType.Float32, model.Device).DetachFromDisposeScope();
        _zero = zeros([1], model.Type, model.Device).DetachFromDisposeScope();
        _own = Own(width, (int)repeat).to(model.Type).to(model.Device).DetachFromDisposeScope();
        _written = [.. caches.Select(c => c.view(2, groups, keyValueHeads, _capacity, size).DetachFromDisposeScope())];
        _queries = empty(_queriesShape, model.Type, model.Device).DetachFromDisposeScope();
        _queryRows = _queries.view(groups * keyValueHeads, width * repeat, size).DetachFromDisposeScope();
        _attended = empty([_rows, config.AttentionWidth], model.Type, model.Device).DetachFromDisposeScope();
        _attendedByGroup = _attended.view(groups, width, keyValueHeads, -1).transpose(1, 2).DetachFromDisposeScope();
        _gateUp = empty([_rows, 2L * config.IntermediateSize], model.Type, model.Device).DetachFromDisposeScope();
        _gateAndUp = [.. _gateUp.chunk(2, 1).Select(half => half.DetachFromDisposeScope())];
        (_keys, _values) = (new Tensor?[caches.Length], new Tensor?[caches.Length]);
    }

    /// <summary>Takes the residual stream through the layers, in place, and adds a column per slot to the caches.</summary>
    /// <param name="x">[rows, hidden].</param>
    /// <param name="turns">The rows' <see cref="RopeTable.Turns"/>, [rows, (H + 2·KV) · D].</param>
    /// <param name="column">The first of the columns that are written.</param>
    public void Run(Tensor x, Tensor turns, int column)
    {
        using var scope = NewDisposeScope();
        See(column + _slots);
        _mask.narrow(2, column, _slots).copy_(_own);
        var factors = turns.view(_rows, _pairs, 2).view_as_complex();
        for (var i = 0; i < _layers.Length; i++)
            Layer(i, x, factors, column);
    }

    public void Dispose()
    {
        Forget();
        foreach (var tensor in (Tensor[])[_epsilon, _zero, _own, _queries, _queryRows, _attended, _attendedByGroup, _gateUp, .. _gateAndUp,
            .. _written])
            tensor.Dispose();
    }

    private void Layer(int index, Tensor x, Tensor turns, int column)
    {
        using var scope = NewDisposeScope();
        var layer = _layers[index];
        var heads = (layer.QkvBias ?? _zero).addcdiv(x.mm(layer.Qkv.Matrix), Length(x), _rootScalar);
        if (layer.HeadNorm is { } weight)
            NormaliseHeads(heads, weight);
        heads.view(_rows, _pairs, 2).view_as_complex().mul_(turns);
        _written[index].narrow(3, column, _slots).copy_(heads.as_strided(_keysValuesShape, _keysValuesStrides, _keysValuesStart));
        _queries.copy_(heads.as_strided(_queriesShape, _queriesStrides));

        var mixed = _queryRows.baddbmm(_keys[index]!, _hidden!).softmax(-1).bmm(_values[index]!);
        x.addmm_(ByRow(mixed), layer.Output.Matrix);
        _gateUp.addmm_(x, layer.GateUp.Matrix, 0, _root).div_(Length(x));
        x.addmm_(_gateAndUp[0].silu_().mul_(_gateAndUp[1]), layer.Down.Matrix);
    }

    /// <summary>√(Σx² + n·ε) over the last dimension's n elements, fp32: √n times a norm's divisor.</summary>
    private Tensor Length(Tensor x) => x.hypot(_epsilon).norm(-1, true);

    private void NormaliseHeads(Tensor heads, Tensor weight)
    {
        var normalised = heads.view(_rows, -1, _headSize).narrow(1, 0, _normalised);
        normalised.div_(Length(normalised).mul_(_perHead)).mul_(weight);
    }

    /// <summary>[groups · KV, width · repeat, D] to [rows, H · D].</summary>
    private Tensor ByRow(Tensor mixed)
    {
        if (_slots == 1)
            return mixed.view(_rows, -1);
        _attendedByGroup.copy_(mixed.view(_queriesShape[0], _queriesShape[1], _slots, -1));
        return _attended;
    }

    /// <summary>Has at least so many columns seen.</summary>
    private void See(long columns)
    {
        if (columns <= _seen)
            return;
        Forget();
        _seen = Math.Min((columns + Tile - 1) / Tile * Tile, _capacity);
        _hidden = _mask.narrow(2, 0, _seen).DetachFromDisposeScope();
        for (var i = 0; i < _caches.Length; i++)
        {
            var seen = _caches[i].narrow(2, 0, _seen);
            _keys[i] = seen.select(0, 0).transpose(1, 2).DetachFromDisposeScope();
            _values[i] = seen.select(0, 1).DetachFromDisposeScope();
        }
    }

    private void Forget()
    {
        _hidden?.Dispose();
        foreach (var view in _keys.Concat(_values))
            view?.Dispose();
    }

    private static Tensor Own(int width, int repeat)
    {
        var own = new float[width * repeat * width];
        for (var i = 0; i < own.Length; i++)
            own[i] = i % width == i / (width * repeat) ? 0 : float.NegativeInfinity;
        return tensor(own, [1, width * repeat, width]);
    }
}
