namespace ToolR0.Policies.Hub;

/// <summary>Something that may be over when it is tried again: a cut connection, a server that is busy.</summary>
/// <param name="wait">How long the server wants to be left alone.</param>
internal sealed class HubFault(string message, TimeSpan? wait = null, Exception? inner = null) : IOException(message, inner)
{
    public TimeSpan? Wait { get; } = wait;
}
