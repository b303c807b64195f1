namespace ToolR0.Contracts.Options;

/// <summary>
/// Variants of tasks whose answer is known: the label follows the change. Positives and refusals go through the same changes of surface (names,
/// texts of parameters, menu sizes), so that neither can be told by it. Used for the Solver's warm start and, where <see cref="Curriculum"/> says so,
/// for the tasks that the Solver trains on.
/// </summary>
public sealed record VariationOptions
{
    /// <summary>Variants per verified task in the warm start; 0: none.</summary>
    public int Variants { get; init; }

    /// <summary>Share of variants in which no tool of the menu fits: the gold answer is the empty list.</summary>
    public double Refusals { get; init; } = 0.4;

    /// <summary>Share of variants whose tools are renamed: namespace, camelCase, suffix; menu and gold together.</summary>
    public double Rename { get; init; } = 0.5;

    /// <summary>Weight of each menu size of a variant; distractors come from other tasks.</summary>
    public IReadOnlyDictionary<int, double> MenuSizes { get; init; } = new Dictionary<int, double> { [1] = 0.5, [2] = 0.25, [3] = 0.15, [4] = 0.1 };

    /// <summary>Share of the variants with a call that get a further parameter, which the question fills.</summary>
    public double AddParameter { get; init; } = 0.3;

    /// <summary>Share of variants whose question becomes the end of a short conversation.</summary>
    public double Dialogues { get; init; } = 0.1;

    /// <summary>Share of menus whose parameters have a text.</summary>
    public double Texts { get; init; } = 0.6;

    /// <summary>Share of refusals in which the tools on offer are of the same domain as the task (with the right one taken out); the others' are of
    /// any.</summary>
    public double NearMisses { get; init; } = 0.5;

    /// <summary>Share of the tasks of a Solver step that are trained on as a variant; 0: none.</summary>
    public double Curriculum { get; init; }
}
