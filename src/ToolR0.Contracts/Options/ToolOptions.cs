namespace ToolR0.Contracts.Options;

public enum UnknownTools
{
    /// <summary>A tool without an implementation is checked against its menu's schema only.</summary>
    CheckSchema,

    /// <summary>A tool without an implementation fails.</summary>
    Reject,
}

public sealed record ToolOptions
{
    public UnknownTools UnknownTools { get; init; } = UnknownTools.CheckSchema;

    /// <summary>Time limit of one call in seconds.</summary>
    public double TimeoutSeconds { get; init; } = 5;
}
