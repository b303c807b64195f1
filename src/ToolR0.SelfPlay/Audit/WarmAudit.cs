using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.SelfPlay.Audit;

/// <summary>What later steps of the warm start need of earlier ones: verdicts, scores, variants and the tasks that were kept.</summary>
internal sealed class WarmAudit
{
    private readonly Dictionary<(string Stream, Type Type), object> _facts = [];
    private readonly List<WarmStartSelected> _selected = [];

    /// <summary>Tasks that passed the gate, and variants.</summary>
    public Dictionary<TaskRef, ToolTask> Tasks { get; } = [];

    /// <summary>Rounds in which the Solver's answers were looked at.</summary>
    public int Rounds => _selected.Count(selected => selected.Role == Role.Solver);

    /// <summary>What was kept last for a role; null before anything was.</summary>
    public WarmStartSelected? Kept(Role role) => _selected.FindLast(selected => selected.Role == role);

    public void Add(WarmStartSelected selected) => _selected.Add(selected);

    public void Add(string stream, object fact) => _facts[(stream, fact.GetType())] = fact;

    /// <exception cref="KeyNotFoundException">In what is asked of it: a fact is missing.</exception>
    public WarmRounds Of(string run, RunOptions options) => new(run, options, _selected, (stream, type) =>
        _facts.TryGetValue((stream, type), out var fact) ? fact : throw new KeyNotFoundException($"{stream} holds no {type.Name}"));
}
