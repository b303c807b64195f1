using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>A completion that is asked for while others are being sampled.</summary>
/// <param name="Stop">As <see cref="Sampler"/> has it.</param>
public sealed record LiveRequest(int[] Prompt, long Seed, SamplingOptions Options, IReadOnlyList<string> Stop);

/// <summary>
/// Samples completions for callers that come at any time: what arrives joins the running batch between two steps, each completion with its own
/// options, and one that is given up makes room. The tokens are those of <see cref="Sampler"/>, but for floating-point rounding, which depends on
/// who else is in the batch. Thread-safe. Does not own the policy.
/// </summary>
public sealed class LiveSampler : IDisposable
{
    /// <summary>Tokens that who arrives may wait for others to join with: each joining costs a copy of the caches.</summary>
    private const int Patience = 8;

    private readonly Policy _policy;
    private readonly int _places;
    private readonly int _stride;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Queue<Completion> _waiting = new();
    private readonly Thread _thread;
    private bool _stopping;
    private int _live;

    /// <param name="places">Completions sampled at a time; others wait, in order.</param>
    public LiveSampler(Policy policy, int places)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(places, 1);
        (_policy, _places, _stride) = (policy, places, Sampler.StrideOf(policy));
        _thread = new Thread(Serve) { IsBackground = true, Name = "live sampler" };
        _thread.Start();
    }

    /// <summary>Completions being sampled.</summary>
    public int Live => Volatile.Read(ref _live);

    /// <summary>Samples one completion.</summary>
    /// <param name="onToken">Called for every token that joins the completion, in order, on the sampler's own thread: it must not wait.</param>
    /// <exception cref="ArgumentException">An empty or too long prompt, a token outside the vocabulary, or options out of range.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled, or the sampler was disposed.</exception>
    public Task<Trajectory> SampleAsync(LiveRequest request, Action<int>? onToken = null, CancellationToken cancellation = default)
    {
        Sampler.Check(_policy.Config, [new SampleRequest(request.Prompt, [request.Seed])], request.Options);
        var row = new SampledRow(0, request.Seed, _policy, request.Options, request.Stop, onToken is null ? null : token => onToken(token.Id))
        {
            Limit = Math.Min(request.Options.MaxNewTokens, _policy.Config.MaxPositions - request.Prompt.Length),
        };
        var completion = new Completion(request.Prompt, row, cancellation);
        lock (_lock)
        {
            if (_stopping)
                return Task.FromCanceled<Trajectory>(new CancellationToken(true));
            _waiting.Enqueue(completion);
            _arrived.Release();
        }

        return completion.Result.Task;
    }

    /// <summary>Gives up what is being sampled and what waits.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_stopping)
                return;
            _stopping = true;
        }

        _arrived.Release();
        _thread.Join();
        foreach (var completion in _waiting)
            completion.Result.TrySetCanceled();
        _arrived.Dispose();
    }

    private bool IsStopping
    {
        get
        {
            lock (_lock)
                return _stopping;
        }
    }

    private void Serve()
    {
        TorchRuntime.ConfigureThread();
        using var inference = inference_mode();
        while (true)
        {
            _arrived.Wait();
            if (IsStopping)
                return;
            var live = new List<Completion>();
            try
            {
                SampleUntilIdle(live);
            }
            catch (Exception e)
            {
                // What was in the batch is lost with it; whoever comes next gets a new one.
                foreach (var completion in live)
                    completion.Result.TrySetException(e);
            }

            foreach (var completion in live)
                completion.Result.TrySetCanceled();
            Volatile.Write(ref _live, 0);
        }
    }

    private void SampleUntilIdle(List<Completion> live)
    {
        using var scope = NewDisposeScope();
        using var batch = new DecodeBatch(_policy.Model, new MixedChooser(_policy.Model.Device), _stride);
        var waited = 0;
        while (!IsStopping)
        {
            foreach (var unwanted in live.Where(completion => completion.Cancellation.IsCancellationRequested))
                unwanted.Row.GiveUp();
            Settle(live);
            var joining = Joining(live.Count, waited);
            waited = joining is { Count: 0 } ? waited + _stride : 0;
            if (joining is { Count: > 0 })
            {
                live.AddRange(joining);
                batch.Admit([.. joining.Select(completion => new DecodeGroup(completion.Prompt, [completion.Row]))]);
                Settle(live);
            }

            if (live.Count > 0)
                batch.Step();
            else if (joining is null)
                return;
        }
    }

    /// <summary>Who joins now; null where nobody waits.</summary>
    private List<Completion>? Joining(int live, int waited)
    {
        var joining = new List<Completion>();
        lock (_lock)
        {
            while (_waiting.TryPeek(out var next) && next.Cancellation.IsCancellationRequested)
                _waiting.Dequeue().Result.TrySetCanceled(next.Cancellation);
            if (_waiting.Count == 0)
                return null;
            if (live > 0 && waited < Patience && Math.Min(_waiting.Count, _places - live) < Sampler.RefillAt * _places)
                return joining;
            while (live + joining.Count < _places && _waiting.TryDequeue(out var completion))
            {
                if (completion.Cancellation.IsCancellationRequested)
                    completion.Result.TrySetCanceled(completion.Cancellation);
                else
                    joining.Add(completion);
            }
        }

        return joining;
    }

    private void Settle(List<Completion> live)
    {
        foreach (var done in live.Where(completion => completion.Row.Done))
        {
            if (done.Cancellation.IsCancellationRequested)
                done.Result.TrySetCanceled(done.Cancellation);
            else
                done.Result.TrySetResult(done.Row.ToTrajectory());
        }

        live.RemoveAll(completion => completion.Row.Done);
        Volatile.Write(ref _live, live.Count);
    }

    private sealed record Completion(int[] Prompt, SampledRow Row, CancellationToken Cancellation)
    {
        public TaskCompletionSource<Trajectory> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
