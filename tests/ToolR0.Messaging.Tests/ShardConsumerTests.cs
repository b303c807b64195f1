using System.Threading.Channels;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Testing;

namespace ToolR0.Messaging.Tests;

public sealed class ShardConsumerTests
{
    private const string Shard = "shard/r/1/solver/0/execute/0";
    private static readonly ExecuteToolCalls Command = new("r", Shard, [new("group/r/1/solver/0/0", 2), new("group/r/1/solver/0/1", 2)]);

    [Fact]
    public async Task A_command_is_computed_appended_and_published()
    {
        await using var bed = await Bed.StartAsync();

        await bed.SendAsync();

        var stored = (await bed.StoredAsync(1)).Message;
        stored.Shard.ShouldBe(Shard);
        bed.Answers.Select(fact => (fact.Stream, fact.Version, fact.CausationId))
            .ShouldBe([(Command.Groups[0].Stream, 2, Shard), (Command.Groups[1].Stream, 2, Shard)]);
        bed.Work.Computed.ShouldBe(1);
    }

    [Fact]
    public async Task A_redelivered_command_computes_nothing_and_publishes_again()
    {
        await using var bed = await Bed.StartAsync();
        await bed.SendAsync();
        await bed.StoredAsync(1);

        await bed.SendAsync();

        await bed.StoredAsync(2);
        bed.Work.Computed.ShouldBe(1);
        bed.Answers.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_crash_between_append_and_publish_loses_nothing()
    {
        await using var bed = await Bed.StartAsync();
        var crashed = false;
        bed.Log.AfterAppend = _ => crashed ? Task.CompletedTask : throw new IOException($"killed {crashed = true}");

        await bed.SendAsync();

        await bed.StoredAsync(1);
        crashed.ShouldBeTrue();
        bed.Work.Computed.ShouldBe(1);
        bed.Answers.Count.ShouldBe(2);
    }

    [Fact]
    public async Task When_another_worker_was_first_its_facts_stay_and_are_published()
    {
        await using var bed = await Bed.StartAsync();
        var raced = false;
        bed.Log.BeforeAppend = async facts =>
        {
            if (raced)
                return;
            raced = true;
            await bed.Log.AppendAsync("r", "the other", [.. facts]);
        };

        await bed.SendAsync();

        await bed.StoredAsync(1);
        bed.Answers.Select(fact => fact.CausationId).ShouldBe(["the other", "the other"]);
        bed.Harness.Published.Select<ShardFailed>(TestContext.Current.CancellationToken).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_failure_that_passes_is_retried()
    {
        await using var bed = await Bed.StartAsync();
        bed.Work.FailuresToCome.Enqueue(new IOException("the store is away"));

        await bed.SendAsync();

        await bed.StoredAsync(1);
        bed.Work.Computed.ShouldBe(2);
        bed.Answers.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_refused_command_is_not_retried_and_fails_its_shard_with_the_reason()
    {
        await using var bed = await Bed.StartAsync();
        bed.Work.FailuresToCome.Enqueue(new ShardRefusedException("prompt of 5000 tokens"));

        await bed.SendAsync();

        var failed = await bed.Harness.Published.SelectAsync<ShardFailed>(TestContext.Current.CancellationToken).First();
        failed.Context.Message.ShouldBe(new ShardFailed("r", Shard, "prompt of 5000 tokens"));
        bed.Work.Computed.ShouldBe(1);
        bed.Answers.ShouldBeEmpty();
    }

    [Fact]
    public async Task Ids_of_messages_are_derived_from_the_shard_and_the_run()
    {
        await using var bed = await Bed.StartAsync();

        await bed.SendAsync();
        await bed.SendAsync();

        var (first, second) = (await bed.StoredAsync(1), await bed.StoredAsync(2));
        first.MessageId.ShouldBe(second.MessageId);
        first.CorrelationId.ShouldBe(Ids.MessageId("run/r"));
        first.InitiatorId.ShouldBe(Ids.MessageId(Shard));
        var consumed = bed.Harness.Consumed.Select<ExecuteToolCalls>(TestContext.Current.CancellationToken).First();
        consumed.Context.MessageId.ShouldBe(Ids.MessageId(Shard));
        consumed.Context.Headers.Get<string>(CommandSender.CausationHeader).ShouldBe("the step");
    }

    /// <summary>What the test's consumer does.</summary>
    public sealed class Work
    {
        private int _computed;

        public int Computed => _computed;

        public Queue<Exception> FailuresToCome { get; } = [];

        public ShardAnswer Compute(ExecuteToolCalls command)
        {
            Interlocked.Increment(ref _computed);
            return FailuresToCome.TryDequeue(out var failure)
                ? throw failure
                : ShardAnswer.Plain([.. command.Groups.Select(_ => new ToolCallsExecuted(command.Run, []))]);
        }
    }

    public sealed class Consumer(IFactLog log, StreamCache reader, ILogger<Consumer> logger, Work work)
        : ShardConsumer<ExecuteToolCalls>(log, reader, logger)
    {
        protected override Task<ShardAnswer> ComputeAsync(ExecuteToolCalls command, CancellationToken cancellation) =>
            Task.FromResult(work.Compute(command));
    }

    public sealed class Definition() : ShardConsumerDefinition<Consumer, ExecuteToolCalls>(1);

    public sealed class Listener : IConsumer<FactsStored>
    {
        private readonly Channel<ConsumeContext<FactsStored>> _stored = Channel.CreateUnbounded<ConsumeContext<FactsStored>>();

        public ChannelReader<ConsumeContext<FactsStored>> Stored => _stored.Reader;

        public async Task Consume(ConsumeContext<FactsStored> context) => await _stored.Writer.WriteAsync(context);
    }

    private sealed class Bed : IAsyncDisposable
    {
        private readonly ServiceProvider _provider;
        private readonly List<ConsumeContext<FactsStored>> _stored = [];

        private Bed(ServiceProvider provider) => _provider = provider;

        public InMemoryFactLog Log => _provider.GetRequiredService<InMemoryFactLog>();

        public IReadOnlyList<StoredFact> Answers => [.. Log.All.Where(fact => fact.Version == 2)];

        public Work Work => _provider.GetRequiredService<Work>();

        private Listener Listener => _provider.GetRequiredService<Listener>();

        public ITestHarness Harness => _provider.GetRequiredService<ITestHarness>();

        public static async Task<Bed> StartAsync()
        {
            var services = new ServiceCollection();
            services.AddSingleton<InMemoryFactLog>().AddSingleton<IFactLog>(provider => provider.GetRequiredService<InMemoryFactLog>());
            services.AddSingleton<StreamCache>().AddSingleton<Work>().AddSingleton<Listener>().AddSingleton<CommandSender>();
            services.AddMassTransitTestHarness(bus =>
            {
                bus.SetTestTimeouts(testInactivityTimeout: TimeSpan.FromSeconds(3));
                bus.AddConsumer<Consumer, Definition>();
                bus.AddConsumer<Listener>();
                bus.AddToolR0Transport(BusOptions.Memory);
            });
            var bed = new Bed(services.BuildServiceProvider(true));
            foreach (var stream in Command.Groups.Select(group => group.Stream))
                await bed.Log.AppendAsync("r", "attempt", [new FactAppend(stream, 1, new RunPaused("r"))]);
            await bed.Harness.Start();
            return bed;
        }

        public Task SendAsync() =>
            _provider.GetRequiredService<CommandSender>().SendAsync(Command, "the step", TestContext.Current.CancellationToken);

        /// <summary>Waits for the n-th publication of stored facts.</summary>
        public async Task<ConsumeContext<FactsStored>> StoredAsync(int n)
        {
            while (_stored.Count < n)
                _stored.Add(await Listener.Stored.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
            return _stored[n - 1];
        }

        public ValueTask DisposeAsync() => _provider.DisposeAsync();
    }
}
