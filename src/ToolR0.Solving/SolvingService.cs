using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

namespace ToolR0.Solving;

/// <summary>Registration of the service that attempts tasks with the Solver.</summary>
public static class SolvingService
{
    public const string Name = "solving";

    /// <summary>As a host takes it in, with the policies of the home folder.</summary>
    public static ServicePart Part { get; } = new(
        Name,
        (services, settings) =>
        {
            services.TryAddSingleton(_ => new PolicyStore(settings.PoliciesFolder));
            services.AddSolving();
        },
        bus => bus.AddSolvingConsumers());

    /// <summary>Needs an <see cref="IFactLog"/>, a policy store and <see cref="WorkerOptions"/>.</summary>
    public static IServiceCollection AddSolving(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton<ComputeThreads>();
        services.TryAddSingleton<CompletionSources>();
        return services;
    }

    public static void AddSolvingConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<AttemptTasksConsumer, AttemptTasksDefinition>();
        bus.AddConsumer<ContinueAttemptsConsumer, ContinueAttemptsDefinition>();
    }
}

public sealed class AttemptTasksDefinition(WorkerOptions workers) : ShardConsumerDefinition<AttemptTasksConsumer, AttemptTasks>(workers.Slots);
