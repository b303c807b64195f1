namespace ToolR0.Contracts;

/// <summary>Something the user can act on: its message is printed as one line, and the process ends with <see cref="ExitCode"/>.</summary>
public sealed class UserErrorException(string message, int exitCode = 1, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}
