using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>How a group is asked: in the first round of the warm start with demonstrations, everywhere else as the run's prompts say.</summary>
public static class WarmStartPrompts
{
    /// <param name="to">The stream that the proposals go to.</param>
    public static PromptOptions OfGenerator(StreamKey to, RunOptions options) =>
        to is { Kind: StreamKind.Group, Group: GroupKind.WarmProposals, Step: 0 }
        ? options.Prompts with { Examples = Shown(options, options.WarmStart.Generator.Examples) }
        : options.Prompts;

    /// <param name="to">The stream that the attempt goes to.</param>
    public static PromptOptions OfSolver(StreamKey to, RunOptions options) => IsFirst(to)
        ? options.Prompts with { Examples = Shown(options, options.WarmStart.Solver.Examples) }
        : options.Prompts;

    /// <summary>The beginning of the answer that is given; null where none is.</summary>
    public static string? Beginning(StreamKey to, RunOptions options) =>
        IsFirst(to) && options.WarmStart.Solver.GiveBeginning && options.Prompts.Set == PromptSet.Signatures ? SignatureFormat.Beginning : null;

    private static bool IsFirst(StreamKey to) => to is { Kind: StreamKind.Group, Group: GroupKind.WarmAttempts, Step: 0 };

    /// <summary>Other sets have no demonstrations.</summary>
    private static int Shown(RunOptions options, int examples) => options.Prompts.Set == PromptSet.Signatures ? examples : 0;
}
