using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.TaskGeneration;

/// <summary>Answers <see cref="ProposeTasks"/>: the Generator writes tasks for the specs of a shard as one batch.</summary>
public sealed class ProposeTasksConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, CompletionSources sources, ComputeThreads workers, ILogger<ProposeTasksConsumer> logger)
    : ShardConsumer<ProposeTasks>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ProposeTasks command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        return await workers.RunAsync(() => Propose(command, options, cancellation), cancellation);
    }

    private ShardAnswer Propose(ProposeTasks command, RunOptions options, CancellationToken cancellation)
    {
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        using var policy = sources.Open(
            Role.Generator, command.Policy, options.Inference, options.Dispatch.CacheMegabytes * 1_000_000, options.Policies.Precision);
        var started = DateTimeOffset.UtcNow;
        var first = StreamKey.Parse(command.Groups[0].To.Stream);
        var prompts = WarmStartPrompts.OfGenerator(first, options);
        var requests = command.Groups.Select(group => new SampleRequest(Prompt(policy, group.Spec, prompts, options.Specs), group.Seeds)).ToList();
        var signatures = prompts.Set == PromptSet.Signatures;
        // Among demonstrations the Generator would go on with the task after.
        var stop = signatures && prompts.Examples > 0 ? SignatureFormat.End : null;
        Func<int, string, bool>? isHopeless = signatures && first.Group == GroupKind.WarmProposals && options.WarmStart.Generator.StopHopeless
            ? (group, text) => command.Groups[group].Spec is { Given: null } spec && SignatureFormat.IsHopeless(text, spec.MenuSize + 1)
            : null;
        var sampled = policy.Sample(requests, SamplingOf(first, options), cancellation, stop, isHopeless)
            .Select((samples, i) => WithMenu(samples, GeneratorPrompt.Given(command.Groups[i].Spec, prompts, options.Specs))).ToList();
        var facts = command.Groups.Select((group, i) => new TasksProposed(
            command.Run,
            group.Spec,
            command.Policy,
            requests[i].PromptTokens,
            sampled[i],
            Digests.OfGroup(requests[i].PromptTokens, sampled[i]),
            signatures)).ToList();
        return new ShardAnswer(facts, started, DateTimeOffset.UtcNow, facts.Sum(fact => fact.Samples.Sum(sample => (long)sample.Tokens.Length)));
    }

    /// <summary>Proposals read as if the Generator had written the menu that it was given.</summary>
    private static IReadOnlyList<Trajectory> WithMenu(IReadOnlyList<Trajectory> samples, string given) => given.Length == 0 ? samples
        : [.. samples.Select(sample => sample.Finish == FinishReason.Void ? sample : sample with { Text = given + sample.Text })];

    private static SamplingOptions SamplingOf(StreamKey to, RunOptions options) => to switch
    {
        { Kind: StreamKind.Task } => options.Curriculum.Sampling,
        { Group: GroupKind.WarmProposals, Step: 0 } => options.WarmStart.Generator.Sampling,
        { Group: GroupKind.WarmProposals } => options.WarmStart.Generator.LaterSampling,
        _ => options.Generator.Sampling,
    };

    /// <exception cref="ShardRefusedException">The prompt is too long: prompts are never cut.</exception>
    private static int[] Prompt(ICompletionSource policy, TaskSpec spec, PromptOptions options, SpecOptions specs)
    {
        var prompt = policy.Tokenizer.EncodePrompt(GeneratorPrompt.Render(spec, options, specs));
        if (prompt.Length > options.MaxPromptTokens)
            throw new ShardRefusedException(
                $"the Generator's prompt has {prompt.Length} tokens, prompts.maxPromptTokens is {options.MaxPromptTokens}: prompts are never cut");
        if (prompt.Length >= policy.Config.MaxPositions)
            throw new ShardRefusedException($"the Generator's prompt has {prompt.Length} tokens, the policy {policy.Config.MaxPositions} positions");
        return prompt;
    }
}
