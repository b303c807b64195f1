using ToolR0.Contracts;
using ToolR0.Evaluation;
using ToolR0.EventStore;
using ToolR0.Policies.Storage;
using ToolR0.ToolServers.Training;

namespace ToolR0.Cli.Running;

/// <summary>A run that is to be started, with all that can be wrong looked at and nothing written.</summary>
/// <param name="Start">Without its base.</param>
internal sealed record NewRun(StartRun Start, IReadOnlyList<LoadedSet> Sets, string BasePath, TrainingTools? Tools)
{
    /// <summary>Stores base, held-out sets and tools, which belong to no run; what is sent to start it.</summary>
    public async Task<StartRun> StoreAsync(IFactLog log, PolicyStore policies, CancellationToken cancellation)
    {
        foreach (var (set, items) in Sets)
            await log.RegisterHeldOutAsync(set.Name, set.Sha256, items, cancellation);
        if (Tools is not null)
            await log.RegisterToolsAsync(Tools.Sha256, Tools.Tools, Tools.Refused, cancellation);
        return Start with { Base = policies.Import(BasePath) };
    }
}
