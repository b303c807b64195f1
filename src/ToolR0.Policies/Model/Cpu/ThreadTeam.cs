namespace ToolR0.Policies.Model.Cpu;

/// <summary>
/// Does independent pieces of one computation on the threads that <see cref="TorchRuntime.Configure"/> allows. Who does which piece depends on timing, so a
/// piece's result must not depend on who does it.
/// </summary>
internal static class ThreadTeam
{
    /// <summary>Calls <paramref name="piece"/> with 0 to <paramref name="pieces"/> − 1; returns when all are done.</summary>
    public static void Run(int pieces, Action<int> piece)
    {
        var helpers = Math.Min(TorchRuntime.Threads, pieces) - 1;
        if (helpers < 1)
        {
            for (var i = 0; i < pieces; i++)
                piece(i);
            return;
        }

        var job = new Job(pieces, piece);
        for (var i = 0; i < helpers; i++)
            ThreadPool.UnsafeQueueUserWorkItem(job, preferLocal: false);
        job.Execute();
        job.Wait();
    }

    /// <summary>A helper that comes when every piece is taken finds nothing to do; nobody waits for it.</summary>
    private sealed class Job(int pieces, Action<int> piece) : IThreadPoolWorkItem
    {
        private int _taken;
        private int _done;
        private Exception? _failure;

        public void Execute()
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
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }
}
