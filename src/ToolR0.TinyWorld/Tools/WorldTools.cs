using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Real implementations of every tool of <see cref="WorldCatalog"/>. Pure but for the memory tools, whose store lives as long as the
/// sample.</summary>
public static class WorldTools
{
    /// <summary>One implementation per catalogue tool, with the catalogue's parameters as its signature.</summary>
    public static IReadOnlyList<ToolImplementation> All { get; } =
    [
        .. NumberTools.Table.Concat(ConversionTools.Table).Concat(TextTools.Table).Concat(ListTools.Table).Concat(CalendarTools.Table)
        .Concat(MemoryTools.Table)
            .Select(entry => Implement(entry.Key, entry.Value)),
    ];

    /// <summary>Whether a tool changes nothing that another call sees: all but those that write to the store.</summary>
    public static bool IsReadOnly(string name) => name is "load_record" || !MemoryTools.Table.ContainsKey(name);

    private static ToolImplementation Implement(string name, Func<ToolArguments, ToolState, object?> run)
    {
        var tool = WorldCatalog.Find(name) ?? throw new InvalidOperationException($"{name} is not in the catalogue");
        return new ToolImplementation(name, tool.Parameters.ToDictionary(p => p.Name, p => p.Type), (arguments, state, _) => run(arguments, state));
    }
}
