using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.Coordinator;
using ToolR0.EventStore.Projections;
using ToolR0.Learning;
using ToolR0.RewardScoring;
using ToolR0.Solving;
using ToolR0.TaskGeneration;
using ToolR0.ToolExecution;

namespace ToolR0.Cli.Hosting;

/// <summary>A service as a host takes it in.</summary>
public sealed record ServiceKind(string Name, Action<IServiceCollection> Add, Action<IBusRegistrationConfigurator> AddConsumers);

/// <summary>The six services.</summary>
public static class ServiceKinds
{
    /// <summary>All of them; an embedded coordinator drives only the given run.</summary>
    public static IReadOnlyList<ServiceKind> All(string? onlyRun = null) =>
    [
        new(CoordinatorService.Name, services => services.AddCoordinator(new CoordinatorOptions(onlyRun)).AddReadModelDaemon(), bus => bus.AddCoordinatorConsumers()),
        new(TaskGenerationService.Name, services => services.AddTaskGeneration(), bus => bus.AddTaskGenerationConsumers()),
        new(SolvingService.Name, services => services.AddSolving(), bus => bus.AddSolvingConsumers()),
        new(ToolExecutionService.Name, services => services.AddToolExecution(), bus => bus.AddToolExecutionConsumers()),
        new(RewardScoringService.Name, services => services.AddRewardScoring(), bus => bus.AddRewardScoringConsumers()),
        new(LearningService.Name, services => services.AddLearning(), bus => bus.AddLearningConsumers()),
    ];

    /// <exception cref="UserErrorException">A name that is none.</exception>
    public static IReadOnlyList<ServiceKind> Named(IReadOnlyList<string> names)
    {
        var all = All();
        return [.. names.Distinct().Select(name => all.FirstOrDefault(kind => kind.Name == name)
            ?? throw new UserErrorException($"unknown service '{name}'; there are {string.Join(", ", all.Select(kind => kind.Name))}"))];
    }
}
