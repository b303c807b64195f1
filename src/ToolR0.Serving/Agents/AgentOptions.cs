using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.Serving.Agents;

/// <summary>When a person is asked before a call.</summary>
public enum AskRule
{
    /// <summary>Before a call of a tool that does not say that it is read-only.</summary>
    Changes,

    /// <summary>Before every call.</summary>
    All,
}

/// <summary>How an agent behaves.</summary>
/// <param name="ToolsFile">A client's configuration or a list of functions; null for no tools.</param>
/// <param name="MostTurns">Answers of the model to one question.</param>
public sealed record AgentOptions(string? ToolsFile, AskRule Ask, int MostTurns, SamplingOptions Sampling, ToolOptions Tools, long Seed = 1)
{
    /// <summary>Options as a command line gives them.</summary>
    /// <param name="yesReadOnly">Said for clarity: it is what holds without it.</param>
    /// <param name="ask">Null, or all.</param>
    /// <exception cref="UserErrorException">Two contradict each other or one is out of range.</exception>
    public static AgentOptions Of(
        string? toolsFile, bool yesReadOnly, string? ask, int mostTurns, double temperature, int maxNew, ToolOptions tools)
    {
        if (ask is not (null or "all"))
            throw new UserErrorException($"--ask {ask}: must be all");
        if (yesReadOnly && ask is not null)
            throw new UserErrorException("--yes-read-only and --ask all contradict each other");
        if (mostTurns is < 1 or > 100)
            throw new UserErrorException($"--max-turns {mostTurns}: must be from 1 to 100");
        if (!(temperature is >= 0 and <= 2))
            throw new UserErrorException(FormattableString.Invariant($"--temperature {temperature}: must be from 0 to 2"));
        if (maxNew < 1)
            throw new UserErrorException($"--max-new {maxNew}: must be at least 1");

        // A tool that changes something can be offered here: a person is asked before it is called.
        return new AgentOptions(
            toolsFile, ask is null ? AskRule.Changes : AskRule.All, mostTurns,
            new SamplingOptions { Temperature = temperature, MaxNewTokens = maxNew }, tools with { ReadOnlyOnly = false });
    }
}
