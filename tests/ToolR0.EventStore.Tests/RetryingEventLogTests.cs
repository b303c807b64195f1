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
        (await new RetryingEventLog(_store, TimeSpan.FromSeconds(30), TimeProvider.System).AppendAsync("run", "cause", [], TestContext.Current.CancellationToken)).ShouldBeTrue();
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
        (await Should.ThrowAsync<EventStoreException>(() => log.VersionsAsync(["a"], TestContext.Current.CancellationToken))).Message.ShouldContain("cannot reach PostgreSQL");
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
