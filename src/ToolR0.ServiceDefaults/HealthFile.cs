using MassTransit;
using Microsoft.Extensions.Hosting;
using ToolR0.EventStore;

namespace ToolR0.ServiceDefaults;

/// <summary>
/// Touches a file every few seconds while bus and store answer, and removes it at the end: what a container's health check or a script can look at
/// without a port.
/// </summary>
public sealed class HealthFile(string path, IBusControl bus, RunStates store) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = TimeSpan.FromMilliseconds(200);
            if (await HealthyAsync(stoppingToken))
            {
                await File.WriteAllTextAsync(path, DateTimeOffset.UtcNow.ToString("O"), stoppingToken);
                wait = Interval;
            }

            await Task.Delay(wait, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        File.Delete(path);
    }

    private async Task<bool> HealthyAsync(CancellationToken cancellation)
    {
        try
        {
            await store.LatestAsync("health", cancellation);
            return bus.CheckHealth().Status == BusHealthStatus.Healthy;
        }
        catch (Exception e) when (e is EventStoreException or OperationCanceledException)
        {
            return false;
        }
    }
}
