using System.Globalization;
using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Lists and statistics over numbers separated by spaces.</summary>
internal static class ListTools
{
    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["average_scores"] = (a, _) => Math.Round(a.Items("data").Average(), 6),
        ["largest_sample"] = (a, _) => a.Items("data").Max(),
        ["median_reading"] = (a, _) => Median(a.Items("data")),
        ["count_above"] = (a, _) => a.Items("data").Count(x => x > a.Number("limit")),
        ["spread_range"] = (a, _) => Spread(a.Items("data"), a.Flag("squared")),
        ["collect_total"] = (a, _) => a.Items("data").Sum(),

        ["sort_items"] = (a, _) => Text(a.Flag("descending") ? a.Items("data").OrderDescending() : a.Items("data").Order()),
        ["pick_member"] = (a, _) => Pick(a.Items("data"), a.Integer("index", 0, int.MaxValue)),
        ["append_row"] = (a, _) => Text(a.Items("data").Append(a.Number("value"))),
        ["drop_head"] = (a, _) => Text(a.Items("data").Skip(a.Integer("size", 0, int.MaxValue))),
        ["unique_set"] = (a, _) => Text(a.Items("data").Distinct()),
        ["rank_element"] = (a, _) => Array.IndexOf([.. a.Items("data").Order()], a.Number("value")) + 1,
    };

    private static double Median(double[] items)
    {
        Array.Sort(items);
        var middle = items.Length / 2;
        return items.Length % 2 == 1 ? items[middle] : (items[middle - 1] + items[middle]) / 2;
    }

    private static double Spread(double[] items, bool squared)
    {
        var range = items.Max() - items.Min();
        return squared ? range * range : range;
    }

    private static double Pick(double[] items, int index) =>
        index < items.Length ? items[index] : throw new ToolArgumentException($"index is {index}: the list has {items.Length} items");

    private static string Text(IEnumerable<double> items) => string.Join(' ', items.Select(x => x.ToString(CultureInfo.InvariantCulture)));
}
