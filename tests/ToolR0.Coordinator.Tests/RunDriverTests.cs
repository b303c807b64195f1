using Microsoft.Extensions.Logging.Abstractions;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Coordinator.Loop;
using ToolR0.Messaging;
using ToolR0.Testing;

namespace ToolR0.Coordinator.Tests;

public sealed class RunDriverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_restart_only_unanswered_shards_are_sent_again()
    {
        var log = await Miniature.StoreAsync();
        var before = new Outlet();
        await Driver(log, before).HandleAsync(Miniature.Start(), "test", Cancellation);
        before.Sent.Count.ShouldBe(5);
        await AnswerAsync(log, before.Sent[1]);

        var after = new Outlet();
        await Driver(log, after).HandleAsync(new Continue(), "test", Cancellation);

        after.Sent.Select(command => command.Shard).ShouldBe(before.Sent.Where((_, i) => i != 1).Select(command => command.Shard), ignoreOrder: true);
    }

    [Fact]
    public async Task A_stage_that_the_store_answers_in_full_is_not_sent_again()
    {
        var log = await Miniature.StoreAsync();
        var before = new Outlet();
        await Driver(log, before).HandleAsync(Miniature.Start(), "test", Cancellation);
        foreach (var command in before.Sent)
            await AnswerAsync(log, command);

        var after = new Outlet();
        await Driver(log, after).HandleAsync(new Continue(), "test", Cancellation);

        after.Sent.ShouldAllBe(command => command is ExecuteToolCalls);
        after.Sent.Count.ShouldBe(5);
    }

    [Fact]
    public async Task A_shard_without_an_answer_is_sent_again_when_its_time_is_up()
    {
        var log = await Miniature.StoreAsync();
        var (outlet, clock) = (new Outlet(), new Clock());
        var driver = Driver(log, outlet, clock);
        await driver.HandleAsync(Miniature.Start(), "test", Cancellation);
        await AnswerAsync(log, outlet.Sent[0]);
        outlet.Sent.Clear();

        clock.Now += TimeSpan.FromSeconds(Miniature.Options.Dispatch.ResendAfterSeconds - 1);
        await driver.ResendAsync(Cancellation);
        outlet.Sent.ShouldBeEmpty();
        clock.Now += TimeSpan.FromSeconds(2);
        await driver.ResendAsync(Cancellation);

        outlet.Sent.Count.ShouldBe(4);
        driver.Progress!.Step!.Outstanding.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_coordinator_that_was_overtaken_folds_again_and_stores_nothing_twice()
    {
        var log = await Miniature.StoreAsync();
        var (slow, fast) = (Driver(log, new Outlet()), Driver(log, new Outlet()));
        await slow.HandleAsync(Miniature.Start(), "slow", Cancellation);
        await fast.HandleAsync(new PauseRun(Miniature.Run), "fast", Cancellation);

        await slow.HandleAsync(new PauseRun(Miniature.Run), "slow", Cancellation);

        log.Stream(Ids.RunStream(Miniature.Run)).OfType<RunPaused>().Count().ShouldBe(1);
        slow.Progress!.State.Version.ShouldBe(log.Stream(Ids.RunStream(Miniature.Run)).Count);
    }

    [Fact]
    public async Task A_failure_to_send_is_healed_by_the_next_look_at_the_run()
    {
        var log = await Miniature.StoreAsync();
        var outlet = new Outlet { Failure = new IOException("the broker is away") };
        var driver = Driver(log, outlet);
        await Should.ThrowAsync<IOException>(() => driver.HandleAsync(Miniature.Start(), "test", Cancellation));
        log.Stream(Ids.RunStream(Miniature.Run)).OfType<StepStarted>().Count().ShouldBe(1);

        outlet.Failure = null;
        await driver.ResendAsync(Cancellation);

        outlet.Sent.Count.ShouldBe(5);
    }

    [Fact]
    public async Task A_command_that_is_too_large_to_send_ends_the_run_with_the_reason()
    {
        var log = await Miniature.StoreAsync();
        var outlet = new Outlet { Failure = new MessageTooLargeException("AttemptTasks takes 70000 bytes") };

        await Driver(log, outlet).HandleAsync(Miniature.Start(), "test", Cancellation);

        log.Stream(Ids.RunStream(Miniature.Run))[^1].ShouldBeOfType<RunFailed>().Reason.ShouldEndWith("AttemptTasks takes 70000 bytes");
    }

    [Fact]
    public async Task Facts_that_cannot_be_decided_on_end_the_run_with_the_reason()
    {
        var log = await Miniature.StoreAsync();
        var outlet = new Outlet();
        var driver = Driver(log, outlet);
        await driver.HandleAsync(Miniature.Start(), "test", Cancellation);

        // The store claims that everything is answered, but what it holds are no answers.
        while (outlet.Sent.Count > 0)
        {
            var sent = outlet.Sent.ToList();
            outlet.Sent.Clear();
            foreach (var command in sent)
            {
                await AnswerAsync(log, command);
                await driver.HandleAsync(new FactsStored(Miniature.Run, command.Shard, default, default), "test", Cancellation);
            }
        }

        log.Stream(Ids.RunStream(Miniature.Run))[^1].ShouldBeOfType<RunFailed>().Reason.ShouldStartWith("the coordinator cannot go on: ");
    }

    [Fact]
    public async Task What_another_coordinator_heard_is_found_in_the_store_without_waiting_for_the_time_to_send_again()
    {
        var log = await Miniature.StoreAsync();
        var (outlet, clock) = (new Outlet(), new Clock());
        var driver = Driver(log, outlet, clock);
        await driver.HandleAsync(Miniature.Start(), "test", Cancellation);
        foreach (var command in outlet.Sent)
            await AnswerAsync(log, command);
        outlet.Sent.Clear();

        await driver.ResendAsync(Cancellation);
        outlet.Sent.ShouldBeEmpty();
        clock.Now += RunDriver.Quiet;
        await driver.ResendAsync(Cancellation);

        outlet.Sent.Count.ShouldBe(5);
        outlet.Sent.ShouldAllBe(command => command is ExecuteToolCalls);
    }

    [Fact]
    public async Task A_coordinator_that_takes_over_again_folds_what_the_other_did_and_goes_on_from_there()
    {
        var log = await Miniature.StoreAsync();
        var (first, second) = (new Outlet(), new Outlet());
        var (stale, other) = (Driver(log, first), Driver(log, second));
        await stale.HandleAsync(Miniature.Start(Miniature.Options with { Evaluation = new EvaluationOptions() }) with { HeldOut = [] }, "test",
            Cancellation);
        await other.HandleAsync(new PauseRun(Miniature.Run), "test", Cancellation);
        await other.HandleAsync(new ResumeRun(Miniature.Run), "test", Cancellation);
        foreach (var command in first.Sent)
            await AnswerAsync(log, command);
        first.Sent.Clear();

        await stale.HandleAsync(new FactsStored(Miniature.Run, "shard/of/another/step", default, default), "test", Cancellation);

        stale.Progress!.State.Version.ShouldBe(log.Stream(Ids.RunStream(Miniature.Run)).Count);
        first.Sent.ShouldNotBeEmpty();
        first.Sent.ShouldAllBe(command => command is ExecuteToolCalls);
    }

    [Fact]
    public async Task A_failed_run_is_resumed_with_only_what_the_store_does_not_answer()
    {
        var log = await Miniature.StoreAsync();
        var outlet = new Outlet();
        var driver = Driver(log, outlet);
        await driver.HandleAsync(Miniature.Start(), "test", Cancellation);
        await AnswerAsync(log, outlet.Sent[0]);
        await driver.HandleAsync(new ShardFailed(Miniature.Run, outlet.Sent[1].Shard, "the disk is full"), "test", Cancellation);
        log.Stream(Ids.RunStream(Miniature.Run))[^1].ShouldBeOfType<RunFailed>().Resumable.ShouldBeTrue();
        var sent = outlet.Sent.Select(command => command.Shard).ToList();
        outlet.Sent.Clear();

        await Driver(log, outlet).HandleAsync(new ResumeRun(Miniature.Run), "test", Cancellation);

        outlet.Sent.Select(command => command.Shard).ShouldBe(sent.Skip(1), ignoreOrder: true);
    }

    private static RunDriver Driver(InMemoryFactLog log, Outlet outlet, TimeProvider? clock = null) =>
        new(Miniature.Run, log, new StreamCache(log), outlet, clock ?? TimeProvider.System, NullLogger.Instance);

    private static async Task AnswerAsync(InMemoryFactLog log, IShardCommand command) =>
        (await log.AppendAsync(command.Run, command.Shard,
            [.. command.Answers.Select(place => new FactAppend(place.Stream, place.Version, new object()))]))
            .ShouldBeTrue();

    private sealed class Outlet : IRunOutlet
    {
        public List<IShardCommand> Sent { get; } = [];

        public Exception? Failure { get; set; }

        public Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation)
        {
            if (Failure is { } failure)
                throw failure;
            Sent.Add(command);
            return Task.CompletedTask;
        }
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
