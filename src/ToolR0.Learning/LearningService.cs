using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

namespace ToolR0.Learning;

/// <summary>Registration of the service that trains both policies.</summary>
public static class LearningService
{
    public const string Name = "learning";

    /// <summary>As a host takes it in, with the policies of the home folder.</summary>
    public static ServicePart Part { get; } = new(
        Name,
        (services, settings) =>
        {
            services.TryAddSingleton(_ => new PolicyStore(settings.PoliciesFolder));
            services.AddLearning();
        },
        bus => bus.AddLearningConsumers());

    /// <summary>Needs an <see cref="IFactLog"/>, a policy store and <see cref="WorkerOptions"/>.</summary>
    public static IServiceCollection AddLearning(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton<ComputeThreads>();
        services.TryAddSingleton<LearnerCache>();
        return services;
    }

    public static void AddLearningConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<MeasureReferenceConsumer, MeasureReferenceDefinition>();
        bus.AddConsumer<TrainPolicyConsumer, TrainPolicyDefinition>();
    }
}

/// <summary>One step at a time: a process has one learner.</summary>
public sealed class TrainPolicyDefinition() : ShardConsumerDefinition<TrainPolicyConsumer, TrainPolicy>(1);

/// <summary>One shard at a time: beside the learner a process has one base in memory.</summary>
public sealed class MeasureReferenceDefinition() : ShardConsumerDefinition<MeasureReferenceConsumer, MeasureReference>(1);
