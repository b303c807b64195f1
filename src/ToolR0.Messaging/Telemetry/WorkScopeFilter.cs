using System.Diagnostics;
using MassTransit;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;

namespace ToolR0.Messaging.Telemetry;

/// <summary>
/// Around every consumer: one span of ours and one log scope per message, both named after what the message is about (<see cref="WorkScope"/>), and
/// the time that a command waited in its queue. Retries happen inside.
/// </summary>
public sealed class WorkScopeFilter<TMessage>(ILoggerFactory? loggers = null) : IFilter<ConsumeContext<TMessage>>
    where TMessage : class
{
    public async Task Send(ConsumeContext<TMessage> context, IPipe<ConsumeContext<TMessage>> next)
    {
        if (WorkScope.OfMessage(context.Message) is not { } work)
        {
            await next.Send(context);
            return;
        }

        Count(context, work);
        using var span = Instruments.Source.StartActivity(work.Name, ActivityKind.Internal);
        if (span is { IsAllDataRequested: true })
        {
            foreach (var (name, value) in work)
                span.SetTag(name, value);
            if (context.Message is IShardCommand command)
                span.SetTag("toolr0.groups", command.Answers.Select(place => place.Stream).ToArray());
        }

        var logger = loggers?.CreateLogger("ToolR0.Messages");
        using var scope = logger?.BeginScope(work);
        var started = Stopwatch.GetTimestamp();
        try
        {
            await next.Send(context);
            logger?.LogInformation("{Message} done in {Milliseconds} ms", work.Name, (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception e)
        {
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("toolr0-scope");

    private static void Count(ConsumeContext<TMessage> context, WorkScope work)
    {
        switch (context.Message)
        {
            case IShardCommand when context.SentTime is { } sent && !context.ReceiveContext.Redelivered:
                Instruments.QueueTime.Record(Math.Max(0, (DateTime.UtcNow - sent.ToUniversalTime()).TotalSeconds), work.Labels);
                break;
            case FactsStored stored:
                OutstandingShards.Remove(stored.Run, stored.Shard);
                break;
            case ShardFailed failed:
                OutstandingShards.Remove(failed.Run, failed.Shard);
                break;
        }
    }
}
