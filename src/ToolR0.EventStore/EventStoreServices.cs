using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

public static class EventStoreServices
{
    /// <summary>
    /// Registers <see cref="IFactLog"/>, <see cref="RunStates"/>, <see cref="RunExport"/>, <see cref="EventStoreDatabase"/> and Marten's document store. A host creates
    /// the schema before any of its services starts; without a host the first use does.
    /// </summary>
    /// <exception cref="EventStoreException">Not a connection string.</exception>
    public static IServiceCollection AddEventStore(this IServiceCollection services, string connectionString)
    {
        var database = new EventStoreDatabase(connectionString);
        services.AddSingleton(_ => database); // by factory, so that the container disposes it
        services.AddSingleton(provider => provider.GetRequiredService<EventStoreDatabase>().Store);
        services.TryAddSingleton<IFactLog, FactLog>();
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
