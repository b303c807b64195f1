using JasperFx.Events.Daemon;
using Marten;
using Marten.Events.Daemon.Coordination;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ToolR0.EventStore.Projections;

/// <summary>
/// What is kept for reading: <see cref="RunSummary"/>, <see cref="StepsTable"/>, <see cref="CandidateView"/> and <see cref="EvaluatedItem"/>, folded
/// behind the events by a daemon. One composite, so that each event is read from the store once for all of them. They can lag and can be thrown away:
/// nothing is decided from them.
/// </summary>
public static class ReadModels
{
    /// <summary>Their name in the store's table of progress.</summary>
    public const string Name = "ReadModels";

    /// <summary>
    /// Runs the daemon in this host. Of several processes on one store one folds (it holds an advisory lock); another takes over when it ends.
    /// </summary>
    public static IServiceCollection AddReadModelDaemon(this IServiceCollection services)
    {
        if (services.Any(service => service.ServiceType == typeof(ProjectionCoordinator)))
            return services;
        services.AddSingleton(provider => new ProjectionCoordinator(
            provider.GetRequiredService<EventStoreDatabase>().Store, provider.GetRequiredService<ILogger<ProjectionCoordinator>>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ProjectionCoordinator>());
        return services;
    }

    /// <summary>Throws all read models away and folds them again from the first event.</summary>
    /// <exception cref="EventStoreException">The database refused or could not be reached.</exception>
    public static async Task RebuildAsync(EventStoreDatabase database, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        await database.GuardAsync(async () =>
        {
            using var daemon = await database.Store.BuildProjectionDaemonAsync();
            await daemon.RebuildProjectionAsync(Name, cancellation);
            await daemon.StopAllAsync();
            return true;
        });
    }

    /// <summary>Global sequence up to which everything is folded; 0 when nothing is.</summary>
    public static async Task<long> ProgressAsync(EventStoreDatabase database, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            var shards = await database.Store.Advanced.AllProjectionProgress(token: cancellation);
            return shards.Where(shard => shard.ShardName.StartsWith(Name + ":", StringComparison.Ordinal)).Select(shard => shard.Sequence)
                .DefaultIfEmpty(0).Max();
        });
    }

    /// <summary>
    /// Waits until everything up to a sequence is folded, as long as there is progress. False when there was none for
    /// <paramref name="patience"/>, as where no daemon runs.
    /// </summary>
    public static async Task<bool> WaitAsync(EventStoreDatabase database, long sequence, TimeSpan patience, CancellationToken cancellation = default)
    {
        var (last, since) = (-1L, DateTime.UtcNow);
        while (true)
        {
            var progress = await ProgressAsync(database, cancellation);
            if (progress >= sequence)
                return true;
            if (progress > last)
                (last, since) = (progress, DateTime.UtcNow);
            else if (DateTime.UtcNow - since > patience)
                return false;
            await Task.Delay(100, cancellation);
        }
    }

    internal static void Register(StoreOptions options)
    {
        options.Projections.AsyncMode = DaemonMode.HotCold;
        options.Schema.For<RunSummary>().Identity(x => x.Id);
        options.Schema.For<CandidateView>().Identity(x => x.Id).Index(x => new { x.Run, x.Reason });
        options.Schema.For<EvaluatedItem>().Identity(x => x.Id).Index(x => new { x.Run, x.Iteration, x.Set });
        options.Storage.ExtendedSchemaObjects.Add(StepsTable.Table());
        options.Projections.CompositeProjectionFor(Name, models =>
        {
            models.Add(new RunSummaryProjection());
            models.Add(new StepsTable());
            models.Add(new CandidateViewProjection());
            models.Add(new EvaluatedItemProjection());
        });
    }
}
