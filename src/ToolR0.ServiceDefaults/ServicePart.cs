using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace ToolR0.ServiceDefaults;

/// <summary>A service as a host takes it in: a process of its own has one, <c>toolr0 run</c> has all six.</summary>
/// <param name="Name">As the stack and <c>toolr0 serve</c> call it.</param>
/// <param name="Add">Registers what the service consists of; store and bus are there already.</param>
/// <param name="AddConsumers">Registers its consumers on the bus.</param>
public sealed record ServicePart(string Name, Action<IServiceCollection, Settings> Add, Action<IBusRegistrationConfigurator> AddConsumers);
