using ToolR0.Policies.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>The tensor library of this process.</summary>
public static class TorchRuntime
{
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
            null or "" or "auto" => config.ParameterCount >= 50_000_000 && cuda.is_available() ? CUDA : CPU,
            var other => throw new InvalidOperationException($"TOOLR0_DEVICE = {other}: must be auto, cpu or cuda"),
        };
    }

    /// <summary>
    /// What a device computes in if nobody says: bf16 on a GPU, fp32 on the CPU; environment variable TOOLR0_PRECISION = bf16 or fp32 decides
    /// otherwise. Part of a result's identity.
    /// </summary>
    public static ScalarType TypeFor(Device device) => Environment.GetEnvironmentVariable("TOOLR0_PRECISION") switch
    {
        "bf16" => ScalarType.BFloat16,
        "fp32" => ScalarType.Float32,
        null or "" or "auto" => device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32,
        var other => throw new InvalidOperationException($"TOOLR0_PRECISION = {other}: must be auto, bf16 or fp32"),
    };

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
