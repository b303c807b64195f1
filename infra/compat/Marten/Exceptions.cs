using Npgsql;

namespace Marten.Exceptions;

public class MartenException : Exception
{
    public MartenException(string message) : base(message)
    {
    }

    public MartenException(string message, Exception innerException) : base(message, innerException)
    {
    }
}

/// <summary>PostgreSQL refused a command; the inner exception says why.</summary>
public class MartenCommandException(NpgsqlCommand? command, Exception innerException)
    : MartenException($"Marten Command Failure: {command?.CommandText}{Environment.NewLine}{innerException.Message}", innerException);

/// <summary>The stream was archived.</summary>
public class InvalidStreamOperationException(string message) : MartenException(message);

/// <summary>An event's type is neither registered nor loadable by the name stored with it.</summary>
public class UnknownEventTypeException(string eventTypeName) : MartenException($"Unknown event type name alias '{eventTypeName}.'")
{
    public string EventTypeName { get; } = eventTypeName;
}
