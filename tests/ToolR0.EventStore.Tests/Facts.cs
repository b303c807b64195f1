using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.EventStore.Tests;

/// <summary>Facts to store in tests.</summary>
internal static class Facts
{
    public static Trajectory Sample(long seed, int tokens = 30, string text = "<think>add</think>", FinishReason finish = FinishReason.Stop)
    {
        var random = new Random((int)(seed % int.MaxValue));
        return new Trajectory(
            seed,
            [.. Enumerable.Range(0, tokens).Select(_ => random.Next(1000))],
            [.. Enumerable.Range(0, tokens).Select(_ => -(float)random.NextDouble() * 5)],
            text,
            finish);
    }

    public static TasksProposed Proposed(string run, long seed = 1, int samples = 4, int tokens = 30)
    {
        int[] prompt = [1, 2, 3];
        Trajectory[] trajectories = [.. Enumerable.Range(0, samples).Select(i => Sample(Seeds.Derive(seed, $"{i}"), tokens))];
        return new TasksProposed(
            run, new TaskSpec("finance", TaskContext.MultiTurn, 3, 1), "p0", prompt, trajectories, Digests.OfGroup(prompt, trajectories));
    }

    public static ToolCallsExecuted Executed(string run) => new(
        run,
        [new SampleExecution(0, [new CallOutcome(Call("convert", """{"value":1.0,"unit":"mile"}"""), CallStatus.Succeeded, "1.6", null)])]);

    public static ToolCall Call(string name, string arguments) =>
        new(name, JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(arguments)!);

    public static RunStarted Started(string run, RunOptions? options = null) =>
        new(run, options ?? new RunOptions { Preset = "nano", Iterations = 2 }, "base", [new HeldOutSet("seen", "abc", 500)], "0.1.0");

    public static string Run() => $"r{Guid.NewGuid().ToString("N")[..8]}";
}
