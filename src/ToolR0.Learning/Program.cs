using Microsoft.Extensions.DependencyInjection;
using ToolR0.EventStore;
using ToolR0.Learning;
using ToolR0.Messaging;
using ToolR0.Policies;

return await ServiceHost.RunAsync(
    LearningService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddSingleton(_ => new PolicyStore(settings.Policies)).AddLearning(),
    bus => bus.AddLearningConsumers());
