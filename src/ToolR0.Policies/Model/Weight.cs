using ToolR0.Policies.Model.Cpu;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>A matrix that rows are multiplied with: a view [in, out], or for inference in fp32 on the CPU a packed copy.</summary>
internal sealed class Weight : IDisposable
{
    private readonly Tensor? _matrix;
    private readonly PackedMatrix? _packed;

    private Weight(Tensor? matrix, PackedMatrix? packed) => (_matrix, _packed) = (matrix, packed);

    /// <summary>[in, out], where it is not packed.</summary>
    public Tensor Matrix => _matrix ?? throw new InvalidOperationException("the weight is packed");

    /// <summary>The packed copy, null where there is none.</summary>
    public PackedMatrix? Packed => _packed;

    /// <param name="weight">[out, in], as parameters are.</param>
    public static Weight Of(Tensor weight, bool packed) => packed ? Pack([weight]) : new Weight(weight.t(), null);

    /// <summary>A packed copy of weights under one another.</summary>
    /// <param name="weights">[out, in] each, as parameters are.</param>
    /// <param name="scale">fp32 [in], multiplied into every row; null: 1.</param>
    public static Weight Pack(IReadOnlyList<Tensor> weights, Tensor? scale = null) => new(null, PackedMatrix.Pack(weights, scale));

    /// <summary>Whether weights of a model that computes so are packed for inference.</summary>
    public static bool CanBePacked(ScalarType type, Device device) =>
        PackedMatrix.IsSupported && type == ScalarType.Float32 && device.type == TorchSharp.DeviceType.CPU;

    /// <summary>x · W: [rows, in] to [rows, out].</summary>
    public Tensor Times(Tensor x) => _packed?.Multiply(x) ?? x.mm(_matrix!);

    /// <summary>added + x · W.</summary>
    /// <param name="added">[rows, out] or [out].</param>
    public Tensor Plus(Tensor added, Tensor x) => _packed?.Multiply(x, added) ?? added.addmm(x, _matrix!);

    public Weight MoveToOuterDisposeScope()
    {
        _matrix?.MoveToOuterDisposeScope();
        return this;
    }

    public void DetachFromDisposeScope() => _matrix?.DetachFromDisposeScope();

    public void Dispose()
    {
        _matrix?.Dispose();
        _packed?.Dispose();
    }
}
