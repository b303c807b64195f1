using MassTransit;
using ToolR0.Contracts;

namespace ToolR0.Coordinator.Tests;

/// <summary>Publishes each answer again.</summary>
public sealed class Echo : IConsumer<FactsStored>
{
    private static readonly HashSet<string> Heard = [];

    public Task Consume(ConsumeContext<FactsStored> context)
    {
        lock (Heard)
        {
            if (!Heard.Add(context.Message.Shard))
                return Task.CompletedTask;
        }

        return context.Publish(context.Message);
    }
}
