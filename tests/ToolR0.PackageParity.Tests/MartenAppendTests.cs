using JasperFx;
using JasperFx.Events;
using Marten;
using Marten.Exceptions;
using Npgsql;

namespace ToolR0.PackageParity.Tests;

/// <summary>Appending, as the product does it: always with the version that the stream will have.</summary>
public sealed class MartenAppendTests(MartenFixture marten) : IClassFixture<MartenFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Version_1_starts_a_stream_and_versions_go_on_from_there()
    {
        var key = MartenFixture.NewKey();
        await AppendAsync(session => session.Events.Append(key, 1, MartenFixture.Packed()));
        await AppendAsync(session => session.Events.Append(key, 3, MartenFixture.Packed("b"), new BoxShipped([3, 1, 2])));

        await using var query = marten.Store.QuerySession();
        var events = await query.Events.FetchStreamAsync(key, token: Cancellation);
        events.Select(e => e.Version).ShouldBe([1, 2, 3]);
        events.Select(e => e.Sequence).ShouldBeInOrder();
        events[2].Data.ShouldBeOfType<BoxShipped>().Route.ShouldBe([3, 1, 2]);
        (await query.Events.FetchStreamAsync(key, version: 2, token: Cancellation)).Count.ShouldBe(2);
        (await query.Events.FetchStreamAsync(key, fromVersion: 2, token: Cancellation)).Count.ShouldBe(2);
        (await query.Events.FetchStreamAsync(MartenFixture.NewKey(), token: Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Two_appends_to_one_stream_in_one_session_are_one()
    {
        var key = MartenFixture.NewKey();
        await AppendAsync(session =>
        {
            session.Events.Append(key, 1, MartenFixture.Packed("first"));
            session.Events.Append(key, 2, MartenFixture.Packed("second"));
        });
        await using var query = marten.Store.QuerySession();
        var state = await query.Events.FetchStreamStateAsync(key, Cancellation);
        state.ShouldNotBeNull().Version.ShouldBe(2);
        state.Key.ShouldBe(key);
        state.IsArchived.ShouldBeFalse();
        state.LastTimestamp.ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        state.Created.ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        (await query.Events.FetchStreamStateAsync(MartenFixture.NewKey(), Cancellation)).ShouldBeNull();
    }

    [Fact]
    public async Task Ids_of_the_session_are_stored_with_each_event()
    {
        var key = MartenFixture.NewKey();
        await AppendAsync(session =>
        {
            session.CorrelationId = "run1";
            session.CausationId = "shard1";
            session.Events.Append(key, 1, MartenFixture.Packed());
        });
        await using var query = marten.Store.QuerySession();
        var stored = (await query.Events.FetchStreamAsync(key, token: Cancellation)).ShouldHaveSingleItem();
        stored.CorrelationId.ShouldBe("run1");
        stored.CausationId.ShouldBe("shard1");
        stored.StreamKey.ShouldBe(key);
        stored.EventTypeName.ShouldBe("box_packed");
        stored.EventType.ShouldBe(typeof(BoxPacked));
        stored.Timestamp.ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
    }

    [Theory]
    [InlineData(1)] // stale
    [InlineData(7)] // ahead
    public async Task Any_other_version_is_a_concurrency_exception_that_names_the_stream(long version)
    {
        var key = MartenFixture.NewKey();
        await AppendAsync(session => session.Events.Append(key, 1, MartenFixture.Packed()));
        var exception = await Should.ThrowAsync<EventStreamUnexpectedMaxEventIdException>(() => AppendAsync(s => s.Events.Append(key, version, MartenFixture.Packed())));
        exception.ShouldBeAssignableTo<ConcurrencyException>();
        exception.Message.ShouldContain(key);
        exception.Id.ShouldBe(key);
    }

    [Fact]
    public async Task A_stream_that_does_not_exist_is_at_version_0()
    {
        var key = MartenFixture.NewKey();
        await Should.ThrowAsync<ConcurrencyException>(() => AppendAsync(session => session.Events.Append(key, 2, MartenFixture.Packed())));
        await using var query = marten.Store.QuerySession();
        (await query.Events.FetchStreamStateAsync(key, Cancellation)).ShouldBeNull();
    }

    [Fact]
    public async Task A_session_that_fails_writes_nothing_to_any_stream()
    {
        string[] keys = [.. Enumerable.Range(0, 5).Select(_ => MartenFixture.NewKey())];
        await AppendAsync(session => session.Events.Append(keys[3], 1, MartenFixture.Packed()));
        await Should.ThrowAsync<ConcurrencyException>(() => AppendAsync(session =>
        {
            foreach (var key in keys)
                session.Events.Append(key, 1, MartenFixture.Packed());
        }));
        await using var query = marten.Store.QuerySession();
        foreach (var key in keys)
            (await query.Events.FetchStreamAsync(key, token: Cancellation)).Count.ShouldBe(key == keys[3] ? 1 : 0);
    }

    [Fact]
    public async Task Of_racing_appends_one_wins_and_the_others_see_a_collision()
    {
        var key = MartenFixture.NewKey();
        for (var version = 1; version <= 2; version++)
        {
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(async () =>
            {
                try
                {
                    await AppendAsync(session => session.Events.Append(key, version, MartenFixture.Packed()));
                    return "won";
                }
                catch (ConcurrencyException)
                {
                    return "lost";
                }
                catch (MartenCommandException exception) when (exception.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
                {
                    return "lost"; // two that start a stream at once
                }
            })));
            outcomes.Count(o => o == "won").ShouldBe(1);
        }
    }

    [Fact]
    public async Task What_PostgreSQL_refuses_comes_as_a_command_exception()
    {
        var exception = await Should.ThrowAsync<MartenCommandException>(() => AppendAsync(session => session.Events.Append(MartenFixture.NewKey(), 1, MartenFixture.Packed("nul \0"))));
        exception.ShouldBeAssignableTo<MartenException>();
        exception.InnerException.ShouldBeOfType<PostgresException>().SqlState.ShouldBe(PostgresErrorCodes.UntranslatableCharacter);
    }

    [Fact]
    public async Task An_empty_session_saves_nothing_and_a_saved_one_can_go_on()
    {
        var key = MartenFixture.NewKey();
        await using var session = marten.Store.LightweightSession();
        await session.SaveChangesAsync(Cancellation);
        session.Events.Append(key, 1, MartenFixture.Packed());
        await session.SaveChangesAsync(Cancellation);
        await session.SaveChangesAsync(Cancellation);
        session.Events.Append(key, 2, MartenFixture.Packed());
        await session.SaveChangesAsync(Cancellation);
        (await session.Events.FetchStreamAsync(key, token: Cancellation)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_archived_stream_takes_no_more_and_shows_nothing()
    {
        var key = MartenFixture.NewKey();
        await AppendAsync(session => session.Events.Append(key, 1, MartenFixture.Packed()));
        foreach (var (table, column) in new[] { ("mt_streams", "id"), ("mt_events", "stream_id") })
            await marten.QueryAsync($"update {MartenFixture.Schema}.{table} set is_archived = true where {column} = '{key}'");
        await Should.ThrowAsync<InvalidStreamOperationException>(() => AppendAsync(session => session.Events.Append(key, 2, MartenFixture.Packed())));
        await using var query = marten.Store.QuerySession();
        (await query.Events.FetchStreamAsync(key, token: Cancellation)).ShouldBeEmpty();
        (await query.Events.FetchStreamStateAsync(key, Cancellation)).ShouldNotBeNull().IsArchived.ShouldBeTrue();
    }

    private async Task AppendAsync(Action<IDocumentSession> append)
    {
        await using var session = marten.Store.LightweightSession();
        append(session);
        await session.SaveChangesAsync(Cancellation);
    }
}
