namespace ToolR0.Contracts.Options;

/// <summary>Temperature above 0 samples; 0 is greedy. TopP in (0, 1].</summary>
public sealed record SamplingOptions
{
    public double Temperature { get; init; } = 1.0;
    public double TopP { get; init; } = 1.0;
    public int MaxNewTokens { get; init; } = 2048;
}
