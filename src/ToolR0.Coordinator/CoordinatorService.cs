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

/// <param name="OnlyRun">Drive this run and no other, as an embedded run does; null drives every run of the store.</param>
public sealed record CoordinatorOptions(string? OnlyRun = null);

/// <summary>Registration of the service that drives runs.</summary>
public static class CoordinatorService
{
    public const string Name = "coordinator";

    /// <summary>As a host takes it in; an embedded coordinator drives only the given run.</summary>
    public static ServicePart Part(string? onlyRun = null) =>
        new(Name, (services, _) => services.AddCoordinator(new CoordinatorOptions(onlyRun)).AddReadModelDaemon(), bus => bus.AddCoordinatorConsumers());

    /// <summary>Needs an <see cref="IFactLog"/>.</summary>
    public static IServiceCollection AddCoordinator(this IServiceCollection services, CoordinatorOptions? options = null)
    {
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options ?? new CoordinatorOptions());
        services.AddSingleton<RunDrivers>();
        services.AddSingleton<IRunOutlet, BusOutlet>();
        services.AddHostedService<RunResumer>();
        return services;
    }

    public static void AddCoordinatorConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<RunCommandConsumer, RunCommandDefinition>();
        bus.AddConsumer<FactConsumer, FactDefinition>();
    }
}

/// <summary>The drivers of the runs in this process.</summary>
public sealed class RunDrivers(IFactLog log, StreamCache reader, IRunOutlet outlet, TimeProvider clock, CoordinatorOptions options, ILogger<RunDriver> logger)
{
    private readonly ConcurrentDictionary<string, RunDriver> _drivers = new();

    public IEnumerable<RunDriver> All => _drivers.Values;

    /// <summary>Hands a message to its run's driver. A driver is forgotten when its run is over.</summary>
    public async Task HandleAsync(string run, object message, string causation, CancellationToken cancellation)
    {
        if (options.OnlyRun is { } only && only != run)
            return;
        var driver = _drivers.GetOrAdd(run, name => new RunDriver(name, log, reader, outlet, clock, logger));
        await driver.HandleAsync(message, causation, cancellation);
        if (driver.Progress?.State.IsOver == true)
            _drivers.TryRemove(run, out _);
    }
}

internal sealed class BusOutlet(CommandSender sender, IBus bus) : IRunOutlet
{
    public Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation) => command switch
    {
        ProposeTasks c => sender.SendAsync(c, causation, cancellation),
        AttemptTasks c => sender.SendAsync(c, causation, cancellation),
        ExecuteToolCalls c => sender.SendAsync(c, causation, cancellation),
        ScoreProposals c => sender.SendAsync(c, causation, cancellation),
        ScoreAttempts c => sender.SendAsync(c, causation, cancellation),
        TrainPolicy c => sender.SendAsync(c, causation, cancellation),
        _ => throw new ArgumentException($"{command.GetType().Name} is not a shard command", nameof(command)),
    };

    public Task PublishAsync(RunAdvanced advanced, string causation, CancellationToken cancellation) =>
        bus.Publish(advanced, send => send.Trace(advanced.Run, NewId.NextGuid(), causation), cancellation);
}

/// <summary>Resumes unfinished runs when the host has started, and sends unanswered shards again.</summary>
internal sealed class RunResumer(RunDrivers drivers, IFactLog log, IHostApplicationLifetime lifetime, ILogger<RunResumer> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource();
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
        var resumed = false;
        using var timer = new PeriodicTimer(Interval);
        do
        {
            try
            {
                if (!resumed)
                    await ResumeAsync(stoppingToken);
                resumed = true;
                foreach (var driver in drivers.All)
                    await driver.ResendAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                logger.LogError(e, "cannot look after the runs, trying again in {Seconds} s", Interval.TotalSeconds);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task ResumeAsync(CancellationToken cancellation)
    {
        foreach (var run in await log.RunsAsync(cancellation))
            await drivers.HandleAsync(run, new Continue(), Ids.RunStream(run), cancellation);
    }
}
