using System.Text.Json.Serialization;
using JasperFx;
using JasperFx.Events;
using Marten;
using Npgsql;
using ToolR0.Testing;
using Weasel.Core;

namespace ToolR0.PackageParity.Tests;

public enum Weight
{
    Light,
    VeryHeavy,
}

public sealed record BoxPacked(string Label, float Size, Weight Weight, Dictionary<Weight, int> Counts);

public sealed record BoxShipped(IReadOnlyList<int> Route);

/// <summary>A store configured as the product configures its own, on a database of its own.</summary>
public sealed class MartenFixture : IAsyncLifetime
{
    public const string Schema = "parity";

    private readonly PostgresFixture _postgres = new();

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public IDocumentStore Store { get; private set; } = null!;

    public string ConnectionString => _postgres.ConnectionString;

    public static void Configure(StoreOptions options)
    {
        options.DatabaseSchemaName = Schema;
        options.AutoCreateSchemaObjects = AutoCreate.None;
        options.UseSystemTextJsonForSerialization(
            EnumStorage.AsString, Casing.CamelCase, json => json.NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals);
        options.Events.StreamIdentity = StreamIdentity.AsString;
        options.Events.MetadataConfig.EnableAll();
        options.Events.AddEventTypes([typeof(BoxPacked), typeof(BoxShipped)]);
        options.Events.IgnoreIndex("ours_on_events");
    }

    public static BoxPacked Packed(string label = "a", float size = 0.1f) => new(label, size, Weight.VeryHeavy, new Dictionary<Weight, int> { [Weight.Light] = 3 });

    public static string NewKey() => $"box/{Guid.NewGuid():N}";

    public async ValueTask InitializeAsync()
    {
        await _postgres.InitializeAsync();
        DataSource = NpgsqlDataSource.Create(_postgres.ConnectionString);
        Store = DocumentStore.For(options =>
        {
            options.Connection(DataSource);
            Configure(options);
        });
        await Store.Storage.ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await DataSource.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    /// <summary>Every row of a query, values as text joined by a bar.</summary>
    public async Task<List<string>> QueryAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "null" : reader.GetValue(i).ToString())));
        return rows;
    }
}
