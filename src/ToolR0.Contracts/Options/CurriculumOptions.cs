namespace ToolR0.Contracts.Options;

public enum VerifyCompare
{
    /// <summary>Ordered tool names (released code).</summary>
    Names,

    /// <summary>Whole calls as a multiset (paper).</summary>
    Calls,
}

public enum CurriculumOrder
{
    EasyToHard,
    Shuffled,
}

public enum LabelBy
{
    PassRate,
    Judge,
}

public sealed record CurriculumOptions
{
    public int Candidates { get; init; } = 10_000;
    public int Selected { get; init; } = 2_000;
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 0.7 };
    public int VerifySamples { get; init; } = 10;
    public SamplingOptions VerifySampling { get; init; } = new() { Temperature = 0.001 };
    public VerifyCompare Compare { get; init; } = VerifyCompare.Names;

    /// <summary>τ: keep a candidate whose agreement is at least this.</summary>
    public double MinAgreement { get; init; } = 0.20;

    /// <summary>From this iteration on the gold must also be the Solver's most frequent answer; 0 never.</summary>
    public int MajorityFromIteration { get; init; }
    public LabelBy LabelBy { get; init; } = LabelBy.PassRate;

    /// <summary>Pass rate at least this: easy.</summary>
    public double EasyFrom { get; init; } = 0.75;

    /// <summary>Pass rate below this: hard.</summary>
    public double HardBelow { get; init; } = 0.25;
    public double EasyShare { get; init; } = 0.20;
    public double MediumShare { get; init; } = 0.50;
    public double HardShare { get; init; } = 0.30;
    public CurriculumOrder Order { get; init; } = CurriculumOrder.EasyToHard;
    public int MinDescriptionLength { get; init; } = 5;

    /// <summary>A tool that a menu repeats, name and parameters alike, is offered once. False: such a menu is refused.</summary>
    public bool MergeRepeatedTools { get; init; }

    /// <summary>A menu with fewer distinct tools than this is refused.</summary>
    public int MinDistinctTools { get; init; } = 1;
    public int MinQuestionLength { get; init; } = 25;

    /// <summary>Reject questions with "capital of", "define ", "explain ", "summarize ", "write a poem", "tell me a joke".</summary>
    public bool RejectTrivialPhrases { get; init; } = true;

    /// <summary>Reject what/who/when/where-is questions with one call of at most one argument.</summary>
    public bool RejectTrivialLookups { get; init; } = true;

    /// <summary>Duplicates are told apart by words only: each run of digits counts as 0.</summary>
    public bool FoldDigits { get; init; } = true;

    /// <summary>Candidates that the Solver answers more often than this teach nothing and are left out; 1 keeps all.</summary>
    public double MaxPassRate { get; init; } = 1.0;
}
