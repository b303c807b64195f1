using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.RewardScoring;

/// <summary>Answers <see cref="GateProposals"/> from the stored proposals, their executions and the run's held-out sets.</summary>
public sealed class GateProposalsConsumer(IFactLog log, RunCatalog runs, StreamCache reader, HeldOutGuards guards,
    ILogger<GateProposalsConsumer> logger)
    : ShardConsumer<GateProposals>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(GateProposals command, CancellationToken cancellation)
    {
        var run = await runs.GetAsync(command.Run, cancellation);
        var guard = await guards.OfAsync(run, cancellation);
        var stored = await Reader.ReadAsync<ToolCallsExecuted>(command.Groups.Select(group => group.Stream), cancellation);
        return ShardAnswer.Plain([.. command.Groups.Select(group => WarmGate.Judge(
            command.Run, stored.One<TasksProposed>(group.Stream), stored.One<ToolCallsExecuted>(group.Stream), guard, run.Options))]);
    }
}

/// <summary>Answers <see cref="VaryTasks"/> from the stored tasks.</summary>
public sealed class VaryTasksConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<VaryTasksConsumer> logger)
    : ShardConsumer<VaryTasks>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(VaryTasks command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var streams = command.Variants.SelectMany(variant => variant.Others.Prepend(variant.Parent)).Select(task => task.Stream).Distinct();
        var stored = await Reader.ReadTasksAsync(streams, cancellation);
        return ShardAnswer.Plain([.. command.Variants.Select(plan =>
            WarmVariants.Make(command.Run, plan, Task(plan.Parent), [.. plan.Others.Select(Task)], options.Variation))]);

        ToolTask Task(TaskRef task) => TaskSource.Resolve(task, stored.Of(task.Stream))
            ?? throw new InvalidOperationException($"{command.Shard}: {task.Stream} holds no task at {task.Index}");
    }
}
