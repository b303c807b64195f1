using ToolR0.EventStore;
using ToolR0.ServiceDefaults;
using ToolR0.ToolExecution;






return await ServiceHost.RunAsync(
    ToolExecutionService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddToolExecution(),
    bus => bus.AddToolExecutionConsumers());
