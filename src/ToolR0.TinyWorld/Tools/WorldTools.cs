using System.Collections.Frozen;
using System.Text.Json;
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

    private static readonly FrozenDictionary<string, ToolImplementation> ByName = All.ToFrozenDictionary(tool => tool.Name);

    /// <summary>JSON text of what a call returns; null where its tool refuses the arguments.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tool.</exception>
    public static string? Call(ToolCall call, ToolState state)
    {
        try
        {
            return JsonSerializer.Serialize(ByName[call.Name].Run(new ToolArguments(call.Arguments), state, CancellationToken.None));
        }
        catch (ToolArgumentException)
        {
            return null;
        }
    }

    /// <summary>Whether a tool changes nothing that another call sees: all but those that write to the store.</summary>
    public static bool IsReadOnly(string name) => name is "load_record" || !MemoryTools.Table.ContainsKey(name);

    private static ToolImplementation Implement(string name, Func<ToolArguments, ToolState, object?> run)
    {
        var tool = WorldCatalog.Find(name) ?? throw new InvalidOperationException($"{name} is not in the catalogue");
        return new ToolImplementation(name, tool.Parameters.ToDictionary(p => p.Name, p => p.Type), (arguments, state, _) => run(arguments, state));
    }
}
