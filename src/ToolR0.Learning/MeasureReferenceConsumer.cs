using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Storage;

namespace ToolR0.Learning;

/// <summary>
/// Answers <see cref="MeasureReference"/>: what the run's base makes of the completions that are learned from. It is a fact, so that a step that is
/// learned again needs no base, and gives the same weights.
/// </summary>
public sealed class MeasureReferenceConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, PolicyStore policies, ComputeThreads workers, ILogger<MeasureReferenceConsumer> logger)
    : ShardConsumer<MeasureReference>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(MeasureReference command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var streams = command.Groups.Select(place => place.Stream).ToList();
        var facts = await Reader.ReadAsync(streams.Select(StreamLayout.Last), cancellation);
        var groups = streams.Select(stream => TrainPolicyConsumer.Sampled(command.Role, facts, stream))
            .Select(group => new TrainingGroup(group.Prompt, [.. group.Samples.Select(sample => new TrainingSample(sample.Tokens, [], 0))])).ToList();
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        return await workers.RunAsync(Measure, cancellation);

        ShardAnswer Measure()
        {
            var started = DateTimeOffset.UtcNow;
            using var lease = policies.Rent(command.Policy, options.Policies.Precision);
            var temperature = TrainPolicyConsumer.SamplingOf(options, command.Role).Temperature;
            var measured = ReferenceLogProbs.Of(lease.Policy, groups, temperature, options.Learning.MicroBatchTokens);
            return new ShardAnswer(
                [.. measured.Select(of => new ReferenceMeasured(command.Run, command.Policy, of, Digests.OfLogProbs(command.Policy, of)))],
                started, DateTimeOffset.UtcNow, groups.Sum(group => group.Samples.Sum(sample => (long)sample.Tokens.Length)));
        }
    }
}
