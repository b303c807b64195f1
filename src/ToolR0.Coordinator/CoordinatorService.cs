using System.Collections.Concurrent;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Coordinator.Loop;
using ToolR0.EventStore.Projections;
using ToolR0.Messaging;
using ToolR0.ServiceDefaults;

namespace ToolR0.Coordinator;

/// <param name="OnlyRun">Take up this run of the store and no other, as an embedded run does; null takes up every one. Runs that messages name are
/// driven in any case.</param>
public sealed record CoordinatorOptions(string? OnlyRun = null);

/// <summary>Registration of the service that drives runs.</summary>
public static class CoordinatorService
{
    public const string Name = "coordinator";

    /// <summary>As a host takes it in; an embedded coordinator drives only the given run.</summary>
    public static ServicePart Part(string? onlyRun = null) =>
        new(Name, (services, _) => services.AddCoordinator(new CoordinatorOptions(onlyRun)).AddReadModelDaemon(), bus =>
            bus.AddCoordinatorConsumers());

    /// <summary>Needs an <see cref="IFactLog"/>.</summary>
    public static IServiceCollection AddCoordinator(this IServiceCollection services, CoordinatorOptions? options = null)
    {
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options ?? new CoordinatorOptions());
        services.AddSingleton<RunDrivers>();
        services.AddSingleton<IRunOutlet, BusOutlet>();
        services.AddHostedService<Heartbeat>();
        return services;
    }

    public static void AddCoordinatorConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<RunCommandConsumer, RunCommandDefinition>();
        bus.AddConsumer<FactConsumer, FactDefinition>();
        bus.AddConsumer<LookAfterRunsConsumer, LookAfterRunsDefinition>();
    }
}

/// <summary>
/// The drivers of the runs in this process. Of several coordinators on one broker one is active; this one takes up the runs of the store when it
/// becomes it.
/// </summary>
public sealed class RunDrivers(IFactLog log, StreamCache reader, IRunOutlet outlet, TimeProvider clock, CoordinatorOptions options,
    ILogger<RunDriver> logger)
{
    private readonly ConcurrentDictionary<string, RunDriver> _drivers = new();
    private readonly SemaphoreSlim _looking = new(1);
    private DateTimeOffset _active = DateTimeOffset.MinValue;

    /// <summary>Hands a message to its run's driver. A driver is forgotten when its run is over.</summary>
    public async Task HandleAsync(string run, object message, string causation, CancellationToken cancellation)
    {
        var driver = _drivers.GetOrAdd(run, name => new RunDriver(name, log, reader, outlet, clock, logger));
        await driver.HandleAsync(message, causation, cancellation);
        if (driver.Progress?.State.IsOver == true)
            _drivers.TryRemove(run, out _);
    }

    /// <summary>Takes up unfinished runs after a time in which this coordinator was not active, and looks for shards that nobody answers. Never
    /// fails.</summary>
    public async Task LookAfterAsync(CancellationToken cancellation)
    {
        if (!await _looking.WaitAsync(0, cancellation))
            return;
        try
        {
            if (clock.GetUtcNow() - _active > 3 * Heartbeat.Interval)
                await TakeUpAsync(cancellation);
            _active = clock.GetUtcNow();
            foreach (var driver in _drivers.Values)
                await driver.ResendAsync(cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            logger.LogError(e, "cannot look after the runs, trying again in {Seconds} s", Heartbeat.Interval.TotalSeconds);
        }
        finally
        {
            _looking.Release();
        }
    }

    private async Task TakeUpAsync(CancellationToken cancellation)
    {
        foreach (var run in await log.RunsAsync(cancellation))
        {
            if (options.OnlyRun is null || options.OnlyRun == run)
                await HandleAsync(run, new Continue(), Ids.RunStream(run), cancellation);
        }
    }
}

internal sealed class BusOutlet(CommandSender sender) : IRunOutlet
{
    public Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation) =>
        sender.SendAsync(command, causation, cancellation);
}

/// <summary>Sends <see cref="LookAfterRuns"/> when the host has started, and from then on at intervals.</summary>
internal sealed class Heartbeat(CommandSender sender, IHostApplicationLifetime lifetime, ILogger<Heartbeat> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource();
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval);
        do
        {
            try
            {
                await sender.SendAsync(new LookAfterRuns(), Interval, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                logger.LogError(e, "cannot reach the coordinators' queue, trying again in {Seconds} s", Interval.TotalSeconds);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
