using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.Policies.Inference;

namespace ToolR0.TaskGeneration;

/// <summary>Registration of the service that proposes tasks with the Generator.</summary>
public static class TaskGenerationService
{
    public const string Name = "task-generation";

    /// <summary>Needs an <see cref="IFactLog"/>, a policy store and <see cref="WorkerOptions"/>.</summary>
    public static IServiceCollection AddTaskGeneration(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton<ComputeThreads>();
        services.TryAddSingleton<CompletionSources>();
        return services;
    }

    public static void AddTaskGenerationConsumers(this IBusRegistrationConfigurator bus) => bus.AddConsumer<ProposeTasksConsumer, ProposeTasksDefinition>();
}

public sealed class ProposeTasksDefinition(WorkerOptions workers) : ShardConsumerDefinition<ProposeTasksConsumer, ProposeTasks>(workers.Slots);
