using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ToolR0.Policies;

/// <summary>The OpenBLAS that libtorch computes matrix products with, where it is that library (Debian's libtorch, not TorchSharp's).</summary>
public static class OpenBlas
{
    /// <summary>Kernels for processors without AVX. A processor that OpenBLAS does not know gets the first, whatever it can do.</summary>
    private static readonly HashSet<string> Slow = new(StringComparer.OrdinalIgnoreCase)
    {
        "Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Atom", "Nano", "Katmai", "Coppermine", "Northwood", "Banias", "Athlon", "Opteron",
        "Opteron_SSE3", "Barcelona", "Bobcat", "Generic",
    };

    private static readonly Lazy<string?> Core = new(FindCore);

    /// <summary>
    /// The kernels in use, named after the processor they were written for: SkylakeX (AVX-512), Haswell or Zen (AVX2), Prescott (SSE3). Null if the process
    /// holds no OpenBLAS. Part of a result's identity: other kernels, other rounding.
    /// </summary>
    public static string? Kernels => Core.Value;

    /// <summary>What to do about kernels that are far slower than the processor; null if they are not.</summary>
    public static string? Advice => AdviceFor(Kernels, Avx2.IsSupported, Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported);

    internal static string? AdviceFor(string? kernels, bool avx2, bool avx512) =>
        kernels is null || !Slow.Contains(kernels) || !avx2
            ? null
            : $"OpenBLAS does not know this processor and computes with its {kernels} kernels, at a fifth of the speed: start toolr0 by infra/toolr0, or set OPENBLAS_CORETYPE={(avx512 ? "SkylakeX" : "Haswell")}";

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint CoreName();

    private static string? FindCore()
    {
        TorchRuntime.EnsureLoaded();
        // Only a library that is in the process already: loading another by name would name kernels that nobody uses.
        if (!OperatingSystem.IsLinux())
            return null;
        var file = File.ReadLines("/proc/self/maps")
            .Select(line => line.IndexOf('/') is >= 0 and var at ? line[at..] : "")
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith("libopenblas", StringComparison.Ordinal));
        if (file is null || !NativeLibrary.TryLoad(file, out var library) || !NativeLibrary.TryGetExport(library, "openblas_get_corename", out var function))
            return null;
        return Marshal.PtrToStringUTF8(Marshal.GetDelegateForFunctionPointer<CoreName>(function)());
    }
}
