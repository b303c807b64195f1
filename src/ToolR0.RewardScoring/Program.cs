using ToolR0.EventStore;
using ToolR0.RewardScoring;
using ToolR0.ServiceDefaults;






return await ServiceHost.RunAsync(
    RewardScoringService.Name,
    args,
    (services, settings) => services.AddEventStore(settings.Postgres, EventStoreServices.WorkerPatience).AddRewardScoring(),
    bus => bus.AddRewardScoringConsumers());
