using System.Globalization;
using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>A key-value store that lives as long as the sample. A key that is not there reads as null: the store starts empty.</summary>
internal static class MemoryTools
{
    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["save_entry"] = (a, state) => state.Entries[a.Text("key")] = a.Number("value").ToString(CultureInfo.InvariantCulture),
        ["load_record"] = (a, state) => state.Entries.GetValueOrDefault(a.Text("key")),
        ["delete_slot"] = (a, state) => state.Entries.Remove(a.Text("key")),
        ["rename_file"] = (a, state) => Copy(state, a.Text("old"), a.Text("new"), move: true),
        ["clone_note"] = (a, state) => Copy(state, a.Text("source"), a.Text("target"), move: false),
        ["increase_counter"] = (a, state) => Increase(state, a.Text("key"), a.Number("step")),
    };

    private static bool Copy(ToolState state, string from, string to, bool move)
    {
        if (!state.Entries.TryGetValue(from, out var value))
            return false;
        if (move)
            state.Entries.Remove(from);
        state.Entries[to] = value;
        return true;
    }

    private static double Increase(ToolState state, string key, double step)
    {
        var value = double.Parse(state.Entries.GetValueOrDefault(key, "0"), CultureInfo.InvariantCulture) + step;
        state.Entries[key] = value.ToString(CultureInfo.InvariantCulture);
        return value;
    }
}
