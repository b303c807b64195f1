using JasperFx;
using Marten;
using Marten.Exceptions;

namespace ToolR0.PackageParity.Tests;

/// <summary>What is in the database: the product's bulk reads depend on it, and so does opening a database with the other implementation.</summary>
public sealed class MartenTablesTests(MartenFixture marten) : IClassFixture<MartenFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_tables_have_Martens_columns()
    {
        (await ColumnsAsync("mt_streams")).ShouldBe(
        [
            "created|timestamp with time zone", "id|character varying", "is_archived|boolean", "tenant_id|character varying",
            "timestamp|timestamp with time zone", "type|character varying", "version|bigint",
        ]);
        (await ColumnsAsync("mt_events")).ShouldBe(
        [
            "bdata|bytea", "causation_id|character varying", "correlation_id|character varying", "data|jsonb", "headers|jsonb", "id|uuid",
            "is_archived|boolean", "mt_dotnet_type|character varying", "seq_id|bigint", "stream_id|character varying", "tenant_id|character varying",
            "timestamp|timestamp with time zone", "type|character varying", "version|bigint",
        ]);
    }

    [Fact]
    public async Task Keys_indexes_and_the_sequence_have_Martens_names()
    {
        var names = await marten.QueryAsync($"""
            select conname from pg_constraint where connamespace = '{MartenFixture.Schema}'::regnamespace
              and conrelid in ('{MartenFixture.Schema}.mt_streams'::regclass, '{MartenFixture.Schema}.mt_events'::regclass) and contype in ('p', 'f')
            """);
        names.ShouldBe(["pkey_mt_streams_id", "pkey_mt_events_seq_id", "fkey_mt_events_stream_id"], ignoreOrder: true);
        (await marten.QueryAsync($"select indexdef from pg_indexes where schemaname = '{MartenFixture.Schema}' and indexname = 'pk_mt_events_stream_and_version'"))
            .ShouldBe([$"CREATE UNIQUE INDEX pk_mt_events_stream_and_version ON {MartenFixture.Schema}.mt_events USING btree (stream_id, version)"]);
        (await marten.QueryAsync($"select pg_get_serial_sequence('{MartenFixture.Schema}.mt_events', 'seq_id')")).ShouldBe([$"{MartenFixture.Schema}.mt_events_sequence"]);
    }

    [Fact]
    public async Task The_append_function_has_Martens_signature()
    {
        (await marten.QueryAsync($"select '{MartenFixture.Schema}.mt_quick_append_events'::regproc::oid::regprocedure::text, pg_get_function_result('{MartenFixture.Schema}.mt_quick_append_events'::regproc)"))
            .ShouldBe([$"{MartenFixture.Schema}.mt_quick_append_events(character varying,character varying,character varying,uuid[],character varying[],character varying[],jsonb[],bytea[],character varying[],character varying[],jsonb[],timestamp with time zone[],bigint)|bigint[]"]);
    }

    [Fact]
    public async Task A_row_holds_what_Marten_writes()
    {
        var key = MartenFixture.NewKey();
        await using (var session = marten.Store.LightweightSession())
        {
            session.CorrelationId = "run";
            session.CausationId = "shard";
            session.Events.Append(key, 1, MartenFixture.Packed("λ", 0.1f));
            await session.SaveChangesAsync(Cancellation);
        }

        (await marten.QueryAsync($"""
            select version, data::text, bdata, type, tenant_id, mt_dotnet_type, correlation_id, causation_id, coalesce(headers, 'null') = 'null', is_archived
            from {MartenFixture.Schema}.mt_events where stream_id = '{key}'
            """)).ShouldBe(
        [
            """1|{"size": 0.1, "label": "λ", "counts": {"Light": 3}, "weight": "VeryHeavy"}|null|box_packed|*DEFAULT*|ToolR0.PackageParity.Tests.BoxPacked, ToolR0.PackageParity.Tests|run|shard|True|False""",
        ]);
        (await marten.QueryAsync($"select type, version, tenant_id, is_archived from {MartenFixture.Schema}.mt_streams where id = '{key}'"))
            .ShouldBe(["null|1|*DEFAULT*|False"]);
    }

    [Fact]
    public async Task A_losing_append_does_not_advance_the_sequence()
    {
        var key = MartenFixture.NewKey();
        await SaveAsync(1);
        await Should.ThrowAsync<ConcurrencyException>(() => SaveAsync(1));
        await Should.ThrowAsync<ConcurrencyException>(() => SaveAsync(5));
        await SaveAsync(2);
        await using var query = marten.Store.QuerySession();
        var events = await query.Events.FetchStreamAsync(key, token: Cancellation);

        // The genuine library may note a failure of its own in a stream of its own, which takes one number each.
        (events[1].Sequence - events[0].Sequence).ShouldBeInRange(1, 3);

        async Task SaveAsync(long version)
        {
            await using var session = marten.Store.LightweightSession();
            session.Events.Append(key, version, MartenFixture.Packed());
            await session.SaveChangesAsync(Cancellation);
        }
    }

    [Fact]
    public async Task Applying_the_schema_again_keeps_what_is_there_and_an_index_of_ours()
    {
        var key = MartenFixture.NewKey();
        await using (var session = marten.Store.LightweightSession())
        {
            session.Events.Append(key, 1, MartenFixture.Packed());
            await session.SaveChangesAsync(Cancellation);
        }

        await marten.QueryAsync($"create index if not exists ours_on_events on {MartenFixture.Schema}.mt_events (correlation_id, seq_id)");
        await using var other = DocumentStore.For(options =>
        {
            options.Connection(marten.ConnectionString);
            MartenFixture.Configure(options);
        });
        await other.Storage.ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);
        (await marten.QueryAsync("select indexname from pg_indexes where indexname = 'ours_on_events'")).Count.ShouldBe(1);
        await using var query = other.QuerySession();
        (await query.Events.FetchStreamAsync(key, token: Cancellation)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_event_that_nobody_registered_is_found_by_its_type_or_refused()
    {
        var key = MartenFixture.NewKey();
        await using (var session = marten.Store.LightweightSession())
        {
            session.Events.Append(key, 2, new BoxShipped([1]), new BoxShipped([2]));
            await session.SaveChangesAsync(Cancellation);
        }

        await using var query = marten.Store.QuerySession();
        await marten.QueryAsync($"update {MartenFixture.Schema}.mt_events set type = 'old_name' where stream_id = '{key}' and version = 2");
        (await query.Events.FetchStreamAsync(key, token: Cancellation))[1].Data.ShouldBeOfType<BoxShipped>().Route.ShouldBe([2]);
        await marten.QueryAsync($"update {MartenFixture.Schema}.mt_events set type = 'unheard_of', mt_dotnet_type = 'No.Such, Thing' where stream_id = '{key}' and version = 2");
        (await Should.ThrowAsync<UnknownEventTypeException>(() => query.Events.FetchStreamAsync(key, token: Cancellation))).Message.ShouldNotBeEmpty();
    }

    private async Task<List<string>> ColumnsAsync(string table) => await marten.QueryAsync($"""
        select column_name, data_type from information_schema.columns
        where table_schema = '{MartenFixture.Schema}' and table_name = '{table}' order by column_name
        """);
}
