using MassTransit;
using ToolR0.Contracts;
using ToolR0.Messaging.Telemetry;

namespace ToolR0.Messaging;

/// <summary>
/// Sends commands to their queues. Ids are derived: a shard's command has the same message id however often it is sent, its correlation id is the
/// run's, and the header <see cref="RunHeader"/> carries the run's name.
/// </summary>
public sealed class CommandSender(IBus bus)
{
    public const string RunHeader = "toolr0-run";

    /// <summary>Header with the text of what caused the message: a shard, or the message id of a command from outside.</summary>
    public const string CausationHeader = "toolr0-causation";

    /// <exception cref="MessageTooLargeException">Over 64 KiB: cut smaller shards.</exception>
    public Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation = default)
    {
        OutstandingShards.Add(command.Run, command.Shard);
        return SendAsync(command, command.Run, Ids.MessageId(command.Shard), causation, null, cancellation);
    }

    /// <summary>Asks whichever coordinator is active to look after the runs.</summary>
    /// <param name="timeToLive">The message is dropped when no coordinator takes it within this time.</param>
    public Task SendAsync(LookAfterRuns command, TimeSpan timeToLive, CancellationToken cancellation = default)
    {
        var id = NewId.NextGuid();
        return SendAsync(command, "", id, id.ToString(), timeToLive, cancellation);
    }

    public Task SendAsync(StartRun command, CancellationToken cancellation = default) => FromOutside(command, command.Run, cancellation);

    public Task SendAsync(PauseRun command, CancellationToken cancellation = default) => FromOutside(command, command.Run, cancellation);

    public Task SendAsync(ResumeRun command, CancellationToken cancellation = default) => FromOutside(command, command.Run, cancellation);

    public Task SendAsync(CancelRun command, CancellationToken cancellation = default) => FromOutside(command, command.Run, cancellation);

    private Task FromOutside(object command, string run, CancellationToken cancellation)
    {
        var id = NewId.NextGuid();
        return SendAsync(command, run, id, id.ToString(), null, cancellation);
    }

    private async Task SendAsync(object command, string run, Guid id, string causation, TimeSpan? timeToLive, CancellationToken cancellation)
    {
        // On RabbitMQ to the exchange in front of the queue: an address of the form queue: would declare the queue, as a classic one.
        var scheme = bus.Address.Scheme == "loopback" ? "queue" : "exchange";
        var endpoint = await bus.GetSendEndpoint(new Uri($"{scheme}:{Queues.Of(command.GetType())}"));
        await endpoint.Send(
            command,
            command.GetType(),
            Pipe.Execute<SendContext>(send =>
            {
                send.Trace(run, id, causation);
                send.TimeToLive = timeToLive;
            }),
            cancellation);
    }
}

/// <summary>Ids of a message, set the same way for everything that is sent or published.</summary>
public static class MessageTrace
{
    /// <summary>Sets message id, correlation id (the run) and initiator id (what caused it), with run and cause readable in headers.</summary>
    public static void Trace(this SendContext context, string run, Guid messageId, string causation)
    {
        context.MessageId = messageId;
        context.CorrelationId = Ids.MessageId(Ids.RunStream(run));
        context.ConversationId = context.CorrelationId;
        context.InitiatorId = Ids.MessageId(causation);
        context.Headers.Set(CommandSender.RunHeader, run);
        context.Headers.Set(CommandSender.CausationHeader, causation);
    }
}
