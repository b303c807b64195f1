using ToolR0.Coordinator;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.ServiceDefaults;






return await ServiceHost.RunAsync(
    CoordinatorService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddCoordinator().AddReadModelDaemon(),
    bus => bus.AddCoordinatorConsumers());
