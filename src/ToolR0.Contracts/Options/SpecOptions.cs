namespace ToolR0.Contracts.Options;

/// <summary>Where the menus of tasks come from.</summary>
public enum MenuSource
{
    /// <summary>The Generator writes them.</summary>
    Invented,

    /// <summary>They are drawn from <see cref="SpecOptions.Catalogue"/>; the Generator writes question and calls.</summary>
    Catalogue,

    /// <summary>One half is drawn, the other invented.</summary>
    Mixed,
}

/// <summary>A tool that menus are drawn from.</summary>
/// <param name="Server">Whose it is: tools of one server are near neighbours.</param>
public sealed record MenuTool(string Server, ToolSpec Tool);

/// <summary>The distribution of specs. Weights are relative and need not sum to 1.</summary>
public sealed record SpecOptions
{
    public IReadOnlyDictionary<string, double> Domains { get; init; } = new Dictionary<string, double>();

    /// <summary>Where menus come from.</summary>
    public MenuSource Menu { get; init; }

    /// <summary>The tools that menus are drawn from, each name once; a run says with them which tools it was trained on.</summary>
    public IReadOnlyList<MenuTool> Catalogue { get; init; } = [];

    /// <summary>Names of tools that the base model knows. Where there are any, the share of them among the offered tools is recorded
    /// (knownToolShare).</summary>
    public IReadOnlyList<string> KnownTools { get; init; } = [];

    /// <summary>Share of multi_turn specs (they force n = 1).</summary>
    public double MultiTurn { get; init; } = 0.1;

    /// <summary>Weight of each number of gold calls in single_turn specs; 0 asks for refusals: a menu in which no tool fits, and the empty list as
    /// the gold answer.</summary>
    public IReadOnlyDictionary<int, double> Calls { get; init; } = new Dictionary<int, double> { [1] = 0.8, [2] = 0.2 };

    /// <summary>Weight of each number of arguments that the call with the most of them has, 1 to 16. Empty: specs say nothing of it, and neither
    /// does the prompt.</summary>
    public IReadOnlyDictionary<int, double> Arguments { get; init; } = new Dictionary<int, double>();

    /// <summary>Weight of each kind of value (<see cref="ValueKinds"/>) that at least one argument is to have. Empty: specs say nothing of
    /// it.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// Share of specs of several calls in which a call needs the result of an earlier one, in [0, 1]. Above 0 trajectories must be able to take
    /// several turns.
    /// </summary>
    public double Chained { get; init; }

    /// <summary>Menu sizes when n > 1.</summary>
    public IReadOnlyDictionary<int, double> MenuForSeveralCalls { get; init; } = new Dictionary<int, double> { [3] = 0.3, [4] = 0.4, [5] = 0.3 };

    /// <summary>Menu sizes when n ≤ 1: 0.4 uniform over 2..4, 0.6 uniform over 5..8.</summary>
    public IReadOnlyDictionary<int, double> MenuForOneCall { get; init; } = new Dictionary<int, double>
    {
        [2] = 0.4 / 3,
        [3] = 0.4 / 3,
        [4] = 0.4 / 3,
        [5] = 0.15,
        [6] = 0.15,
        [7] = 0.15,
        [8] = 0.15,
    };
}
