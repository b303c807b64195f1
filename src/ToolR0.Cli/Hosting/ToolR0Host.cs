using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Hosting;

/// <summary>Puts services, store, policies and bus into one process.</summary>
public static class ToolR0Host
{
    /// <summary>A host with the given services, the store and the bus. It does not listen to signals: the command does.</summary>
    /// <param name="log">Where log lines of level Warning and above go; null drops them.</param>
    public static IHost Build(Settings settings, IReadOnlyList<ServiceKind> kinds, Action<ILoggingBuilder>? log = null, Action<IServiceCollection>? more = null)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        log?.Invoke(builder.Logging);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddEventStore(settings.RequirePostgres(), EventStoreServices.WorkerPatience);
        builder.Services.AddSingleton(settings.Workers);
        builder.Services.AddSingleton(_ => new PolicyStore(settings.PoliciesFolder));
        foreach (var kind in kinds)
            kind.Add(builder.Services);
        builder.Services.AddToolR0Bus(settings.Bus, bus =>
        {
            foreach (var kind in kinds)
                kind.AddConsumers(bus);
        });
        more?.Invoke(builder.Services);
        return builder.Build();
    }

    /// <summary>The store alone, for commands that only read or send nothing.</summary>
    public static ServiceProvider Store(Settings settings) => new ServiceCollection().AddEventStore(settings.RequirePostgres()).BuildServiceProvider();

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
