using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ToolR0.Policies.Model.Cpu;

/// <summary>
/// Does independent pieces of one computation on the threads that <see cref="TorchRuntime.Configure"/> allows: the calling one and helpers from the
/// pool, a team for each caller. Who does which piece depends on timing, so a piece's result must not depend on who does it.
/// </summary>
internal sealed class ThreadTeam : IThreadPoolWorkItem
{
    /// <summary>
    /// How long a helper looks for the team's next job, giving way to others, before it returns to the pool: products follow each other more closely
    /// than a sleeping thread wakes up.
    /// </summary>
    private static readonly long Patience = Stopwatch.Frequency / 10_000;

    [ThreadStatic]
    private static ThreadTeam? _own;

    private Job _job = new(0, _ => { });

    /// <summary>Helpers that will look at <see cref="_job"/> again before they leave.</summary>
    private int _present;

    /// <summary>Calls <paramref name="piece"/> with 0 to <paramref name="pieces"/> − 1; returns when all are done.</summary>
    public static void Run(int pieces, Action<int> piece)
    {
        var helpers = Math.Min(TorchRuntime.Threads, pieces) - 1;
        if (helpers >= 1)
        {
            (_own ??= new ThreadTeam()).Run(new Job(pieces, piece), helpers);
            return;
        }

        for (var i = 0; i < pieces; i++)
            piece(i);
    }

    /// <summary>A helper's stay: job after job, until none comes for a while.</summary>
    public void Execute()
    {
        Job? done = null;
        do
        {
            for (var next = Volatile.Read(ref _job); next != done; next = Await(next))
            {
                next.Work();
                done = next;
            }

            Interlocked.Decrement(ref _present);
        }
        while (Volatile.Read(ref _job) != done && Interlocked.Increment(ref _present) > 0);
    }

    private void Run(Job job, int helpers)
    {
        Interlocked.Exchange(ref _job, job);
        for (var present = Volatile.Read(ref _present); present < helpers; present++)
        {
            Interlocked.Increment(ref _present);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        job.Work();
        job.Wait();
    }

    /// <summary>The next job, or the last one when patience is at an end.</summary>
    private Job Await(Job last)
    {
        var (started, spinner) = (Stopwatch.GetTimestamp(), new SpinWait());
        while (Volatile.Read(ref _job) == last && Stopwatch.GetTimestamp() - started < Patience)
            spinner.SpinOnce(sleep1Threshold: -1);
        return Volatile.Read(ref _job);
    }

    /// <summary>A helper that comes when every piece is taken finds nothing to do; nobody waits for it.</summary>
    private sealed class Job(int pieces, Action<int> piece)
    {
        private int _taken;
        private int _done;
        private Exception? _failure;

        public void Work()
        {
            for (var i = Interlocked.Increment(ref _taken) - 1; i < pieces; i = Interlocked.Increment(ref _taken) - 1)
            {
                try
                {
                    piece(i);
                }
                catch (Exception e)
                {
                    _failure = e;
                }

                Interlocked.Increment(ref _done);
            }
        }

        public void Wait()
        {
            var spinner = new SpinWait();
            while (Volatile.Read(ref _done) < pieces)
                spinner.SpinOnce(sleep1Threshold: -1);
            if (_failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }
    }
}
