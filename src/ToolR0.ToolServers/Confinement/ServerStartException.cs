namespace ToolR0.ToolServers.Confinement;

/// <summary>A server could not be started or did not get ready; the message says why in one line, with what it last wrote on standard
/// error.</summary>
public sealed class ServerStartException(string message, Exception? inner = null) : Exception(message, inner);
