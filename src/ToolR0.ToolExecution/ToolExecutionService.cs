using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ToolR0.Messaging;
using ToolR0.ServiceDefaults;

namespace ToolR0.ToolExecution;

/// <summary>Wires the tool-execution service into a host.</summary>
public static class ToolExecutionService
{
    public const string Name = "tool-execution";

    /// <summary>As a host takes it in.</summary>
    public static ServicePart Part { get; } = new(
        Name, (services, settings) => services.AddToolExecution(settings.ToolsFile), bus => bus.AddToolExecutionConsumers());

    /// <summary>Needs an <see cref="Contracts.IFactLog"/>.</summary>
    /// <param name="toolsFile">Of the servers whose tools are called; null: runs that call their tools are refused.</param>
    public static IServiceCollection AddToolExecution(this IServiceCollection services, string? toolsFile = null)
    {
        services.TryAddSingleton<RunCatalog>();
        services.TryAddSingleton<StreamCache>();
        services.TryAddSingleton(_ => new RunServers(toolsFile, Settings.ProcessEnvironment()));
        services.TryAddSingleton(provider => ToolExecutor.ForWorld(provider.GetRequiredService<RunServers>()));
        return services;
    }

    public static void AddToolExecutionConsumers(this IBusRegistrationConfigurator bus) =>
        bus.AddConsumer<ExecuteToolCallsConsumer, ExecuteToolCallsConsumerDefinition>();
}
