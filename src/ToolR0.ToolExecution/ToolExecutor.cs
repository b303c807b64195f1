using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.TinyWorld.Tools;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolExecution;

/// <summary>What became of a sample's calls. <paramref name="VoidCause"/> set: the harness failed, nothing is known about the calls.</summary>
public sealed record ToolExecutionResult(IReadOnlyList<CallOutcome> Calls, string? VoidCause = null);

/// <summary>
/// Executes calls one after the other against a task's menu. Whatever the calls hold, they get an outcome each: only cancellation by the
/// caller throws, and only a failure of the harness itself makes the result void.
/// </summary>
/// <param name="servers">Whose tools are called where a run has a catalogue of them.</param>
public sealed class ToolExecutor(IEnumerable<ToolImplementation> implementations, RunServers? servers = null)
{
    private readonly Dictionary<string, ToolImplementation> _implementations = implementations.ToDictionary(i => i.Name);

    private readonly RunServers _servers = servers ?? RunServers.None;

    /// <summary>An executor with every tool of the tiny world.</summary>
    public static ToolExecutor ForWorld(RunServers? servers = null) => new(WorldTools.All, servers);

    /// <summary>The samples whose calls change something on a server, and must not be made twice.</summary>
    /// <exception cref="ServersAwayException">The run's servers cannot be had.</exception>
    public async Task<IReadOnlyList<int>> ChangingAsync(
        IReadOnlyList<IReadOnlyList<ToolCall>> calls, ToolOptions options, CancellationToken cancellation)
    {
        // Tools that change something are taken only where the options say so.
        if (options.ReadOnlyOnly || !_servers.Serve(options))
            return [];
        var catalogue = await _servers.CatalogueAsync(options, cancellation);
        return [.. Enumerable.Range(0, calls.Count).Where(i => calls[i].Any(call =>
            catalogue.Find(call.Name) is { Executable: true, ReadOnly: false, Idempotent: false }))];
    }

    /// <param name="earlier">What was called before on the same state: the tools of this process are called again, so that the state is what it
    /// was. Those of servers never are.</param>
    /// <param name="chained">A call may refer to the result of an earlier one (<see cref="GoldReferences"/>).</param>
    /// <param name="trajectory">Names whose calls these are.</param>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    /// <exception cref="ServersAwayException">The run's servers cannot be had.</exception>
    public async Task<ToolExecutionResult> ExecuteAsync(
        ToolTask task, IReadOnlyList<ToolCall> calls, ToolOptions options, CancellationToken cancellation = default,
        IReadOnlyList<CallOutcome>? earlier = null, bool chained = false, string trajectory = "")
    {
        var state = new ToolState();
        var outcomes = new List<CallOutcome>(calls.Count);
        var current = "";
        try
        {
            var before = earlier ?? [];
            await using var lease = calls.Count == 0 || !_servers.Serve(options) ? null
                : await _servers.OfAsync(options, trajectory, before, cancellation)
                    ?? throw new InvalidOperationException("the servers that it changed something on before are gone");
            if (lease is not null && await lease.Servers.ResetAsync(cancellation) is { Fault: not CallFault.None } notReset)
                return new ToolExecutionResult([], $"tools.reset: {OneLine(notReset.Error)}");
            foreach (var done in calls.Count > 0 ? before.Where(call => _implementations.ContainsKey(call.Call.Name)) : [])
                await ExecuteAsync(task, done.Call, state, options, cancellation);
            foreach (var call in calls)
            {
                current = call.Name;
                string? problem = null;
                var tool = task.Menu.FirstOrDefault(tool => tool.Name == call.Name);
                var made = chained ? GoldReferences.Resolve(call, [.. outcomes.Select(outcome => outcome.Result)], tool, out problem) : call;
                if (problem is not null)
                {
                    outcomes.Add(new CallOutcome(call, CallStatus.InvalidArguments, null, problem));
                }
                else if (tool is not null && lease?.Servers.Catalogue.Find(call.Name) is { Executable: true } served)
                {
                    var key = $"{trajectory}/{before.Count + outcomes.Count}";
                    var (outcome, voidCause) = await lease.CallAsync(served, made, key, cancellation);
                    if (outcome is null)
                        return new ToolExecutionResult([], $"{current}: {OneLine(voidCause!)}");
                    outcomes.Add(outcome);
                }
                else
                {
                    outcomes.Add(await ExecuteAsync(task, made, state, options, cancellation));
                }
            }
        }
        catch (Exception failure) when (failure is not ServersAwayException && !cancellation.IsCancellationRequested)
        {
            return new ToolExecutionResult([], $"{current}: {failure.GetType().Name}: {OneLine(failure.Message)}");
        }

        return new ToolExecutionResult(outcomes);
    }

    private async Task<CallOutcome> ExecuteAsync(ToolTask task, ToolCall call, ToolState state, ToolOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (task.Menu.FirstOrDefault(tool => tool.Name == call.Name) is not { } offered)
            return new CallOutcome(call, CallStatus.UnknownTool, null, $"{call.Name} is not on the menu");
        if (ArgumentSchema.Problem(call, offered) is { } problem)
            return new CallOutcome(call, CallStatus.InvalidArguments, null, problem);
        if (!_implementations.TryGetValue(call.Name, out var implementation))
        {
            return options.UnknownTools == UnknownTools.CheckSchema
                ? new CallOutcome(call, CallStatus.SchemaChecked, null, null)
                : new CallOutcome(call, CallStatus.UnknownTool, null, $"{call.Name} has no implementation");
        }

        if (ArgumentSchema.Problem(call, implementation.Parameters, implementation.Parameters.Keys) is { } mismatch)
            return new CallOutcome(call, CallStatus.InvalidArguments, null, mismatch);
        return await RunAsync(implementation, call, state, options, cancellation);
    }

    private static async Task<CallOutcome> RunAsync(
        ToolImplementation implementation, ToolCall call, ToolState state, ToolOptions options, CancellationToken cancellation)
    {
        var limit = TimeSpan.FromSeconds(options.TimeoutSeconds);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stop.CancelAfter(limit);
        var token = stop.Token;
        try
        {
            // An implementation that ignores its token is left behind when the limit is over; what it would have returned is lost.
            var result = await Task.Run(() => implementation.Run(new ToolArguments(call.Arguments), state, token), token).WaitAsync(token);
            // A call that returns while the caller cancels may have returned half of its work.
            cancellation.ThrowIfCancellationRequested();
            return new CallOutcome(call, CallStatus.Succeeded, JsonSerializer.Serialize(result), null);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return new CallOutcome(call, CallStatus.TimedOut, null, $"{call.Name} took longer than {options.TimeoutSeconds} s");
        }
        catch (ToolArgumentException wrong)
        {
            return new CallOutcome(call, CallStatus.Failed, null, $"{call.Name}: {OneLine(wrong.Message)}");
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
