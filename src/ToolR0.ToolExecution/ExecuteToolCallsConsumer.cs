using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.ToolExecution;

/// <summary>Executes the calls that stand before each place: the gold calls of proposals, or what a turn of attempts calls.</summary>
public sealed class ExecuteToolCallsConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, ToolExecutor executor, ILogger<ExecuteToolCallsConsumer> logger)
    : ShardConsumer<ExecuteToolCalls>(log, reader, logger)
{
    private readonly IFactLog _log = log;

    protected override async Task<ShardAnswer> ComputeAsync(ExecuteToolCalls command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var stored = await Reader.ReadAsync(command.Groups.Select(to => to with { Version = to.Version - 1 }), cancellation);
        var before = command.Groups.Select(to => stored.Of(to.Stream).Take((int)to.Version - 1).ToList()).ToList();
        var tasks = await Reader.ReadTasksAsync(
            before.SelectMany(facts => facts.OfType<TaskAttempted>()).Select(attempt => attempt.Task.Stream).Distinct(), cancellation);

        var answers = new List<object>(before.Count);
        foreach (var (to, facts) in command.Groups.Zip(before))
        {
            var work = facts.LastOrDefault() switch
            {
                TasksProposed proposed => [.. proposed.Samples.Select((sample, i) => Work.Of(sample, Gold(proposed, to.Stream, i)) with
                {
                    Chained = proposed.Spec.Chained,
                    IsGold = true,
                })],
                TaskAttempted attempt => Predicted(attempt, TaskOf(attempt, tasks, command.Shard), options),
                TurnTaken taken => Continued(taken, facts, TaskOf(facts.OfType<TaskAttempted>().First(), tasks, command.Shard), options),
                null => throw new InvalidOperationException($"{command.Shard}: nothing is stored in {to.Stream}"),
                var other => throw new ShardRefusedException($"{command.Shard}: {other.GetType().Name} stands in {to.Stream}, which holds no calls"),
            };
            answers.Add(await ExecuteAsync(command, to, work, options.Tools, cancellation));
        }

        return ShardAnswer.Plain(answers);
    }

    /// <summary>
    /// Executes a group's calls. Where some change something, that is written down before and what they returned after: whoever comes again, because
    /// the answer was lost on its way, takes what is written and calls nothing twice.
    /// </summary>
    private async Task<ToolCallsExecuted> ExecuteAsync(
        ExecuteToolCalls command, StreamPlace to, IReadOnlyList<Work> work, ToolOptions options, CancellationToken cancellation)
    {
        var changing = await executor.ChangingAsync([.. work.Select(of => of.Calls)], options, cancellation);
        if (changing.Count == 0)
            return new ToolCallsExecuted(command.Run, await ExecuteAsync(to, work, options, cancellation));

        var journal = StreamKey.OfCalls(command.Run, to).ToString();
        var begun = new FactAppend(journal, 1, new CallsBegun(command.Run, to.Stream, to.Version, changing));
        if (!await _log.AppendAsync(command.Run, command.Shard, [begun], cancellation))
        {
            var known = (await _log.ReadAsync([journal], cancellation))[journal].Select(stored => stored.Fact).ToList();
            if (known.OfType<ToolCallsExecuted>().FirstOrDefault() is { } told)
                return told;
            work = [.. work.Select((of, i) => changing.Contains(i) ? Work.None with { VoidCause = VoidCauses.DeliveryUnknown } : of)];
        }

        var executed = new ToolCallsExecuted(command.Run, await ExecuteAsync(to, work, options, cancellation));
        await _log.AppendAsync(command.Run, command.Shard, [new FactAppend(journal, 2, executed)], cancellation);
        return executed;
    }

    /// <summary>Trajectories are executed side by side, the calls of one in order; one at a time where servers are reset before each.</summary>
    private async Task<IReadOnlyList<SampleExecution>> ExecuteAsync(
        StreamPlace to, IReadOnlyList<Work> work, ToolOptions options, CancellationToken cancellation)
    {
        if (options.Reset.Length == 0)
            return await Task.WhenAll(work.Select(OneAsync));
        var executions = new List<SampleExecution>();
        for (var i = 0; i < work.Count; i++)
            executions.Add(await OneAsync(work[i], i));
        return executions;

        async Task<SampleExecution> OneAsync(Work of, int sample)
        {
            var trajectory = of.IsGold ? $"{to.Stream}/gold/{sample}" : $"{to.Stream}/{sample}";
            var result = of.Task is { } task
                ? await executor.ExecuteAsync(task, of.Calls, options, cancellation, of.Earlier, of.Chained, trajectory)
                : new ToolExecutionResult([]);
            return new SampleExecution(sample, result.Calls, of.VoidCause ?? result.VoidCause);
        }
    }

    private static (ToolTask, IReadOnlyList<ToolCall>)? Gold(TasksProposed proposed, string stream, int sample) =>
        TaskSource.Resolve(new TaskRef(stream, sample), proposed) is { } task ? (task, task.Gold) : null;

    private static IReadOnlyList<Work> Predicted(TaskAttempted attempt, ToolTask task, RunOptions options) =>
        [.. attempt.Samples.Select(sample => Work.Of(sample, CallsOf(sample, task, options)))];

    /// <summary>The calls of a later turn; trajectories that ended before make none.</summary>
    private static IReadOnlyList<Work> Continued(TurnTaken taken, List<object> facts, ToolTask task, RunOptions options)
    {
        var whole = Attempts.Of(facts.SkipLast(1))!;
        return [.. whole.Attempted.Samples.Select((_, i) => taken.Samples.FirstOrDefault(sample => sample.Sample == i) is { } turn
            ? Work.Of(turn.Sampled, CallsOf(turn.Sampled, task, options)) with
            {
                Earlier = whole.Executed!.Samples.FirstOrDefault(execution => execution.Sample == i)?.Calls ?? [],
            }
            : Work.None)];
    }

    private static (ToolTask, IReadOnlyList<ToolCall>)? CallsOf(Trajectory sample, ToolTask task, RunOptions options) =>
        SolverAnswer.Parse(sample.Text, options.Solver.RequireThink).Calls is { } calls ? (task, calls) : null;

    private static ToolTask TaskOf(TaskAttempted attempt, Facts tasks, string shard) =>
        TaskSource.Resolve(attempt.Task, tasks.Of(attempt.Task.Stream))
        ?? throw new InvalidOperationException($"{shard}: {attempt.Task.Stream} holds no task {attempt.Task.Index}");

    /// <summary>Calls to execute against a task's menu.</summary>
    /// <param name="Task">Null where there is nothing to execute.</param>
    /// <param name="Earlier">What the same trajectory called in its turns before.</param>
    /// <param name="VoidCause">Why nothing is known, where there is no sample.</param>
    private sealed record Work(ToolTask? Task, IReadOnlyList<ToolCall> Calls, IReadOnlyList<CallOutcome> Earlier, string? VoidCause)
    {
        /// <summary>A call may refer to the result of an earlier one.</summary>
        public bool Chained { get; init; }

        /// <summary>Gold calls have servers of their own.</summary>
        public bool IsGold { get; init; }

        public static Work None { get; } = new(null, [], [], null);

        public static Work Of(Trajectory sample, (ToolTask Task, IReadOnlyList<ToolCall> Calls)? calls) =>
            sample.Finish == FinishReason.Void ? None with { VoidCause = sample.VoidCause ?? "there is no sample" }
            : calls is var (task, made) ? None with { Task = task, Calls = made } : None;
    }
}

/// <summary>The tool-execution queue's endpoint. Execution is light, one shard at a time is enough.</summary>
public sealed class ExecuteToolCallsConsumerDefinition() : ShardConsumerDefinition<ExecuteToolCallsConsumer, ExecuteToolCalls>(slots: 1);
