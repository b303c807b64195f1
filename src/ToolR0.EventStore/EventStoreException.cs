using System.Net.Sockets;
using Marten.Exceptions;
using Npgsql;

namespace ToolR0.EventStore;

/// <summary>The store can not do what was asked. The message is one line for a person, naming the setting or server concerned.</summary>
public sealed class EventStoreException : Exception
{
    public EventStoreException(string message) : base(message)
    {
    }

    public EventStoreException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>The server cannot be reached, is starting or stopping, or broke the connection: the same call may succeed later.</summary>
    public bool StoreIsAway { get; private init; }

    /// <summary>Where the connection string comes from, as messages name it.</summary>
    internal const string Setting = "ToolR0:Postgres (environment TOOLR0_POSTGRES)";

    /// <summary>The database error inside an exception of Marten or Npgsql, in one line; the exception itself where there is none.</summary>
    internal static Exception From(Exception exception, string server)
    {
        if (exception is EventStoreException or OperationCanceledException)
            return exception;
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case EventDeserializationFailureException unread:
                    return new EventStoreException(
                        $"event {unread.Sequence} ({unread.EventTypeName}) can not be read: {unread.InnerException?.Message}", exception);
                case PostgresException { SqlState: PostgresErrorCodes.DiskFull }:
                    return new EventStoreException($"PostgreSQL at {server} has no disk space left; nothing was written", exception);
                case PostgresException
                {
                    SqlState: PostgresErrorCodes.InvalidPassword
                    or PostgresErrorCodes.InvalidAuthorizationSpecification
                } refused:
                    return new EventStoreException($"PostgreSQL at {server} refuses the user of {Setting}: {refused.MessageText}", exception);
                case PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } missing:
                    return new EventStoreException($"PostgreSQL at {server}: {missing.MessageText}; see {Setting}", exception);
                case PostgresException postgres:
                    return new EventStoreException($"PostgreSQL at {server}: {postgres.MessageText} ({postgres.SqlState})", exception)
                    {
                        StoreIsAway = postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
                            or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections,
                    };
                case SocketException or TimeoutException:
                    return new EventStoreException($"cannot reach PostgreSQL at {server}, set by {Setting}: {inner.Message}",
                        exception)
                    { StoreIsAway = true };
            }
        }

        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is NpgsqlException)
                return new EventStoreException($"the connection to PostgreSQL at {server}, set by {Setting}, failed: {inner.Message}",
                    exception)
                { StoreIsAway = true };
        }

        return exception;
    }
}
