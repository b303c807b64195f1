using JasperFx;
using Npgsql;

namespace Marten;

/// <summary>
/// Marten's own tables for string stream identity with all metadata. Everything is created only when it is missing, so that a database
/// made by the genuine library is left as it is.
/// </summary>
internal sealed class Schema(DocumentStore store) : IMartenStorage
{
    public async Task ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate? @override = null)
    {
        if ((@override ?? store.Options.AutoCreateSchemaObjects) == AutoCreate.None)
            return;
        var schema = store.Options.DatabaseSchemaName;
        await using var connection = await store.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, Tables(schema));
        await using (var exists = new NpgsqlCommand("select to_regproc($1) is not null", connection))
        {
            exists.Parameters.AddWithValue($"{schema}.mt_quick_append_events");
            if (await exists.ExecuteScalarAsync() is not true)
                await ExecuteAsync(connection, AppendFunction(schema));
        }

        await transaction.CommitAsync();
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static string Tables(string schema) => $"""
        set local client_min_messages = warning;
        create schema if not exists {schema};
        create table if not exists {schema}.mt_streams (
            id varchar not null constraint pkey_mt_streams_id primary key,
            type varchar,
            version bigint,
            timestamp timestamptz not null default now(),
            created timestamptz not null default now(),
            tenant_id varchar default '*DEFAULT*',
            is_archived bool default false
        );
        create table if not exists {schema}.mt_events (
            seq_id bigint not null constraint pkey_mt_events_seq_id primary key,
            id uuid not null,
            stream_id varchar constraint fkey_mt_events_stream_id references {schema}.mt_streams (id) on delete cascade,
            version bigint not null,
            data jsonb not null,
            bdata bytea,
            type varchar(500) not null,
            timestamp timestamptz not null default now(),
            tenant_id varchar default '*DEFAULT*',
            mt_dotnet_type varchar,
            correlation_id varchar,
            causation_id varchar,
            headers jsonb,
            is_archived bool default false
        );
        create sequence if not exists {schema}.mt_events_sequence owned by {schema}.mt_events.seq_id;
        create unique index if not exists pk_mt_events_stream_and_version on {schema}.mt_events (stream_id, version);
        """;

    // Parameters, result and error codes are those of Marten's function of this name: MT001 archived stream, MT003 another version than
    // expected. The version is checked before the sequence is advanced; of two that pass the check at once, the unique index refuses one.
    private static string AppendFunction(string schema) => $"""
        create function {schema}.mt_quick_append_events(
            stream varchar, stream_type varchar, tenantid varchar, event_ids uuid[], event_types varchar[], dotnet_types varchar[], bodies jsonb[],
            bdatas bytea[], causation_ids varchar[], correlation_ids varchar[], headers jsonb[], timestamps timestamptz[],
            expected_version bigint default null) returns bigint[] language plpgsql as $function$
        declare
            found_version bigint;
            archived boolean;
            sequences bigint[];
            added int := coalesce(cardinality(event_ids), 0);
        begin
            select s.version, s.is_archived into found_version, archived from {schema}.mt_streams s where s.id = stream;
            if expected_version is not null and expected_version <> coalesce(found_version, 0) then
                raise exception 'Stream version mismatch on ''%'': expected %, actual %', stream, expected_version, coalesce(found_version, 0)
                    using errcode = 'MT003';
            end if;
            if archived then
                raise exception 'Attempted to append event to archived stream with Id ''%''.', stream using errcode = 'MT001';
            end if;
            if found_version is null then
                found_version := 0;
                insert into {schema}.mt_streams (id, type, version, tenant_id) values (stream, stream_type, added, tenantid);
            else
                update {schema}.mt_streams s set version = found_version + added, timestamp = now() where s.id = stream;
            end if;
            for place in 1 .. added loop
                sequences[place] := nextval('{schema}.mt_events_sequence');
                insert into {schema}.mt_events (seq_id, id, stream_id, version, data, bdata, type, timestamp, tenant_id, mt_dotnet_type,
                    correlation_id, causation_id, headers, is_archived)
                values (sequences[place], event_ids[place], stream, found_version + place, bodies[place], bdatas[place], event_types[place],
                    timestamps[place], tenantid, dotnet_types[place], correlation_ids[place], causation_ids[place], headers[place], false);
            end loop;
            return array[found_version + added] || sequences;
        end
        $function$;
        """;
}
