using NSubstitute;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class PatientFactLogTests
{
    private readonly IFactLog _store = Substitute.For<IFactLog>();
    private int _tries;

    [Fact]
    public async Task A_store_that_comes_back_is_waited_for()
    {
        _store.AppendAsync("run", "cause", [], Arg.Any<CancellationToken>()).Returns(_ => ++_tries < 4 ? throw Away() : Task.FromResult(true));
        (await new RetryingEventLog(_store, TimeSpan.FromSeconds(30), TimeProvider.System)
            .AppendAsync("run", "cause", [], TestContext.Current.CancellationToken)).ShouldBeTrue();
        _tries.ShouldBe(4);
    }

    [Fact]
    public async Task Patience_ends_with_the_stores_own_error()
    {
        _store.VersionsAsync(Arg.Any<IReadOnlyCollection<string>>(), Arg.Any<CancellationToken>()).Returns<IReadOnlyDictionary<string, long>>(_ =>
        {
            _tries++;
            throw Away();
        });
        var log = new RetryingEventLog(_store, TimeSpan.FromSeconds(0.5), TimeProvider.System);
        (await Should.ThrowAsync<EventStoreException>(() => log.VersionsAsync(["a"], TestContext.Current.CancellationToken))).Message.ShouldContain(
            "cannot reach PostgreSQL");
        _tries.ShouldBe(3); // at once, after 0.2 s, after 0.4 s more
    }

    [Fact]
    public async Task A_refusal_is_not_waited_for()
    {
        _store.RunsAsync(Arg.Any<CancellationToken>()).Returns<IReadOnlyList<string>>(_ =>
        {
            _tries++;
            throw new EventStoreException("no disk space left");
        });
        await Should.ThrowAsync<EventStoreException>(() =>
            new RetryingEventLog(_store, TimeSpan.FromMinutes(1), TimeProvider.System).RunsAsync(TestContext.Current.CancellationToken));
        _tries.ShouldBe(1);
    }

    private static Exception Away() => EventStoreException.From(new System.Net.Sockets.SocketException(111), "localhost:5432");
}

/// <summary>A store that is away is never waited for in silence.</summary>
public sealed class OutageTests
{
    private readonly IFactLog _store = Substitute.For<IFactLog>();
    private readonly List<string> _said = [];
    private readonly StoreOutages _outages = new(TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public OutageTests() => _outages.Said += line =>
    {
        lock (_said)
            _said.Add(line);
    };

    [Fact]
    public void The_limit_leaves_room_below_ten_seconds() => RetryingEventLog.SilenceLimit.ShouldBeLessThan(TimeSpan.FromSeconds(10));

    [Fact]
    public async Task A_call_that_hangs_is_told_once_and_so_is_its_answer()
    {
        var clock = new ManualClock();
        var answer = new TaskCompletionSource<IReadOnlyList<string>>();
        _store.RunsAsync(Arg.Any<CancellationToken>()).Returns(answer.Task);
        var log = new RetryingEventLog(_store, TimeSpan.FromMinutes(10), clock, _outages);
        var calls = new[] { log.RunsAsync(Cancellation), log.RunsAsync(Cancellation) };
        _said.ShouldBeEmpty();
        clock.FireAll();
        _said.ShouldHaveSingleItem().ShouldMatch("^PostgreSQL does not answer since [0-9:]{8}; waiting$");
        _outages.Since.ShouldNotBeNull();

        answer.SetResult(["r"]);
        await Task.WhenAll(calls);
        _said.Count.ShouldBe(2);
        _said[1].ShouldStartWith("PostgreSQL answers again after ");
        _outages.Since.ShouldBeNull();
    }

    [Fact]
    public async Task An_answer_in_time_is_not_worth_a_line()
    {
        var clock = new ManualClock();
        _store.RunsAsync(Arg.Any<CancellationToken>()).Returns(["r"]);
        await new RetryingEventLog(_store, TimeSpan.FromMinutes(10), clock, _outages).RunsAsync(Cancellation);
        clock.FireAll();
        _said.ShouldBeEmpty();
    }

    /// <summary>Timers go off when the test says so, and not once they are disposed.</summary>
    private sealed class ManualClock : TimeProvider
    {
        private readonly List<Alarm> _alarms = [];

        public void FireAll() => _alarms.ForEach(alarm => alarm.Fire());

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var alarm = new Alarm(callback, state);
            _alarms.Add(alarm);
            return alarm;
        }

        private sealed class Alarm(TimerCallback callback, object? state) : ITimer
        {
            private bool _off;

            public void Fire()
            {
                if (!_off)
                    callback(state);
            }

            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose() => _off = true;

            public ValueTask DisposeAsync()
            {
                _off = true;
                return ValueTask.CompletedTask;
            }
        }
    }
}
