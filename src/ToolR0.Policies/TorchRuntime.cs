using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>The tensor library of this process.</summary>
public static class TorchRuntime
{
    private static readonly Lazy<string?> Failure = new(TryLoad);

    /// <summary>Sets the number of threads inside one tensor operation, for the whole process. Part of a result's identity.</summary>
    public static void Configure(int intraOpThreads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(intraOpThreads, 1);
        EnsureLoaded();
        set_num_threads(intraOpThreads);
    }

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
            throw new InvalidOperationException($"the tensor library cannot be loaded: run infra/setup.sh ({cause})");
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
