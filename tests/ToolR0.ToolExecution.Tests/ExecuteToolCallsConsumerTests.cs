using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;

namespace ToolR0.ToolExecution.Tests;

public sealed class ExecuteToolCallsConsumerTests
{
    private static readonly HeldOutItem Item = HeldOut.Make(HeldOut.Seen, 1, 9)[0];
    private static readonly TaskSpec Spec = new("math", TaskContext.SingleTurn, 3, 1);

    [Fact]
    public async Task Gold_calls_of_proposals_are_executed_per_sample()
    {
        var good = CompactFormat.Proposal("x", Item.Task);
        var proposed = new TasksProposed("r", Spec, "p", [], [Sample(good), Sample("nonsense"), Void("out of memory"), Sample(good)], "");
        var executed = await ExecuteAsync("group/r/1/generator/0/0", proposed);

        executed.Samples.Select(s => s.Sample).ShouldBe([0, 1, 2, 3]);
        executed.Samples[0].Calls.ShouldAllBe(c => c.Status == CallStatus.Succeeded);
        executed.Samples[0].Calls.Count.ShouldBe(Item.Task.Gold.Count);
        executed.Samples[1].ShouldBe(new SampleExecution(1, executed.Samples[1].Calls));
        executed.Samples[1].Calls.ShouldBeEmpty();
        executed.Samples[2].VoidCause.ShouldBe("out of memory");
        executed.Samples[3].Calls.Count.ShouldBe(Item.Task.Gold.Count);
    }

    [Fact]
    public async Task Predicted_calls_of_attempts_are_executed_against_the_tasks_menu()
    {
        ToolCall stray = new("no_such_tool", Item.Task.Gold[0].Arguments);
        var attempted = new TaskAttempted(
            "r", new TaskRef("heldout/x", 0), AttemptPurpose.Evaluate, "p", [],
                [Sample(CompactFormat.Answer(Item.Task.Gold)), Sample(CompactFormat.Answer([stray]))], "");
        var executed = await ExecuteAsync("group/r/0/evaluation/0/0", attempted);

        executed.Samples[0].Calls.ShouldAllBe(c => c.Status == CallStatus.Succeeded);
        executed.Samples[1].Calls.Single().Status.ShouldBe(CallStatus.UnknownTool);
    }

    private static Trajectory Sample(string text) => new(1, [], [], text, FinishReason.Stop);

    private static Trajectory Void(string cause) => new(1, [], [], "", FinishReason.Void, cause);

    private static async Task<ToolCallsExecuted> ExecuteAsync(string stream, object first)
    {
        var log = new FakeLog
        {
            [Ids.RunStream("r")] = [new RunStarted("r", ShippedPresets.Nano, "p", [], "1")],
            ["heldout/x"] = [new HeldOutRegistered("seen", [Item])],
            [stream] = [first],
        };
        await using var provider = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IFactLog>(log)
            .AddToolExecution()
            .AddMassTransitTestHarness(bus => bus.AddToolExecutionConsumers())
            .BuildServiceProvider(true);
        var harness = provider.GetRequiredService<ITestHarness>();
        await harness.Start();
        var endpoint = await harness.Bus.GetSendEndpoint(new Uri("queue:" + Messaging.Queues.ToolExecution));
        await endpoint.Send(new ExecuteToolCalls("r", "shard/r/1/generator/0/execute/0", [StreamLayout.PlaceOf<ToolCallsExecuted>(stream)]),
            TestContext.Current.CancellationToken);
        (await harness.Published.Any<FactsStored>(TestContext.Current.CancellationToken)).ShouldBeTrue();
        return log[stream][1].ShouldBeOfType<ToolCallsExecuted>();
    }

    private sealed class FakeLog : Dictionary<string, List<object>>, IFactLog
    {
        public Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default)
        {
            foreach (var fact in facts)
                this[fact.Stream].Add(fact.Fact);
            return Task.FromResult(true);
        }

        public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
            Task.FromResult<IReadOnlyDictionary<string, long>>(streams.Where(ContainsKey).ToDictionary(s => s, s => (long)this[s].Count));

        public Task<IReadOnlyDictionary<string,
            IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
            Task.FromResult<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>>(streams.Where(ContainsKey).ToDictionary(
                s => s, s => (IReadOnlyList<StoredFact>)[.. this[s].Select((fact, i) => new StoredFact(s, i + 1, i, fact, default, null))]));

        public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();
    }
}
