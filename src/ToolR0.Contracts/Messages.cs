using ToolR0.Contracts.Options;

namespace ToolR0.Contracts;

// What crosses the bus. Commands carry ids and seeds; payloads live in the store. Every message stays under 64 KiB.

/// <summary>A command for one shard. Answering it twice computes once: the second answer comes from the store.</summary>
public interface IShardCommand
{
    string Run { get; }

    /// <summary><see cref="Ids.Shard"/>.</summary>
    string Shard { get; }
}

public sealed record ProposalGroup(string Stream, TaskSpec Spec, long[] Seeds);

/// <summary>Ask the Generator for tasks: one group per spec, one completion per seed. Answered by <see cref="TasksProposed"/> as version 1 of each stream.</summary>
public sealed record ProposeTasks(string Run, string Shard, string Policy, IReadOnlyList<ProposalGroup> Groups) : IShardCommand;

/// <param name="Version">The version that the attempt takes in its stream: 1 in a stream of its own, 3 in a task stream.</param>
public sealed record AttemptGroup(string Stream, long Version, TaskRef Task, long[] Seeds);

/// <summary>Ask the Solver to answer tasks. Answered by <see cref="TaskAttempted"/>. A seed list of one with <see cref="AttemptPurpose.Evaluate"/> decodes greedily.</summary>
public sealed record AttemptTasks(string Run, string Shard, string Policy, AttemptPurpose Purpose, IReadOnlyList<AttemptGroup> Groups) : IShardCommand;

/// <summary>Execute the calls of the group at version 1 of each stream. Answered by <see cref="ToolCallsExecuted"/> as version 2.</summary>
public sealed record ExecuteToolCalls(string Run, string Shard, IReadOnlyList<string> Streams) : IShardCommand;

/// <param name="Probes">For each sample of the group, the stream of its probe attempt, or null where it was not probed.</param>
/// <param name="Judged">For each sample the stream of what the judge said, or null where it was not asked; null where no judge takes part.</param>
public sealed record ProposalToScore(string Stream, IReadOnlyList<string?> Probes, IReadOnlyList<string?>? Judged = null);

/// <summary>Score Generator groups. Answered by <see cref="ProposalsScored"/> as version 3 of each stream.</summary>
public sealed record ScoreProposals(string Run, string Shard, IReadOnlyList<ProposalToScore> Groups) : IShardCommand;

/// <summary>Score Solver groups. Answered by <see cref="AttemptsScored"/> as version 3 of each stream.</summary>
public sealed record ScoreAttempts(string Run, string Shard, IReadOnlyList<string> Streams) : IShardCommand;

/// <summary>One GRPO update of a role on scored groups. Answered by <see cref="PolicyUpdated"/> as version 1 of <see cref="Ids.PolicyStream"/>.</summary>
/// <param name="Step">From 0; <paramref name="Steps"/> in the phase, for the linear decay.</param>
/// <param name="PhaseStart">SHA-256 of the policy at the phase's first step, where the optimiser state is zero.</param>
public sealed record TrainPolicy(
    string Run, string Shard, Role Role, int Iteration, int Step, int Steps, string Base, string PhaseStart, IReadOnlyList<string> Groups) : IShardCommand;

public sealed record StartRun(string Run, RunOptions Options, string Base, IReadOnlyList<HeldOutSet> HeldOut);

public sealed record PauseRun(string Run);

public sealed record ResumeRun(string Run);

public sealed record CancelRun(string Run, string Reason);

/// <summary>Published once a shard's facts are in the store (again whenever its command is delivered again).</summary>
/// <param name="Streams">Where the facts are.</param>
/// <param name="Fact">snake_case type of the facts.</param>
/// <param name="ModelStarted">When model computation for the shard started and ended (UTC); equal when nothing was computed.</param>
/// <param name="Tokens">Tokens sampled or trained on.</param>
public sealed record FactsStored(
    string Run, string Shard, string Fact, IReadOnlyList<string> Streams, DateTimeOffset ModelStarted, DateTimeOffset ModelEnded, long Tokens);

/// <summary>Published when a command can not be answered after its retries: the run fails with this reason.</summary>
public sealed record ShardFailed(string Run, string Shard, string Reason);

/// <summary>Published by the coordinator after each of its appends, so that watchers need not poll.</summary>
public sealed record RunAdvanced(string Run, string Event, int Iteration, Phase? Phase, int? Step);
