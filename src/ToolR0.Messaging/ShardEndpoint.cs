using MassTransit;
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>How failures are retried on every worker endpoint.</summary>
public static class ShardEndpoint
{
    /// <summary>Waits between tries: infrastructure gets about 20 s to come back before the run fails.</summary>
    public static IReadOnlyList<TimeSpan> Retries { get; } =
        [TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(15)];

    internal static bool IsLastTry(ConsumeContext context, Exception exception) =>
        exception is ShardRefusedException || context.GetRetryAttempt() >= Retries.Count;
}

/// <summary>
/// Endpoint policy of a worker: the service's one queue, a number of slots each holding one shard (no more are prefetched: a waiting message is
/// another worker's chance), retries with back-off. Stands beside its consumer.
/// </summary>
public abstract class ShardConsumerDefinition<TConsumer, TCommand> : ConsumerDefinition<TConsumer>
    where TConsumer : ShardConsumer<TCommand>
    where TCommand : class, IShardCommand
{
    /// <param name="slots">Shards in hand side by side in this process, at least 1. Changes no result.</param>
    protected ShardConsumerDefinition(int slots)
    {
        EndpointName = Queues.Of(typeof(TCommand));
        Endpoint(endpoint =>
        {
            endpoint.Name = Queues.Of(typeof(TCommand));
            endpoint.ConcurrentMessageLimit = slots;
            endpoint.PrefetchCount = slots;
            endpoint.ConfigureConsumeTopology = false;
        });
    }

    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpointConfigurator, IConsumerConfigurator<TConsumer> consumerConfigurator, IRegistrationContext context) =>
        consumerConfigurator.UseMessageRetry(retry =>
        {
            retry.Ignore<ShardRefusedException>();
            retry.Intervals([.. ShardEndpoint.Retries]);
        });
}
