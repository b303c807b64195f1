using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace ToolR0.Messaging;

/// <summary>Messages that went to an error queue: what nobody could answer.</summary>
public static class ErrorQueues
{
    /// <summary>Messages per error queue that exists; empty for the bus in memory.</summary>
    /// <exception cref="BusUnreachableException">RabbitMQ can not be used.</exception>
    public static async Task<IReadOnlyDictionary<string, long>> CountAsync(BusOptions bus, CancellationToken cancellation)
    {
        var counts = new Dictionary<string, long>();
        if (bus.Kind == BusKind.Memory)
            return counts;
        await BusProbe.CheckAsync(bus, cancellation: cancellation);
        await using var connection = await new ConnectionFactory { Uri = bus.RabbitMq }.CreateConnectionAsync("toolr0 status", cancellation);
        foreach (var queue in Queues.All.Select(Queues.ErrorQueueOf))
        {
            try
            {
                // A passive declaration of a queue that does not exist closes its channel.
                await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
                counts[queue] = (await channel.QueueDeclarePassiveAsync(queue, cancellation)).MessageCount;
            }
            catch (OperationInterruptedException)
            {
                // No message of this kind ever failed.
            }
        }

        return counts;
    }
}
