namespace ToolR0.Contracts.Options;

public enum PromptSet
{
    /// <summary>Instructions in full, for instruction-tuned models.</summary>
    Paper,

    /// <summary>A few tokens, for the tiny model, which was pretrained on it.</summary>
    Compact,

    /// <summary>Two sentences and a menu of signatures, for instruction-tuned models of some hundred million parameters: half the tokens of JSON, and
    /// not copied back as the answer.</summary>
    Signatures,
}

public sealed record PromptOptions
{
    public PromptSet Set { get; init; } = PromptSet.Paper;

    /// <summary>The Solver sees each menu in an order drawn from the task's text, so that where a Generator puts the right tool tells
    /// nothing.</summary>
    public bool ShuffleMenu { get; init; }

    /// <summary>The Solver is told that it may call nothing where no tool fits. The compact set, which gives no instructions, does not
    /// change.</summary>
    public bool OfferRefusal { get; init; }

    /// <summary>Demonstrations of the format in every prompt, 0 to 8; the set <see cref="PromptSet.Signatures"/> has them. The Generator's stand in
    /// its own turn, which it goes on with; the Solver's are turns of the conversation.</summary>
    public int Examples { get; init; }

    /// <summary>A longer prompt is refused with an error, never cut.</summary>
    public int MaxPromptTokens { get; init; } = 4096;

    /// <summary>About so many tokens of a tool that menus are drawn from, at four characters a token: what does not fit is shortened.</summary>
    public int ToolTokens { get; init; } = 150;
}
