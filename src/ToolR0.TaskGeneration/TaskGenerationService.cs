using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

namespace ToolR0.TaskGeneration;

/// <summary>Registration of the service that proposes tasks with the Generator.</summary>
public static class TaskGenerationService
{
    public const string Name = "task-generation";

    /// <summary>As a host takes it in, with the policies of the home folder.</summary>
    public static ServicePart Part { get; } = new(
        Name,
        (services, settings) =>
        {
            services.TryAddSingleton(_ => new PolicyStore(settings.PoliciesFolder));
            services.AddTaskGeneration();
        },
        bus => bus.AddTaskGenerationConsumers());

    /// <summary>Needs an <see cref="IFactLog"/>, a policy store and <see cref="WorkerOptions"/>.</summary>
    public static IServiceCollection AddTaskGeneration(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton<ComputeThreads>();
        services.TryAddSingleton<CompletionSources>();
        return services;
    }

    public static void AddTaskGenerationConsumers(this IBusRegistrationConfigurator bus) =>
        bus.AddConsumer<ProposeTasksConsumer, ProposeTasksDefinition>();
}

public sealed class ProposeTasksDefinition(WorkerOptions workers) : ShardConsumerDefinition<ProposeTasksConsumer, ProposeTasks>(workers.Slots);
