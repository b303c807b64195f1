using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.ToolExecution;

/// <summary>Executes the gold calls of each proposal, or the predicted calls of each attempt, of the group that each stream begins with.</summary>
public sealed class ExecuteToolCallsConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, ToolExecutor executor, ILogger<ExecuteToolCallsConsumer> logger)
    : ShardConsumer<ExecuteToolCalls>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ExecuteToolCalls command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        List<string> streams = [.. command.Groups.Select(group => group.Stream)];
        var groups = await Reader.ReadFirstAsync(streams, cancellation);
        var firsts = streams.Select(stream => groups.Of(stream).FirstOrDefault()
            ?? throw new InvalidOperationException($"{command.Shard}: nothing is stored in {stream}")).ToList();
        var tasks = await Reader.ReadFirstAsync(firsts.OfType<TaskAttempted>().Select(attempt => attempt.Task.Stream), cancellation);

        var answers = new List<object>(firsts.Count);
        foreach (var (stream, first) in streams.Zip(firsts))
        {
            var (samples, workOf) = first switch
            {
                TasksProposed proposed => (proposed.Samples, (Func<int, Work?>)(i => GoldOf(proposed, stream, i))),
                TaskAttempted attempt => (attempt.Samples, PredictedOf(attempt, TaskOf(attempt, tasks, command.Shard), options)),
                _ => throw new ShardRefusedException($"{command.Shard}: {stream} starts with {first.GetType().Name}, which holds no calls"),
            };
            answers.Add(new ToolCallsExecuted(command.Run, await ExecuteAsync(samples, workOf, options.Tools, cancellation)));
        }

        return ShardAnswer.Plain(answers);
    }

    private async Task<IReadOnlyList<SampleExecution>> ExecuteAsync(
        IReadOnlyList<Trajectory> samples, Func<int, Work?> workOf, ToolOptions options, CancellationToken cancellation)
    {
        var executions = new List<SampleExecution>(samples.Count);
        for (var i = 0; i < samples.Count; i++)
        {
            if (samples[i].Finish == FinishReason.Void)
            {
                executions.Add(new SampleExecution(i, [], samples[i].VoidCause ?? "there is no sample"));
                continue;
            }

            var result = workOf(i) is var (task, calls) ? await executor.ExecuteAsync(task, calls, options, cancellation)
                : new ToolExecutionResult([]);
            executions.Add(new SampleExecution(i, result.Calls, result.VoidCause));
        }

        return executions;
    }

    private static Work? GoldOf(TasksProposed proposed, string stream, int sample) =>
        TaskSource.Resolve(new TaskRef(stream, sample), proposed) is { } task ? new Work(task, task.Gold) : null;

    private static Func<int, Work?> PredictedOf(TaskAttempted attempt, ToolTask task, RunOptions options) =>
        sample => SolverAnswer.Parse(attempt.Samples[sample].Text, options.Solver.RequireThink).Calls is { } calls ? new Work(task, calls) : null;

    private static ToolTask TaskOf(TaskAttempted attempt, Facts tasks, string shard) =>
        TaskSource.Resolve(attempt.Task, tasks.Of(attempt.Task.Stream))
        ?? throw new InvalidOperationException($"{shard}: {attempt.Task.Stream} holds no task {attempt.Task.Index}");

    /// <summary>Calls to execute against a task's menu.</summary>
    private sealed record Work(ToolTask Task, IReadOnlyList<ToolCall> Calls);
}

/// <summary>The tool-execution queue's endpoint. Execution is light, one shard at a time is enough.</summary>
public sealed class ExecuteToolCallsConsumerDefinition() : ShardConsumerDefinition<ExecuteToolCallsConsumer, ExecuteToolCalls>(slots: 1);
