using System.Collections.Concurrent;

namespace ToolR0.Messaging;

/// <summary>How much a process does side by side (<c>ToolR0:Workers</c>). Results do not depend on it.</summary>
/// <param name="Count">At least 1; the processor count when not set.</param>
public sealed record WorkerOptions(int Count)
{
    /// <summary>Shards a model service holds: while one is computed, another is read or stored.</summary>
    public int Slots => 2 * Count;

    public static WorkerOptions Default { get; } = new(Environment.ProcessorCount);
}

/// <summary>
/// The process's own threads for model work: at most <see cref="WorkerOptions.Count"/> computations run side by side, whichever services this process
/// hosts, and the transport's threads stay free.
/// </summary>
public sealed class ComputeThreads : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly List<Thread> _threads = [];

    public ComputeThreads(WorkerOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Count, 1);
        for (var i = 0; i < options.Count; i++)
        {
            var thread = new Thread(Loop) { IsBackground = true, Name = $"model worker {i}" };
            thread.Start();
            _threads.Add(thread);
        }
    }

    /// <summary>Runs <paramref name="compute"/> on a worker thread. Its exception is the task's.</summary>
    public Task<T> RunAsync<T>(Func<T> compute, CancellationToken cancellation = default)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(
            () =>
            {
                if (cancellation.IsCancellationRequested)
                {
                    result.SetCanceled(cancellation);
                    return;
                }

                try
                {
                    result.SetResult(compute());
                }
                catch (Exception e)
                {
                    result.SetException(e);
                }
            },
            cancellation);
        return result.Task;
    }

    public void Dispose() => _work.CompleteAdding();

    private void Loop()
    {
        foreach (var action in _work.GetConsumingEnumerable())
            action();
    }
}
