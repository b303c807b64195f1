using Microsoft.Extensions.DependencyInjection;
using ToolR0.EventStore;
using ToolR0.Learning;
using ToolR0.Policies.Storage;
using ToolR0.ServiceDefaults;

return await ServiceHost.RunAsync(
    LearningService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddSingleton(_ => new PolicyStore(settings.Policies)).AddLearning(),
    bus => bus.AddLearningConsumers());
