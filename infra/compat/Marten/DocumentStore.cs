using JasperFx;
using JasperFx.Events;
using Marten.Events;
using Npgsql;

namespace Marten
{
    public interface IDocumentStore : IDisposable, IAsyncDisposable
    {
        IMartenStorage Storage { get; }

        IDocumentSession LightweightSession();

        IQuerySession QuerySession();
    }

    public interface IMartenStorage
    {
        /// <summary>Creates the tables, sequence, indexes and functions that are missing.</summary>
        Task ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate? @override = null);
    }

    public interface IQuerySession : IDisposable, IAsyncDisposable
    {
        Events.IQueryEventStore Events { get; }

        string? CausationId { get; set; }

        string? CorrelationId { get; set; }
    }

    public interface IDocumentSession : IQuerySession
    {
        new IEventStoreOperations Events { get; }

        /// <summary>Appends everything in one transaction, or throws and appends nothing.</summary>
        Task SaveChangesAsync(CancellationToken token = default);
    }

    public class DocumentStore : IDocumentStore
    {
        internal DocumentStore(StoreOptions options)
        {
            DataSource = options.DataSource
                ?? throw new InvalidOperationException("No connection is configured: call StoreOptions.Connection");
            if (options.EventGraph.StreamIdentity != StreamIdentity.AsString || !options.EventGraph.MetadataConfig.Enabled)
                throw new NotSupportedException("This stand-in for Marten knows string stream identity with all event metadata only");
            Options = options;
            Storage = new Schema(this);
        }

        internal StoreOptions Options { get; }

        internal NpgsqlDataSource DataSource { get; }

        public IMartenStorage Storage { get; }

        public static DocumentStore For(Action<StoreOptions> configure)
        {
            var options = new StoreOptions();
            configure(options);
            return new DocumentStore(options);
        }

        public IDocumentSession LightweightSession() => new Session(this);

        public IQuerySession QuerySession() => new Session(this);

        public void Dispose()
        {
            GC.SuppressFinalize(this);
            if (Options.OwnsDataSource)
                DataSource.Dispose();
        }

        public async ValueTask DisposeAsync()
        {
            GC.SuppressFinalize(this);
            if (Options.OwnsDataSource)
                await DataSource.DisposeAsync();
        }
    }
}

namespace Marten.Events
{
    public interface IQueryEventStore : JasperFx.Events.IQueryEventStore;

    public interface IEventStoreOperations : IEventOperations, IQueryEventStore;
}
