using MassTransit;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging.Telemetry;

namespace ToolR0.Messaging;

/// <summary>What a worker computed for a shard.</summary>
/// <param name="Facts">One per place of <see cref="IShardCommand.Answers"/>, in the same order.</param>
/// <param name="ModelStarted">When model computation started and ended (UTC); equal when there was none.</param>
/// <param name="Tokens">Tokens sampled or trained on.</param>
public sealed record ShardAnswer(IReadOnlyList<object> Facts, DateTimeOffset ModelStarted, DateTimeOffset ModelEnded, long Tokens)
{
    /// <summary>An answer that took no model computation.</summary>
    public static ShardAnswer Plain(IReadOnlyList<object> facts) => new(facts, default, default, 0);
}

/// <summary>The command cannot be answered however often it is tried: it is not retried, and the run fails with this reason.</summary>
public sealed class ShardRefusedException(string reason, Exception? inner = null) : Exception(reason, inner);

/// <summary>
/// Answers one kind of shard command and guards this invariant: <b>append, then publish, then acknowledge</b>. The facts of a shard are appended in
/// one transaction; <see cref="FactsStored"/> is published after that; only when both are done does the message get acknowledged. A command whose
/// streams already carry their versions, because it was delivered or sent again or another worker was faster, computes nothing (or throws its
/// result away) and publishes again what is stored. So nothing is lost or doubled, and there is no outbox: the log is the outbox.
/// <para>
/// What throws is retried with back-off (<see cref="ShardEndpoint.Retries"/>), since a failure of infrastructure is never an answer; then the
/// message goes to the endpoint's error queue and <see cref="ShardFailed"/> is published, so that the run ends with the reason instead of hanging.
/// </para>
/// </summary>
public abstract class ShardConsumer<TCommand>(IFactLog log, StreamCache reader, ILogger logger) : IConsumer<TCommand>
    where TCommand : class, IShardCommand
{
    /// <summary>Reads the store. What this consumer appends is remembered in it, for workers of the same process.</summary>
    protected StreamCache Reader { get; } = reader;

    /// <summary>Computes the facts, in the order of <see cref="IShardCommand.Answers"/>. Reads the store, writes nothing to it.</summary>
    protected abstract Task<ShardAnswer> ComputeAsync(TCommand command, CancellationToken cancellation);

    public async Task Consume(ConsumeContext<TCommand> context)
    {
        var command = context.Message;
        try
        {
            var places = command.Answers;
            var answer = await AnsweredAsync(places, context.CancellationToken) ? null
                : await AppendAsync(command, places, context.CancellationToken);
            await PublishAsync(context, answer);
        }
        catch (Exception e) when (e is not OperationCanceledException && ShardEndpoint.IsLastTry(context, e))
        {
            logger.LogError(e, "{Shard} cannot be answered", command.Shard);
            Instruments.Failed(command);
            await context.Publish(
                new ShardFailed(command.Run, command.Shard, OneLine(e)),
                send => send.Trace(command.Run, Ids.MessageId(command.Shard + "/failed"), command.Shard),
                CancellationToken.None);
            throw;
        }
    }

    /// <returns>The answer that is now stored, or null if another worker's is.</returns>
    private async Task<ShardAnswer?> AppendAsync(TCommand command, IReadOnlyList<StreamPlace> places, CancellationToken cancellation)
    {
        var answer = await ComputeAsync(command, cancellation);
        if (answer.Facts.Count != places.Count)
            throw new InvalidOperationException($"{command.Shard}: {answer.Facts.Count} facts were computed for {places.Count} streams");

        var appends = places.Zip(answer.Facts, (place, fact) => new FactAppend(place.Stream, place.Version, fact)).ToList();
        if (await log.AppendAsync(command.Run, command.Shard, appends, cancellation))
        {
            Reader.Remember(command.Shard, appends);
            Instruments.Answered(command, answer);
            return answer;
        }

        if (!await AnsweredAsync(places, cancellation))
            throw new InvalidOperationException($"{command.Shard}: a stream is ahead of its place, the shard's facts do not fit the store");
        return null;
    }

    private async Task<bool> AnsweredAsync(IReadOnlyList<StreamPlace> places, CancellationToken cancellation)
    {
        var versions = await log.VersionsAsync([.. places.Select(place => place.Stream)], cancellation);
        return places.All(place => versions.TryGetValue(place.Stream, out var version) && version >= place.Version);
    }

    private static Task PublishAsync(ConsumeContext<TCommand> context, ShardAnswer? answer)
    {
        var command = context.Message;
        var now = DateTimeOffset.UtcNow;
        var (started, ended) = answer is { } a && a.ModelEnded > a.ModelStarted ? (a.ModelStarted, a.ModelEnded) : (now, now);
        return context.Publish(
            new FactsStored(command.Run, command.Shard, started, ended),
            send => send.Trace(command.Run, Ids.MessageId(command.Shard + "/stored"), command.Shard),
            context.CancellationToken);
    }

    private static string OneLine(Exception exception)
    {
        var text = exception.Message.ReplaceLineEndings(" ");
        return text.Length <= 2000 ? text : text[..2000];
    }
}
