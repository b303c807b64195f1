using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.ToolExecution;

return await ServiceHost.RunAsync(
    ToolExecutionService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddToolExecution(),
    bus => bus.AddToolExecutionConsumers());
