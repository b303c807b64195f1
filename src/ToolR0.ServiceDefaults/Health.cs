using MassTransit;
using Microsoft.Extensions.Hosting;
using ToolR0.EventStore;

namespace ToolR0.ServiceDefaults;

/// <summary>Whether the process can work: it has started and is not stopping, its bus is connected, its store answers. Asked at most once a
/// second.</summary>
public sealed class Health(IBusControl bus, EventStoreDatabase database, IHostApplicationLifetime lifetime, TimeProvider? clock = null)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly SemaphoreSlim _one = new(1);
    private HealthReport? _last;
    private long _lastAt;

    public async Task<HealthReport> CheckAsync(CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            if (_last is null || _clock.GetElapsedTime(_lastAt) > Fresh)
                (_last, _lastAt) = (await LookAsync(cancellation), _clock.GetTimestamp());
            return _last;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<HealthReport> LookAsync(CancellationToken cancellation)
    {
        if (!lifetime.ApplicationStarted.IsCancellationRequested)
            return new HealthReport("starting", false, false);
        var busAnswers = bus.CheckHealth().Status == BusHealthStatus.Healthy;
        var storeAnswers = await StoreAnswersAsync(cancellation);
        var status = lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : busAnswers && storeAnswers ? HealthReport.Ready
            : "unavailable";
        return new HealthReport(status, busAnswers, storeAnswers);
    }

    private async Task<bool> StoreAnswersAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Limit);
        try
        {
            await database.PingAsync(limit.Token).WaitAsync(limit.Token);
            return true;
        }
        catch (Exception e) when (e is EventStoreException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}

/// <summary>What <c>/health/ready</c> tells. No address, no name, no secret.</summary>
/// <param name="Status">ready, starting, stopping or unavailable.</param>
/// <param name="Bus">The bus is connected.</param>
/// <param name="Store">The store answers.</param>
public sealed record HealthReport(string Status, bool Bus, bool Store)
{
    internal const string Ready = "ready";

    /// <summary>The process takes work.</summary>
    public bool IsReady => Status == Ready;
}
