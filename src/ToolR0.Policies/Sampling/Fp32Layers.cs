using ToolR0.Policies.Model;
using ToolR0.Policies.Model.Cpu;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>Where a slot is in the sequence and in the cache at one step.</summary>
/// <param name="Position">Of the token that is fed.</param>
/// <param name="Prompt">Columns of its prompt, the first of its group.</param>
/// <param name="Packed">Columns behind the prompt that were there when the batch was last rebuilt.</param>
/// <param name="FirstPacked">The first of them; they are a slot grid's width apart.</param>
/// <param name="FirstSince">The first of those that came since, so far apart too.</param>
/// <param name="Since">How many, with the one that this step writes.</param>
internal readonly record struct SlotPlace(int Position, int Prompt, int Packed, int FirstPacked, int FirstSince, int Since);

/// <summary>
/// The layers of a decoding step in fp32 on the CPU, equal to <see cref="Transformer.Project"/>, attention and <see cref="Transformer.Finish"/> but
/// for rounding, without the tensor library: between two products a step does so little that calling it costs more than the work, and its attention
/// computes every slot with all slots' columns.
/// </summary>
/// <remarks>
/// What a row gets depends, to the bit, on its own token and on what its own columns hold: neither on the batch around it nor on the number of
/// threads.
/// </remarks>
internal sealed unsafe class Fp32Layers : IDisposable
{
    private readonly ModelConfig _config;
    private readonly FusedLayer[] _layers;
    private readonly Tensor[] _caches;
    private readonly Tensor _memory;
    private readonly int _groups;
    private readonly int _width;
    private readonly int _capacity;
    private readonly int _room;

    /// <summary>[rows, hidden], [rows, across], [rows, H · D], [rows, 2 · inner], [rows, inner], and per row [repeat, room].</summary>
    private readonly float* _normal;
    private readonly float* _heads;
    private readonly float* _attended;
    private readonly float* _gateUp;
    private readonly float* _inner;
    private readonly float* _scores;

    /// <param name="caches">Per layer [2, groups · KV, capacity, D].</param>
    /// <param name="seen">Columns that one slot sees at most.</param>
    public Fp32Layers(Transformer model, Tensor[] caches, int groups, int width, int seen)
    {
        (_config, _layers, _caches, _groups, _width) = (model.Config, model.Inference.Layers, caches, groups, width);
        _capacity = (int)caches[0].shape[2];
        _room = (seen + RowMath.Lanes - 1) / RowMath.Lanes * RowMath.Lanes;
        long rows = groups * width;
        long[] lengths = [_config.HiddenSize, Across, _config.AttentionWidth, 2L * _config.IntermediateSize, _config.IntermediateSize,
            (long)Repeat * _room];
        _memory = empty([rows * lengths.Sum()], ScalarType.Float32).DetachFromDisposeScope();
        _normal = PackedMatrix.Pointer(_memory);
        _heads = _normal + rows * lengths[0];
        _attended = _heads + rows * lengths[1];
        _gateUp = _attended + rows * lengths[2];
        _inner = _gateUp + rows * lengths[3];
        _scores = _inner + rows * lengths[4];
    }

    private int Repeat => _config.Heads / _config.KeyValueHeads;

    private int Across => (_config.Heads + 2 * _config.KeyValueHeads) * _config.HeadSize;

    /// <summary>Whether a model's layers are computed so: its weights are packed, and its sizes whole vectors.</summary>
    public static bool Fit(Transformer model) =>
        model.Inference.Layers[0].Qkv.Packed is not null && model.Config.HeadSize % RowMath.Lanes == 0
        && model.Config.HiddenSize % RowMath.Lanes == 0 && model.Config.IntermediateSize % RowMath.Lanes == 0;

    /// <summary>Takes the residual stream through the layers, in place, and adds a column per slot to the caches.</summary>
    /// <param name="x">[rows, hidden].</param>
    /// <param name="places">A row's place.</param>
    public void Run(Tensor x, RopeTable rope, SlotPlace[] places)
    {
        float* stream = PackedMatrix.Pointer(x), cos = PackedMatrix.Pointer(rope.Cos), sin = PackedMatrix.Pointer(rope.Sin);
        var rows = _groups * _width;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            var cache = PackedMatrix.Pointer(_caches[i]);
            Normalise(stream, rows);
            layer.Qkv.Packed!.Multiply(_normal, rows, _heads, layer.QkvBias is { } bias ? PackedMatrix.Pointer(bias) : null);
            var headNorm = layer.HeadNorm is { } weights ? PackedMatrix.Pointer(weights) : null;
            ThreadTeam.Run(rows, row => Attend(row, places[row], cache, headNorm, cos, sin));
            layer.Output.Packed!.Multiply(_attended, rows, stream, stream, _config.HiddenSize);
            Normalise(stream, rows);
            layer.GateUp.Packed!.Multiply(_normal, rows, _gateUp);
            ThreadTeam.Run(rows, SwiGlu);
            layer.Down.Packed!.Multiply(_inner, rows, stream, stream, _config.HiddenSize);
        }
    }

    public void Dispose() => _memory.Dispose();

    private void Normalise(float* stream, int rows)
    {
        var size = _config.HiddenSize;
        for (var row = 0; row < rows; row++)
            RowMath.Normalise(stream + (long)row * size, _normal + (long)row * size, size, (float)_config.NormEpsilon);
    }

    private void SwiGlu(int row)
    {
        var size = _config.IntermediateSize;
        RowMath.SwiGlu(_gateUp + 2L * row * size, _gateUp + (2L * row + 1) * size, _inner + (long)row * size, size);
    }

    /// <summary>Stores a row's keys and values and attends, all heads.</summary>
    private void Attend(int row, SlotPlace place, float* cache, float* headNorm, float* cos, float* sin)
    {
        int size = _config.HeadSize, kv = _config.KeyValueHeads, rotated = _config.Heads + kv;
        var heads = _heads + (long)row * Across;
        var start = (long)place.Position * Across;
        for (var head = 0; head < rotated; head++)
        {
            var at = heads + head * size;
            if (headNorm is not null)
            {
                RowMath.Normalise(at, at, size, (float)_config.NormEpsilon);
                RowMath.Scale(at, headNorm + head * size, size);
            }

            RowMath.Rotate(at, cos + start + head * size, sin + start + head * size, at, size);
        }

        ReadOnlySpan<ColumnRange> ranges =
        [
            new(0, 1, place.Prompt), new(place.FirstPacked, _width, place.Packed), new(place.FirstSince, _width, place.Since),
        ];
        var column = place.FirstSince + (place.Since - 1) * _width;
        var part = (long)_groups * kv * _capacity * size;
        for (var head = 0; head < kv; head++)
        {
            var keys = cache + ((long)row / _width * kv + head) * _capacity * size;
            Copy(heads + (_config.Heads + head) * size, keys + (long)column * size);
            Copy(heads + (rotated + head) * size, keys + part + (long)column * size);
            SlotAttention.Attend(
                heads + head * Repeat * size, Repeat, size, keys, keys + part, ranges, _scores + (long)row * Repeat * _room, _room,
                _attended + (long)row * _config.AttentionWidth + head * Repeat * size);
        }

        void Copy(float* from, float* to) => new ReadOnlySpan<float>(from, size).CopyTo(new Span<float>(to, size));
    }
}
