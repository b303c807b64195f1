using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Messaging.Telemetry;

namespace ToolR0.ServiceDefaults;

/// <summary>Puts services, store, bus, telemetry and health into one process: the same way for a container, for <c>toolr0 serve</c> and for <c>toolr0
/// run</c>.</summary>
public static class ServiceHost
{
    /// <summary>A host with the given services, the store and the bus. It does not listen to signals: its caller does.</summary>
    /// <param name="log">Where log lines go; null drops them. Warnings and above, unless the caller sets another level.</param>
    /// <param name="tellsHealth">Whether health is told on <see cref="Settings.HealthPort"/>, as a service does and a command does not.</param>
    public static IHost Build(Settings settings, IReadOnlyList<ServicePart> parts, Action<ILoggingBuilder>? log = null, bool tellsHealth = false)
    {
        var builder = new HostApplicationBuilder(
            new HostApplicationBuilderSettings { DisableDefaults = true, ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        log?.Invoke(builder.Logging);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(settings.Workers);
        builder.Services.AddEventStore(settings.RequirePostgres(), EventStoreServices.WorkerPatience);
        Measure(builder.Services);
        foreach (var part in parts)
            part.Add(builder.Services, settings);
        // Before the bus: what is not ready yet answers so, instead of not at all.
        builder.Services.AddSingleton<Health>();
        if (tellsHealth && settings.HealthPort is { } port)
            builder.Services.AddHostedService(provider => new HealthEndpoint(settings.HealthHost, port, provider.GetRequiredService<Health>()));
        builder.Services.AddToolR0Bus(settings.Bus, bus =>
        {
            foreach (var part in parts)
                part.AddConsumers(bus);
        });
        Observability.Add(builder, parts.Count == 1 ? $"toolr0-{parts[0].Name}" : "toolr0");
        return builder.Build();
    }

    /// <summary>The store alone, for commands that only read or send nothing.</summary>
    public static ServiceProvider Store(Settings settings) =>
        new ServiceCollection().AddEventStore(settings.RequirePostgres()).BuildServiceProvider();

    /// <summary>Puts the measuring log in front of the one that the store registered.</summary>
    private static void Measure(IServiceCollection services)
    {
        var stored = services.Last(service => service.ServiceType == typeof(IFactLog));
        services.Remove(stored);
        services.AddSingleton<IFactLog>(provider => new MeasuredFactLog((IFactLog)stored.ImplementationFactory!(provider)));
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
