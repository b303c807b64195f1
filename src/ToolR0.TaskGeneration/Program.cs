using Microsoft.Extensions.DependencyInjection;
using ToolR0.EventStore;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;
using ToolR0.TaskGeneration;

return await ServiceHost.RunAsync(
    TaskGenerationService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddSingleton(_ => new PolicyStore(settings.Policies)).AddTaskGeneration(),
    bus => bus.AddTaskGenerationConsumers());
