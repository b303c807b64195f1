using System.Runtime.Intrinsics.X86;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>The tensor library of this process.</summary>
public static class TorchRuntime
{
    /// <summary>Parameters from which on a GPU, or a processor's arithmetic for networks, is worth while.</summary>
    private const long Large = 50_000_000;

    private static readonly Lazy<string?> Failure = new(TryLoad);
    private static volatile int _threads;

    /// <summary>What the calling thread was last told; 0: nothing yet.</summary>
    [ThreadStatic]
    private static int _told;

    /// <summary>Threads inside one operation.</summary>
    internal static int Threads => _threads is > 0 and var threads ? threads : get_num_threads();

    /// <summary>
    /// Sets the number of threads inside one tensor operation, for the whole process. Part of a result's identity. Calling it again with the same
    /// number does nothing, so that it may be called while others compute.
    /// </summary>
    public static void Configure(int intraOpThreads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(intraOpThreads, 1);
        EnsureLoaded();
        _threads = intraOpThreads;
        ConfigureThread();
    }

    /// <summary>
    /// Brings the calling thread to the process's number. OpenMP keeps the number per thread: one that computed before <see cref="Configure"/>
    /// would go on with what it had then, and give other bits.
    /// </summary>
    internal static void ConfigureThread()
    {
        var threads = _threads;
        if (threads == 0 || threads == _told)
            return;
        set_num_threads(threads);
        _told = threads;
    }

    /// <summary>
    /// Where a policy of this size computes if its loader does not say: the GPU, if there is one, for models of 50 million parameters
    /// and more (smaller ones are faster on the CPU); environment variable TOOLR0_DEVICE = cpu or cuda decides otherwise. Part of a
    /// result's identity.
    /// </summary>
    public static Device DeviceFor(ModelConfig config)
    {
        EnsureLoaded();
        return Environment.GetEnvironmentVariable("TOOLR0_DEVICE") switch
        {
            "cpu" => CPU,
            "cuda" => CUDA,
            null or "" or "auto" => config.ParameterCount >= Large && cuda.is_available() ? CUDA : CPU,
            var other => throw new InvalidOperationException($"TOOLR0_DEVICE = {other}: must be auto, cpu or cuda"),
        };
    }

    /// <summary>What a policy of this size computes in on a device. Part of a result's identity.</summary>
    public static ScalarType TypeFor(Device device, ModelConfig config, Precision precision) => precision switch
    {
        Precision.Float32 => ScalarType.Float32,
        Precision.Bfloat16 => ScalarType.BFloat16,
        _ => device.type == DeviceType.CUDA || MultipliesBfloat16 && config.ParameterCount >= Large ? ScalarType.BFloat16 : ScalarType.Float32,
    };

    /// <summary>Whether this processor multiplies bfloat16 natively: its CPUID says AVX512_BF16 (leaf 7.1, EAX bit 5).</summary>
    public static bool MultipliesBfloat16 { get; } =
        Avx512F.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>One line: version, threads, and the GPU if there is one.</summary>
    public static string Describe()
    {
        EnsureLoaded();
        var gpu = cuda.is_available() ? $"{cuda.device_count()} CUDA device(s)" : "CPU only";
        return $"libtorch {__version__}, {get_num_threads()} thread(s) per operation, {gpu}";
    }

    /// <summary>Loads the native library.</summary>
    /// <exception cref="InvalidOperationException">It is missing or does not load; the message says what to do.</exception>
    public static void EnsureLoaded()
    {
        if (Failure.Value is { } cause)
            throw new InvalidOperationException($"the tensor library cannot be loaded: {OlderLibStdCxx.Failure ?? cause}");
    }

    private static string? TryLoad()
    {
        try
        {
            using var probe = torch.zeros(1);
            return null;
        }
        catch (Exception e)
        {
            var cause = e;
            while (cause is TypeInitializationException { InnerException: { } inner })
                cause = inner;
            return cause.Message.ReplaceLineEndings(" ");
        }
    }
}
