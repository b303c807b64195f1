using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.EventStore.Projections;

namespace ToolR0.EventStore;

public static class EventStoreServices
{
    /// <summary>What a worker in the middle of a run waits for the server.</summary>
    public static TimeSpan WorkerPatience { get; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Registers <see cref="IFactLog"/>, <see cref="StoreOutages"/>, <see cref="IRunViews"/>, <see cref="RunStates"/>, <see cref="RunExport"/>,
    /// <see cref="EventStoreDatabase"/> and Marten's document store. A host creates the schema before any of its services starts, and fails then if
    /// the server is away; without a host the first use does.
    /// </summary>
    /// <param name="patience">How long a call waits for a server that is away; null or zero: it fails at once.</param>
    /// <exception cref="EventStoreException">Not a connection string.</exception>
    public static IServiceCollection AddEventStore(this IServiceCollection services, string connectionString, TimeSpan? patience = null)
    {
        var database = new EventStoreDatabase(connectionString);
        services.AddSingleton(_ => database); // by factory, so that the container disposes it
        services.AddSingleton(provider => provider.GetRequiredService<EventStoreDatabase>().Store);
        services.TryAddSingleton(provider => new StoreOutages(TimeProvider.System, provider.GetService<ILogger<StoreOutages>>()));
        services.TryAddSingleton<IFactLog>(provider => patience is { } wait && wait > TimeSpan.Zero
            ? new RetryingEventLog(new FactLog(database), wait, TimeProvider.System, provider.GetRequiredService<StoreOutages>())
            : new FactLog(database));
        services.AddSingleton<IRunViews>(provider => new RunViews(database, provider.GetRequiredService<IFactLog>()));
        services.AddSingleton<RunStates>();
        services.AddSingleton<RunExport>();
        services.AddHostedService<SchemaAtStart>();
        return services;
    }

    private sealed class SchemaAtStart(EventStoreDatabase database) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => database.EnsureReadyAsync(cancellationToken);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
