using ToolR0.Contracts;
using ToolR0.Coordinator;
using ToolR0.Learning;
using ToolR0.RewardScoring;
using ToolR0.ServiceDefaults;
using ToolR0.Solving;
using ToolR0.TaskGeneration;
using ToolR0.ToolExecution;

namespace ToolR0.Cli.Hosting;

/// <summary>The six services.</summary>
public static class ServiceKinds
{
    /// <summary>All of them; an embedded coordinator drives only the given run.</summary>
    public static IReadOnlyList<ServicePart> All(string? onlyRun = null) =>
    [
        CoordinatorService.Part(onlyRun), TaskGenerationService.Part, SolvingService.Part, ToolExecutionService.Part, RewardScoringService.Part,
        LearningService.Part,
    ];

    /// <exception cref="UserErrorException">A name that is none.</exception>
    public static IReadOnlyList<ServicePart> Named(IReadOnlyList<string> names)
    {
        var all = All();
        return [.. names.Distinct().Select(name => all.FirstOrDefault(part => part.Name == name)
            ?? throw new UserErrorException($"unknown service '{name}'; there are {string.Join(", ", all.Select(part => part.Name))}"))];
    }
}
