using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Messaging;

namespace ToolR0.ToolExecution;

/// <summary>Wires the tool-execution service into a host.</summary>
public static class ToolExecutionService
{
    public const string Name = "tool-execution";

    /// <summary>Needs an <see cref="Contracts.IFactLog"/>.</summary>
    public static IServiceCollection AddToolExecution(this IServiceCollection services)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton(_ => ToolExecutor.ForWorld());
        return services;
    }

    public static void AddToolExecutionConsumers(this IBusRegistrationConfigurator bus) =>
        bus.AddConsumer<ExecuteToolCallsConsumer, ExecuteToolCallsConsumerDefinition>();
}
