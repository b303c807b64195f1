using System.Text.Json.Serialization;
using ToolR0.Contracts.Options;

namespace ToolR0.Contracts;

// What crosses the bus. Commands carry ids and seeds; payloads live in the store. Every message stays under 64 KiB.

/// <summary>The worker that answers a kind of command.</summary>
/// <param name="service">Names its queue.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class AnsweredByAttribute(string service) : Attribute
{
    public string Service { get; } = service;
}

/// <summary>The names of the services, as they appear in queues.</summary>
public static class ServiceNames
{
    public const string Coordinator = "coordinator";
    public const string TaskGeneration = "task-generation";
    public const string Solving = "solving";
    public const string ToolExecution = "tool-execution";
    public const string RewardScoring = "reward-scoring";
    public const string Learning = "learning";
}

/// <summary>A command for one shard. Answering it twice computes once: the second answer comes from the store.</summary>
public interface IShardCommand
{
    string Run { get; }

    /// <summary><see cref="Ids.Shard"/>.</summary>
    string Shard { get; }

    /// <summary>Where the answer goes, one place per fact, in order: the worker writes there, the coordinator looks there.</summary>
    [JsonIgnore]
    IReadOnlyList<StreamPlace> Answers { get; }
}

/// <param name="To">Where the proposals go.</param>
public sealed record ProposalGroup(StreamPlace To, TaskSpec Spec, long[] Seeds);

/// <summary>Ask the Generator for tasks: one group per spec, one completion per seed. Answered by <see cref="TasksProposed"/>.</summary>
[AnsweredBy(ServiceNames.TaskGeneration)]
public sealed record ProposeTasks(string Run, string Shard, string Policy, IReadOnlyList<ProposalGroup> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [.. Groups.Select(group => group.To)];
}

/// <param name="To">Where the attempt goes: a stream of its own, or the candidate's.</param>
public sealed record AttemptGroup(StreamPlace To, TaskRef Task, long[] Seeds);

/// <summary>Ask the Solver to answer tasks. Answered by <see cref="TaskAttempted"/>. A seed list of one with <see cref="AttemptPurpose.Evaluate"/>
/// decodes greedily.</summary>
[AnsweredBy(ServiceNames.Solving)]
public sealed record AttemptTasks(string Run, string Shard, string Policy, AttemptPurpose Purpose, IReadOnlyList<AttemptGroup> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [.. Groups.Select(group => group.To)];
}

/// <summary>Ask the Solver for the next turn of trajectories whose calls were executed. Answered by <see cref="TurnTaken"/>.</summary>
/// <param name="Turn">From 2.</param>
/// <param name="Groups">Where the turns go, with the seeds of the trajectories.</param>
[AnsweredBy(ServiceNames.Solving)]
public sealed record ContinueAttempts(
    string Run, string Shard, string Policy, AttemptPurpose Purpose, int Turn, IReadOnlyList<AttemptGroup> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [.. Groups.Select(group => group.To)];
}

/// <summary>Execute calls: those of the turn that stands before each place, or the gold calls of the proposals there. Answered by
/// <see cref="ToolCallsExecuted"/>.</summary>
/// <param name="Groups">Where the answers go.</param>
[AnsweredBy(ServiceNames.ToolExecution)]
public sealed record ExecuteToolCalls(string Run, string Shard, IReadOnlyList<StreamPlace> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Groups;
}

/// <param name="To">Where the scores go.</param>
/// <param name="Probes">For each sample of the group, the stream of its probe attempt, or null where it was not probed.</param>
/// <param name="Judged">For each sample the stream of what the judge said, or null where it was not asked; null where no judge takes part.</param>
public sealed record ProposalToScore(StreamPlace To, IReadOnlyList<string?> Probes, IReadOnlyList<string?>? Judged = null);

/// <summary>Score Generator groups. Answered by <see cref="ProposalsScored"/>.</summary>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record ScoreProposals(string Run, string Shard, IReadOnlyList<ProposalToScore> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [.. Groups.Select(group => group.To)];
}

/// <summary>Score Solver groups. Answered by <see cref="AttemptsScored"/>.</summary>
/// <param name="Groups">Where the scores go.</param>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record ScoreAttempts(string Run, string Shard, IReadOnlyList<StreamPlace> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Groups;
}

/// <summary>Look at executed candidates, each by itself. Answered by <see cref="CandidateFiltered"/>.</summary>
/// <param name="Candidates">Where the answers go.</param>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record FilterCandidates(string Run, string Shard, IReadOnlyList<StreamPlace> Candidates) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Candidates;
}

/// <summary>Rate verified candidates. Answered by <see cref="CandidateRated"/>.</summary>
/// <param name="Candidates">Where the answers go.</param>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record RateCandidates(string Run, string Shard, IReadOnlyList<StreamPlace> Candidates) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Candidates;
}

/// <summary>Read what the judge said of candidates. Answered by <see cref="CandidateLabelled"/>.</summary>
/// <param name="Labels">Where the answers go: after what the judge said.</param>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record LabelCandidates(string Run, string Shard, IReadOnlyList<StreamPlace> Labels) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Labels;
}

/// <summary>The reference policy's log-probabilities of scored groups. Answered by <see cref="ReferenceMeasured"/>.</summary>
/// <param name="Role">Who sampled them: its temperature is the one they are taken at.</param>
/// <param name="Policy">SHA-256 of the reference policy.</param>
/// <param name="Groups">Where the answers go: after the scores.</param>
[AnsweredBy(ServiceNames.Learning)]
public sealed record MeasureReference(string Run, string Shard, Role Role, string Policy, IReadOnlyList<StreamPlace> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Groups;
}

/// <summary>Look at executed proposals of the warm start, each by itself. Answered by <see cref="ProposalsGated"/>.</summary>
/// <param name="Groups">Where the answers go.</param>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record GateProposals(string Run, string Shard, IReadOnlyList<StreamPlace> Groups) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => Groups;
}

/// <param name="To">Where the variant goes.</param>
/// <param name="Parent">What it is made from.</param>
/// <param name="Others">Tasks whose tools may stand beside the parent's, or in their place.</param>
/// <param name="Domain">Of the parent.</param>
/// <param name="Refuses">No tool of the variant's menu fits.</param>
/// <param name="Near">The parent's own menu gives tools too, where the variant refuses.</param>
public sealed record VariantPlan(
    StreamPlace To, TaskRef Parent, IReadOnlyList<TaskRef> Others, string Domain, bool Refuses, bool Near, long Seed);

/// <summary>Make variants of tasks. Answered by <see cref="TaskVaried"/>.</summary>
[AnsweredBy(ServiceNames.RewardScoring)]
public sealed record VaryTasks(string Run, string Shard, IReadOnlyList<VariantPlan> Variants) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [.. Variants.Select(variant => variant.To)];
}

/// <summary>
/// One GRPO update of a role on scored groups, or one step of a fit to examples: a batch of them after the other. Answered by
/// <see cref="PolicyUpdated"/>.
/// </summary>
/// <param name="To">Where the update goes.</param>
/// <param name="Step">From 0; <paramref name="Steps"/> in the phase, for the linear decay.</param>
/// <param name="PhaseStart">SHA-256 of the policy at the phase's first step, where the optimiser state is zero.</param>
/// <param name="Groups">GRPO: the groups to learn from. A fit: the streams of its examples, each once.</param>
/// <param name="Fit">What is fitted to; null for GRPO.</param>
[AnsweredBy(ServiceNames.Learning)]
public sealed record TrainPolicy(
    string Run, string Shard, StreamPlace To, Role Role, int Iteration, int Step, int Steps, string Base, string PhaseStart,
    IReadOnlyList<string> Groups, FitPlan? Fit = null) : IShardCommand
{
    [JsonIgnore]
    public IReadOnlyList<StreamPlace> Answers => [To];
}

/// <summary>A step's share of a fit.</summary>
/// <param name="Examples">In order: proposals, attempts or variants.</param>
/// <param name="FirstBatch">Batches made before this step, of <paramref name="Batches"/> in all: for the schedule of the learning rate.</param>
public sealed record FitPlan(IReadOnlyList<TaskRef> Examples, int FirstBatch, int Batches);

/// <param name="Base">SHA-256 of the base policy, which lies in the policy store already.</param>
/// <param name="Origin">Where it came from; null for a folder.</param>
[AnsweredBy(ServiceNames.Coordinator)]
public sealed record StartRun(
    string Run,
    [property: JsonConverter(typeof(PackedJson<RunOptions>))] RunOptions Options,
    string Base,
    IReadOnlyList<HeldOutSet> HeldOut,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BaseOrigin? Origin = null);

[AnsweredBy(ServiceNames.Coordinator)]
public sealed record PauseRun(string Run);

[AnsweredBy(ServiceNames.Coordinator)]
public sealed record ResumeRun(string Run);

[AnsweredBy(ServiceNames.Coordinator)]
public sealed record CancelRun(string Run, string Reason);

/// <summary>Sent by every coordinator to the coordinators' queue from time to time: whoever is active there looks after the runs.</summary>
[AnsweredBy(ServiceNames.Coordinator)]
public sealed record LookAfterRuns;

/// <summary>Published once a shard's facts are in the store (again whenever its command is delivered again).</summary>
/// <param name="ModelStarted">When model computation for the shard started and ended (UTC); equal when nothing was computed.</param>
public sealed record FactsStored(string Run, string Shard, DateTimeOffset ModelStarted, DateTimeOffset ModelEnded);

/// <summary>Published when a command can not be answered after its retries: the run fails with this reason.</summary>
public sealed record ShardFailed(string Run, string Shard, string Reason);
