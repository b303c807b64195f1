using MassTransit;
using ToolR0.Contracts;
using ToolR0.Messaging;

namespace ToolR0.Coordinator;

/// <summary>Commands about a run's life. Acknowledged once what they decide is stored.</summary>
public sealed class RunCommandConsumer(RunDrivers drivers) : IConsumer<StartRun>, IConsumer<PauseRun>, IConsumer<ResumeRun>, IConsumer<CancelRun>
{
    public Task Consume(ConsumeContext<StartRun> context) => Handle(context.Message.Run, context);

    public Task Consume(ConsumeContext<PauseRun> context) => Handle(context.Message.Run, context);

    public Task Consume(ConsumeContext<ResumeRun> context) => Handle(context.Message.Run, context);

    public Task Consume(ConsumeContext<CancelRun> context) => Handle(context.Message.Run, context);

    private Task Handle<T>(string run, ConsumeContext<T> context)
        where T : class =>
        drivers.HandleAsync(run, context.Message, context.MessageId?.ToString() ?? Ids.RunStream(run), context.CancellationToken);
}

/// <summary>What workers stored, or could not.</summary>
public sealed class FactConsumer(RunDrivers drivers) : IConsumer<FactsStored>, IConsumer<ShardFailed>
{
    public Task Consume(ConsumeContext<FactsStored> context) =>
        drivers.HandleAsync(context.Message.Run, context.Message, context.Message.Shard, context.CancellationToken);

    public Task Consume(ConsumeContext<ShardFailed> context) =>
        drivers.HandleAsync(context.Message.Run, context.Message, context.Message.Shard, context.CancellationToken);
}

/// <summary>
/// The coordinators' heartbeat. Every coordinator sends <see cref="LookAfterRuns"/>; the broker gives it to the active one, which so learns that it
/// is active.
/// </summary>
public sealed class LookAfterRunsConsumer(RunDrivers drivers) : IConsumer<LookAfterRuns>
{
    public Task Consume(ConsumeContext<LookAfterRuns> context) => drivers.LookAfterAsync(context.CancellationToken);
}

public sealed class LookAfterRunsDefinition : CoordinatorDefinition<LookAfterRunsConsumer>;

public sealed class RunCommandDefinition : CoordinatorDefinition<RunCommandConsumer>;

public sealed class FactDefinition : CoordinatorDefinition<FactConsumer>;

/// <summary>One queue for all that coordinators hear, with one active consumer at a time. Messages wait for their run's driver, so many may be in
/// hand at once.</summary>
public abstract class CoordinatorDefinition<TConsumer> : ConsumerDefinition<TConsumer>
    where TConsumer : class, IConsumer
{
    private const int InHand = 64;

    protected CoordinatorDefinition()
    {
        EndpointName = Queues.Coordinator;
        Endpoint(endpoint =>
        {
            endpoint.Name = Queues.Coordinator;
            endpoint.ConcurrentMessageLimit = InHand;
            endpoint.PrefetchCount = InHand;
        });
    }

    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpointConfigurator, IConsumerConfigurator<TConsumer> consumerConfigurator, IRegistrationContext context) =>
        consumerConfigurator.UseMessageRetry(retry => retry.Intervals([.. ShardEndpoint.Retries]));
}
