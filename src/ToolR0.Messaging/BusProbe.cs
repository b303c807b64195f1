using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace ToolR0.Messaging;

/// <summary>The bus cannot be reached; the message is one line for the user.</summary>
public sealed class BusUnreachableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Says within seconds whether the bus can be used, instead of letting the transport retry for ever.</summary>
public static class BusProbe
{
    /// <summary>Opens and closes one connection. Memory always succeeds.</summary>
    /// <exception cref="BusUnreachableException">No connection within <paramref name="timeout"/> (8 s when not given); names address and cause, never
    /// the password.</exception>
    public static Task CheckAsync(BusOptions options, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        ConnectAsync(options, _ => Task.CompletedTask, timeout, cancellation);

    /// <summary>
    /// Declares the command queues as their services will, so that a command sent before its first worker ever started waits instead of being lost.
    /// </summary>
    /// <exception cref="BusUnreachableException">As for <see cref="CheckAsync"/>.</exception>
    public static Task DeclareQueuesAsync(BusOptions options, CancellationToken cancellation = default) => ConnectAsync(
        options,
        async connection =>
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
            foreach (var queue in Queues.All)
            {
                await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
                var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
                if (Queues.HasSingleActiveConsumer(queue))
                    arguments["x-single-active-consumer"] = true;
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments,
                    cancellationToken: cancellation);
                await channel.QueueBindAsync(queue, queue, "", cancellationToken: cancellation);
            }

            await DeleteOldQueueAsync(connection, cancellation);
        },
        null,
        cancellation);

    /// <summary>The queue of an older version's coordinators, unless one still listens: nobody would ever empty it.</summary>
    private static async Task DeleteOldQueueAsync(IConnection connection, CancellationToken cancellation)
    {
        try
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
            await channel.QueueDeleteAsync(Queues.OldCoordinator, ifUnused: true, ifEmpty: false, noWait: false, cancellationToken: cancellation);
        }
        catch (OperationInterruptedException)
        {
            // An older coordinator is at work, and the broker closes the channel that asked.
        }
    }

    private static async Task ConnectAsync(BusOptions options, Func<IConnection, Task> use, TimeSpan? timeout, CancellationToken cancellation)
    {
        if (options.Kind == BusKind.Memory)
            return;

        var limit = timeout ?? TimeSpan.FromSeconds(8);
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timer.CancelAfter(limit);
        var (user, password) = options.Credentials;
        var factory = new ConnectionFactory
        {
            HostName = options.RabbitMq.Host,
            Port = options.Port,
            VirtualHost = options.VirtualHost,
            UserName = user,
            Password = password,
            AutomaticRecoveryEnabled = false,
            RequestedConnectionTimeout = limit,
        };
        if (options.RabbitMq.Scheme == "amqps")
            factory.Ssl = new SslOption(options.RabbitMq.Host) { Enabled = true };
        try
        {
            await using var connection = await factory.CreateConnectionAsync("toolr0 probe", timer.Token).WaitAsync(limit, cancellation);
            await use(connection);
            await connection.CloseAsync(timer.Token);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            throw new BusUnreachableException($"RabbitMQ at {options.Address} cannot be used: {Cause(e, user, limit)}", e);
        }
    }

    private static string Cause(Exception exception, string user, TimeSpan limit)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case AuthenticationFailureException:
                    return $"it refuses user '{user}' with this password";
                case OperationInterruptedException interrupted when interrupted.ShutdownReason is { } reason:
                    return reason.ReplyText;
                case System.Net.Sockets.SocketException socket:
                    return socket.Message;
            }
        }

        return exception is OperationCanceledException or TimeoutException ? $"no answer within {limit.TotalSeconds:0} s"
            : exception.GetBaseException().Message;
    }
}

/// <summary>Runs before the bus starts, so that start-up fails with one clear line, and makes sure that every command has a queue to wait
/// in.</summary>
internal sealed class BusProbeService(BusOptions options) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => BusProbe.DeclareQueuesAsync(options, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
