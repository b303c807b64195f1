using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using JasperFx;
using JasperFx.Events;
using Marten.Events;
using Npgsql;
using Weasel.Core;

namespace Marten
{
    /// <summary>What a store needs to know: its database, its schema, its events, its JSON.</summary>
    public class StoreOptions
    {
        internal NpgsqlDataSource? DataSource { get; private set; }

        internal bool OwnsDataSource { get; private set; }

        internal JsonSerializerOptions Json { get; private set; } = CreateJson(null, EnumStorage.AsInteger, Casing.Default, null);

        internal EventGraph EventGraph { get; } = new();

        public IEventStoreOptions Events => EventGraph;

        public string DatabaseSchemaName { get; set; } = "public";

        public AutoCreate AutoCreateSchemaObjects { get; set; } = AutoCreate.CreateOrUpdate;

        public void Connection(string connectionString)
        {
            DataSource = NpgsqlDataSource.Create(connectionString);
            OwnsDataSource = true;
        }

        /// <summary>The caller disposes the data source.</summary>
        public void Connection(NpgsqlDataSource dataSource)
        {
            DataSource = dataSource;
            OwnsDataSource = false;
        }

        public void UseSystemTextJsonForSerialization(
            EnumStorage enumStorage = EnumStorage.AsInteger, Casing casing = Casing.Default, Action<JsonSerializerOptions>? configure = null) =>
            Json = CreateJson(null, enumStorage, casing, configure);

        /// <summary>The options are copied; enum storage and casing are set on the copy, then <paramref name="configure"/> has the last word.</summary>
        public void UseSystemTextJsonForSerialization(
            JsonSerializerOptions? options,
            EnumStorage enumStorage = EnumStorage.AsInteger,
            Casing casing = Casing.Default,
            Action<JsonSerializerOptions>? configure = null) =>
            Json = CreateJson(options, enumStorage, casing, configure);

        private static JsonSerializerOptions CreateJson(
            JsonSerializerOptions? options, EnumStorage enumStorage, Casing casing, Action<JsonSerializerOptions>? configure)
        {
            var json = options is null ? new JsonSerializerOptions() : new JsonSerializerOptions(options);
            json.PropertyNamingPolicy = casing switch
            {
                Casing.CamelCase => JsonNamingPolicy.CamelCase,
                Casing.SnakeCase => JsonNamingPolicy.SnakeCaseLower,
                _ => null,
            };
            if (enumStorage == EnumStorage.AsString)
                json.Converters.Add(new JsonStringEnumConverter());
            configure?.Invoke(json);
            return json;
        }
    }
}

namespace Marten.Events
{
    /// <summary>Which optional columns events carry.</summary>
    public class MetadataConfig
    {
        internal bool Enabled { get; private set; }

        /// <summary>Correlation id, causation id and headers.</summary>
        public void EnableAll() => Enabled = true;
    }

    public interface IEventStoreOptions
    {
        StreamIdentity StreamIdentity { get; set; }

        MetadataConfig MetadataConfig { get; }

        void AddEventTypes(IEnumerable<Type> types);

        /// <summary>An index on the events table that is somebody else's: schema changes leave it alone.</summary>
        IEventStoreOptions IgnoreIndex(string indexName);
    }

    internal sealed class EventGraph : IEventStoreOptions
    {
        private readonly Dictionary<string, Type> _byAlias = [];

        public StreamIdentity StreamIdentity { get; set; }

        public MetadataConfig MetadataConfig { get; } = new();

        public void AddEventTypes(IEnumerable<Type> types)
        {
            foreach (var type in types)
                _byAlias[AliasOf(type)] = type;
        }

        // Indexes are only ever added here, never compared or dropped: there is nothing to ignore.
        public IEventStoreOptions IgnoreIndex(string indexName) => this;

        public bool TryResolve(string alias, string? dotNetType, [NotNullWhen(true)] out Type? type)
        {
            lock (_byAlias)
            {
                if (_byAlias.TryGetValue(alias, out type))
                    return true;
                type = dotNetType is null ? null : Type.GetType(dotNetType);
                if (type is null)
                    return false;
                _byAlias[alias] = type;
                return true;
            }
        }

        /// <summary>TaskAttempted -> task_attempted.</summary>
        public static string AliasOf(Type type) => JsonNamingPolicy.SnakeCaseLower.ConvertName(type.Name);

        public static string DotNetNameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
    }
}
