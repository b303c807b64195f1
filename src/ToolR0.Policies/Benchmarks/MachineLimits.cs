using System.Diagnostics;
using static TorchSharp.torch;

namespace ToolR0.Policies.Benchmarks;

/// <summary>What a device was seen to do at best: the ceilings that rollouts and learning are compared with.</summary>
/// <param name="BytesPerSecond">Memory traffic (read and written) while a tensor much larger than the caches is copied.</param>
/// <param name="FlopsPerSecond">Of a large square matrix product in the given element type.</param>
public sealed record MachineLimits(double BytesPerSecond, double FlopsPerSecond)
{
    public static MachineLimits Measure(Device device, ScalarType type)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var onGpu = device.type == TorchSharp.DeviceType.CUDA;
        var source = ones([onGpu ? 1L << 29 : 1L << 26], ScalarType.Float32, device);
        var target = empty_like(source);
        var copy = Best(device, () => target.copy_(source));
        return new MachineLimits(2.0 * source.numel() * sizeof(float) / copy,
            GemmRate(device, type, onGpu ? 8192 : 1024, onGpu ? 8192 : 1024, onGpu ? 8192 : 1024));
    }

    /// <summary>FLOP/s of [rows, inner] × [inner, columns].</summary>
    public static double GemmRate(Device device, ScalarType type, long rows, long inner, long columns)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var left = randn(rows, inner, ScalarType.Float32, device).to(type);
        var right = randn(inner, columns, ScalarType.Float32, device).to(type);
        return 2.0 * rows * inner * columns / Best(device, () => left.mm(right).Dispose());
    }

    /// <summary>Seconds of the fastest of several calls, for at least a fifth of a second of them.</summary>
    private static double Best(Device device, Action work)
    {
        Seconds(device, work);
        var (best, total) = (double.MaxValue, 0.0);
        for (var i = 0; i < 5 || total < 0.2; i++)
        {
            var seconds = Seconds(device, work);
            (best, total) = (Math.Min(best, seconds), total + seconds);
        }

        return best;
    }

    /// <summary>Wall time of some work, the device's own included.</summary>
    internal static double Seconds(Device device, Action work)
    {
        Wait(device);
        var started = Stopwatch.GetTimestamp();
        work();
        Wait(device);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static void Wait(Device device)
    {
        if (device.type == TorchSharp.DeviceType.CUDA)
            cuda.synchronize(device);
    }
}
