namespace ToolR0.Contracts.Options;

public sealed record EvaluationOptions
{
    /// <summary>Names of shipped sets (seen, unseen) or paths of JSON Lines files.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [];

    /// <summary>Items per set; 0 means all.</summary>
    public int Limit { get; init; }
    public int MaxNewTokens { get; init; } = 2048;

    /// <summary>As <see cref="SolverOptions.MaxTurns"/>, for held-out items; 0: as the Solver's.</summary>
    public int MaxTurns { get; init; }

    /// <summary>Measure after every n-th iteration, at least 1. The base model and the Solver after the last iteration are measured always.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Whether a run of <paramref name="iterations"/> measures after this one (0 is the base model).</summary>
    public bool IsDue(int iteration, int iterations) => iteration <= 0 || iteration >= iterations || iteration % Every == 0;
}
