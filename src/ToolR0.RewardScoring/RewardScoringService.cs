using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.ServiceDefaults;

namespace ToolR0.RewardScoring;

/// <summary>Registration of the service that turns stored outcomes into rewards and advantages.</summary>
public static class RewardScoringService
{
    public const string Name = "reward-scoring";

    /// <summary>As a host takes it in.</summary>
    public static ServicePart Part { get; } = new(Name, (services, _) => services.AddRewardScoring(), bus => bus.AddRewardScoringConsumers());

    /// <summary>Needs an <see cref="IFactLog"/> and <see cref="WorkerOptions"/>.</summary>
    public static IServiceCollection AddRewardScoring(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton<HeldOutGuards>();
        return services;
    }

    public static void AddRewardScoringConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<ScoreProposalsConsumer, ScoreProposalsDefinition>();
        bus.AddConsumer<ScoreAttemptsConsumer, ScoreAttemptsDefinition>();
        bus.AddConsumer<FilterCandidatesConsumer, FilterCandidatesDefinition>();
        bus.AddConsumer<RateCandidatesConsumer, RateCandidatesDefinition>();
        bus.AddConsumer<LabelCandidatesConsumer, LabelCandidatesDefinition>();
        bus.AddConsumer<GateProposalsConsumer, GateProposalsDefinition>();
        bus.AddConsumer<VaryTasksConsumer, VaryTasksDefinition>();
    }
}

public sealed class ScoreProposalsDefinition(WorkerOptions workers) : ShardConsumerDefinition<ScoreProposalsConsumer, ScoreProposals>(workers.Count);

public sealed class ScoreAttemptsDefinition(WorkerOptions workers) : ShardConsumerDefinition<ScoreAttemptsConsumer, ScoreAttempts>(workers.Count);

public sealed class FilterCandidatesDefinition(WorkerOptions workers)
    : ShardConsumerDefinition<FilterCandidatesConsumer, FilterCandidates>(workers.Count);

public sealed class RateCandidatesDefinition(WorkerOptions workers) : ShardConsumerDefinition<RateCandidatesConsumer, RateCandidates>(workers.Count);

public sealed class LabelCandidatesDefinition(WorkerOptions workers)
    : ShardConsumerDefinition<LabelCandidatesConsumer, LabelCandidates>(workers.Count);

public sealed class GateProposalsDefinition(WorkerOptions workers) : ShardConsumerDefinition<GateProposalsConsumer, GateProposals>(workers.Count);

public sealed class VaryTasksDefinition(WorkerOptions workers) : ShardConsumerDefinition<VaryTasksConsumer, VaryTasks>(workers.Count);
