using System.Diagnostics;

namespace ToolR0.ToolServers.Sessions;

/// <summary>Lets as many calls through at once, and as many per second, as a server may get.</summary>
/// <param name="perSecond">0 means no limit.</param>
internal sealed class CallGate(int atOnce, double perSecond) : IDisposable
{
    private readonly SemaphoreSlim _places = new(atOnce, atOnce);
    private readonly Lock _lock = new();
    private long _next = Stopwatch.GetTimestamp();

    public async Task EnterAsync(CancellationToken cancellation)
    {
        await _places.WaitAsync(cancellation);
        try
        {
            if (perSecond > 0 && Turn() is { Ticks: > 0 } wait)
                await Task.Delay(wait, cancellation);
        }
        catch
        {
            _places.Release();
            throw;
        }
    }

    public void Leave() => _places.Release();

    public void Dispose() => _places.Dispose();

    private TimeSpan Turn()
    {
        lock (_lock)
        {
            var now = Stopwatch.GetTimestamp();
            var turn = Math.Max(now, _next);
            _next = turn + (long)(Stopwatch.Frequency / perSecond);
            return Stopwatch.GetElapsedTime(now, turn);
        }
    }
}
