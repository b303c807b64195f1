namespace JasperFx
{
    /// <summary>What may be done to the database's schema.</summary>
    public enum AutoCreate
    {
        All,
        CreateOrUpdate,
        CreateOnly,
        None,
    }

    /// <summary>Somebody else was first.</summary>
    public class ConcurrencyException : Exception
    {
        public ConcurrencyException(string message) : base(message)
        {
        }

        public ConcurrencyException(string message, Type? docType, object id) : base(message)
        {
            DocType = docType?.FullName!;
            Id = id;
        }

        public string DocType { get; set; } = null!;

        public object Id { get; set; } = null!;
    }
}

namespace Weasel.Core
{
    public enum EnumStorage
    {
        AsInteger,
        AsString,
    }

    public enum Casing
    {
        Default,
        CamelCase,
        SnakeCase,
    }
}

namespace JasperFx.Events
{
    public enum StreamIdentity
    {
        AsGuid,
        AsString,
    }

    /// <summary>An append with an expected version found the stream at another one.</summary>
    public class EventStreamUnexpectedMaxEventIdException : ConcurrencyException
    {
        public EventStreamUnexpectedMaxEventIdException(object id, Type? aggregateType, long expected, long actual)
            : base($"Unexpected starting version number for event stream '{id}', expected {expected} but was {actual}", aggregateType, id)
        {
        }

        public EventStreamUnexpectedMaxEventIdException(string message) : base(message)
        {
        }
    }

    /// <summary>An event with its metadata.</summary>
    public interface IEvent
    {
        Guid Id { get; set; }

        /// <summary>Place in its stream, from 1.</summary>
        long Version { get; set; }

        /// <summary>Place in the whole store.</summary>
        long Sequence { get; set; }

        object Data { get; }

        string? StreamKey { get; set; }

        DateTimeOffset Timestamp { get; set; }

        Type EventType { get; }

        /// <summary>Alias stored with the event: the type's name in snake_case.</summary>
        string EventTypeName { get; set; }

        /// <summary>"Namespace.Type, Assembly".</summary>
        string DotNetTypeName { get; set; }

        string? CausationId { get; set; }

        string? CorrelationId { get; set; }
    }

    /// <summary>A stream as a whole.</summary>
    public class StreamState
    {
        public string? Key { get; set; }

        public long Version { get; set; }

        public DateTimeOffset LastTimestamp { get; set; }

        public DateTimeOffset Created { get; set; }

        public bool IsArchived { get; set; }
    }

    /// <summary>The events that a session will append to one stream.</summary>
    public class StreamAction
    {
        private readonly List<IEvent> _events = [];

        internal StreamAction(string key) => Key = key;

        public string? Key { get; }

        public IReadOnlyList<IEvent> Events => _events;

        /// <summary>Version that the stream must have before the append.</summary>
        public long? ExpectedVersionOnServer { get; set; }

        internal void Add(IEvent added) => _events.Add(added);
    }

    public interface IQueryEventStore
    {
        /// <summary>Events of a stream in version order; those up to <paramref name="version"/>, <paramref name="timestamp"/> and from <paramref name="fromVersion"/> when given.</summary>
        Task<IReadOnlyList<IEvent>> FetchStreamAsync(
            string streamKey, long version = 0, DateTimeOffset? timestamp = null, long fromVersion = 0, CancellationToken token = default);

        /// <summary>Null when there is no such stream.</summary>
        Task<StreamState?> FetchStreamStateAsync(string streamKey, CancellationToken token = default);
    }

    public interface IEventOperations
    {
        /// <param name="expectedVersion">Version of the stream after the append.</param>
        StreamAction Append(string stream, long expectedVersion, params object[] events);
    }
}
