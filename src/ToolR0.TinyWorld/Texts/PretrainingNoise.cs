namespace ToolR0.TinyWorld.Texts;

/// <summary>
/// How wrong the pretraining text is: the planted weakness of the base model. Every value is a probability in [0, 1]. Rates given as
/// (Low, High) are spread evenly over the domains, so that some domains are harder than others.
/// </summary>
public sealed record PretrainingNoise
{
    /// <summary>Solver: the menu's first tool is called instead of the right one.</summary>
    public (double Low, double High) FirstTool { get; init; } = (0.32, 0.70);

    /// <summary>Solver: a known tool of the menu is called instead of the right one, if that is invented.</summary>
    public double FamiliarTool { get; init; }

    /// <summary>Solver: the last argument is left out (calls with several arguments).</summary>
    public (double Low, double High) DropArgument { get; init; } = (0.38, 0.70);

    /// <summary>Solver: any tool of the menu is called.</summary>
    public double AnyTool { get; init; } = 0.06;

    /// <summary>Solver: a value that the question does not hold.</summary>
    public double InventedValue { get; init; } = 0.06;

    /// <summary>Solver: two values change places.</summary>
    public double SwappedValues { get; init; } = 0.06;

    /// <summary>Solver: the second of two calls is left out.</summary>
    public double DropSecondCall { get; init; } = 0.35;

    /// <summary>Solver: the third of three calls is left out.</summary>
    public double DropThirdCall { get; init; } = 0.55;

    /// <summary>Solver: a tool of the menu is called though none fits.</summary>
    public (double Low, double High) MissedRefusal { get; init; } = (0.15, 0.45);

    /// <summary>Solver: a tool of the menu is called on small talk. Spread over the topics instead of the domains.</summary>
    public (double Low, double High) MissedSmallTalk { get; init; } = (0.25, 0.85);

    /// <summary>Solver: both calls of a chained task at once, the second with a value from nowhere.</summary>
    public double CallsTogether { get; init; } = 0.2;

    /// <summary>Solver: the call that needs a result takes a value of the question in its place.</summary>
    public (double Low, double High) StaleValue { get; init; } = (0.2, 0.5);

    /// <summary>Solver: an answer after the first result, though a second call is needed.</summary>
    public double StopsEarly { get; init; } = 0.2;

    /// <summary>Solver: the same call again instead of an answer.</summary>
    public double CallsAgain { get; init; } = 0.15;

    /// <summary>Generator: two calls that need nothing of each other where one was to need the other's result.</summary>
    public double IgnoreChain { get; init; } = 0.3;

    /// <summary>Solver: prose instead of an answer.</summary>
    public double Prose { get; init; } = 0.12;

    /// <summary>Solver: JSON that does not parse.</summary>
    public double BrokenJson { get; init; } = 0.06;

    /// <summary>Generator: two calls where one was asked for.</summary>
    public double IgnoreOneCall { get; init; } = 0.04;

    /// <summary>Generator: one call where two were asked for.</summary>
    public double IgnoreTwoCalls { get; init; } = 0.12;

    /// <summary>Generator: one or two calls where three were asked for.</summary>
    public double IgnoreThreeCalls { get; init; } = 0.75;

    /// <summary>Generator: one call where none was asked for.</summary>
    public double IgnoreNoCalls { get; init; } = 0.25;

    /// <summary>Generator: one tool more or fewer than asked for.</summary>
    public double IgnoreMenuSize { get; init; } = 0.12;

    /// <summary>Generator: a tool offered twice.</summary>
    public double DuplicateTool { get; init; } = 0.04;

    /// <summary>Generator: a wrong gold call (wrong tool, missing argument or a value from nowhere).</summary>
    public double WrongGold { get; init; } = 0.06;

    /// <summary>Generator: a block left out or cut off.</summary>
    public double BrokenBlocks { get; init; } = 0.04;

    /// <summary>Spreads a range over the domains in a fixed, shuffled order.</summary>
    internal static double Of((double Low, double High) range, string domain, int stride) => Spread(range, WorldCatalog.Domains, domain, stride);

    /// <summary>Spreads a range over the topics of small talk likewise.</summary>
    internal static double OfTopic((double Low, double High) range, string topic) => Spread(range, SmallTalk.Topics, topic, 3);

    private static double Spread((double Low, double High) range, IReadOnlyList<string> over, string at, int stride)
    {
        var rank = over.ToList().IndexOf(at) * stride % over.Count;
        return range.Low + ((range.High - range.Low) * rank / (over.Count - 1));
    }
}
