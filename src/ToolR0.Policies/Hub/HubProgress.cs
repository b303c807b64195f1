namespace ToolR0.Policies.Hub;

/// <summary>How far a download has come.</summary>
/// <param name="Model">As it was named.</param>
/// <param name="Done">Bytes of all files that are here, those of earlier tries among them.</param>
/// <param name="Total">Bytes of all files that were not in the cache; 0 until it is known.</param>
/// <param name="Note">Something to be told once: a broken connection, a wait.</param>
public sealed record HubProgress(string Model, long Done, long Total, string? Note = null);
