using System.Collections.Frozen;
using static ToolR0.TinyWorld.Draw;

namespace ToolR0.TinyWorld;

/// <summary>
/// The real tools of the tiny world: 60 in 10 domains, 48 seen in pretraining and 12 whose names never occur there.
/// ToolR0.ToolExecution implements every one of them.
/// </summary>
public static class WorldCatalog
{
    public static IReadOnlyList<string> Domains { get; } =
        ["math", "geometry", "statistics", "units", "finance", "text", "codes", "calendar", "memory", "lists"];

    public static IReadOnlyList<WorldTool> Tools { get; } =
    [
        Seen("math", "add_numbers", [Int("first"), Int("second")], "* {0} and {1}", "* {0} to {1}"),
        Seen("math", "multiply_values", [Int("left"), Int("right")], "* {0} by {1}", "* {0} with {1}"),
        Seen("math", "divide_amount", [Num("dividend"), Int("parts", 2, 99)], "* {0} by {1}", "* {0} into {1}"),
        Seen("math", "raise_power", [Int("base"), Int("exponent", 2, 9)], "* {0} to {1}", "* {0} at {1}"),
        Seen("math", "find_remainder", [Int("number"), Int("divisor", 2, 99)], "* of {0} by {1}", "* {0} over {1}"),
        Unseen("math", "subtract_figure", [Int("upper"), Int("lower")], "* {0} and {1}", "* {0} by {1}"),

        Seen("geometry", "compute_area", [Num("width"), Num("height")], "* of {0} by {1}", "* for {0} and {1}"),
        Seen("geometry", "draw_circle", [Num("radius", 2, 999)], "* of {0}", "* with {0}"),
        Seen("geometry", "box_volume", [Int("width", 2, 99), Int("height", 2, 99), Int("depth", 2, 99)], "* of {0} by {1} by {2}",
            "* with {0} and {1} and {2}"),
        Seen("geometry", "find_slope", [Int("rise"), Int("run")], "* of {0} over {1}", "* for {0} and {1}"),
        Seen("geometry", "triangle_side", [Num("left"), Num("right")], "* for {0} and {1}", "* with {0} by {1}"),
        Unseen("geometry", "trace_perimeter", [Num("width"), Num("height")], "* of {0} by {1}", "* for {0} and {1}"),

        Seen("statistics", "average_scores", [Items("data")], "* of {0}", "* for {0}"),
        Seen("statistics", "largest_sample", [Items("data")], "* of {0}", "* in {0}"),
        Seen("statistics", "median_reading", [Items("data")], "* of {0}", "* for {0}"),
        Seen("statistics", "count_above", [Items("data"), Int("limit", 2, 9)], "* of {0} over {1}", "* in {0} with {1}"),
        Seen("statistics", "spread_range", [Items("data"), Bool("squared")], "* of {0} as {1}", "* in {0} with {1}"),
        Unseen("statistics", "collect_total", [Items("data")], "* of {0}", "* for {0}"),

        Seen("units", "convert_length", [Num("value"), OneOf("unit", Lengths)], "* {0} {1}", "* of {0} {1}"),
        Seen("units", "weigh_cargo", [Num("value"), OneOf("unit", Masses)], "* {0} {1}", "* of {0} {1}"),
        Seen("units", "heat_oven", [Num("degrees"), OneOf("scale", Heats)], "* to {0} {1}", "* at {0} {1}"),
        Seen("units", "pace_runner", [Num("speed"), OneOf("unit", Speeds)], "* at {0} {1}", "* of {0} {1}"),
        Seen("units", "pour_liquid", [Num("value"), OneOf("source", Liquids), OneOf("target", Liquids)], "* {0} {1} as {2}", "* of {0} {1} to {2}"),
        Unseen("units", "burn_energy", [Num("value"), OneOf("unit", Energies)], "* {0} {1}", "* of {0} {1}"),

        Seen("finance", "exchange_currency", [Num("amount"), OneOf("source", Currencies), OneOf("target", Currencies)], "* {0} {1} to {2}",
            "* of {0} {1} for {2}"),
        Seen("finance", "apply_tax", [Num("price"), Int("percent", 1, 60)], "* on {0} at {1}", "* to {0} with {1}"),
        Seen("finance", "split_bill", [Num("amount"), Int("people", 2, 40)], "* {0} by {1}", "* of {0} for {1}"),
        Seen("finance", "grow_savings", [Int("amount"), Int("percent", 1, 20), Int("years", 1, 40)], "* {0} at {1} for {2}",
            "* of {0} with {1} over {2}"),
        Unseen("finance", "tip_waiter", [Num("price"), Int("percent", 1, 40)], "* on {0} at {1}", "* for {0} with {1}"),
        Unseen("finance", "lease_vehicle", [Int("price"), Int("months", 2, 60)], "* at {0} for {1}", "* of {0} over {1}"),

        Seen("text", "reverse_letters", [Word("text")], "* of {0}", "* in {0}"),
        Seen("text", "repeat_phrase", [Word("text"), Int("times", 2, 30)], "* {0} by {1}", "* {0} for {1}"),
        Seen("text", "join_names", [Word("left"), Word("right")], "* {0} and {1}", "* {0} with {1}"),
        Seen("text", "pad_title", [Word("text"), Int("size", 5, 90)], "* {0} to {1}", "* {0} at {1}"),
        Unseen("text", "rotate_string", [Word("text"), Int("steps", 1, 60)], "* {0} by {1}", "* {0} at {1}"),
        Unseen("text", "mask_label", [Word("text"), Int("keep", 1, 60)], "* {0} with {1}", "* {0} to {1}"),

        Seen("codes", "signal_morse", [Word("message")], "* of {0}", "* for {0}"),
        Seen("codes", "shift_cipher", [Word("message"), Int("offset", 1, 25)], "* {0} by {1}", "* of {0} at {1}"),
        Seen("codes", "binary_digits", [Int("number", 2, 999)], "* of {0}", "* for {0}"),
        Seen("codes", "spell_roman", [Int("number", 2, 999)], "* {0}", "* of {0}"),
        Seen("codes", "check_parity", [Word("message"), Bool("even")], "* {0} as {1}", "* of {0} with {1}"),
        Unseen("codes", "encode_hex", [Int("number", 2, 999)], "* {0}", "* of {0}"),

        Seen("calendar", "shift_weekday", [OneOf("day", Weekdays), Int("offset")], "* {0} by {1}", "* of {0} to {1}"),
        Seen("calendar", "count_days", [OneOf("month", Months), Int("year", 1900, 2100)], "* in {0} {1}", "* of {0} {1}"),
        Seen("calendar", "leap_year", [Int("number", 1600, 2400)], "* in {0}", "* of {0}"),
        Seen("calendar", "wind_clock", [Int("hour", 0, 23), Int("minutes")], "* from {0} by {1}", "* at {0} with {1}"),
        Seen("calendar", "locate_date", [OneOf("month", Months), Int("day", 1, 28)], "* {0} {1}", "* of {0} {1}"),
        Unseen("calendar", "span_century", [Int("start", 2, 99), Int("end", 100, 999)], "* of {0} and {1}", "* from {0} to {1}"),

        Seen("memory", "save_entry", [Word("key"), Int("value")], "* {0} as {1}", "* {0} with {1}"),
        Seen("memory", "load_record", [Word("key")], "* of {0}", "* at {0}"),
        Seen("memory", "delete_slot", [Word("key")], "* of {0}", "* for {0}"),
        Seen("memory", "rename_file", [Word("old"), Word("new")], "* {0} to {1}", "* {0} as {1}"),
        Seen("memory", "increase_counter", [Word("key"), Int("step", 1, 99)], "* {0} by {1}", "* of {0} with {1}"),
        Unseen("memory", "clone_note", [Word("source"), Word("target")], "* {0} to {1}", "* {0} as {1}"),

        Seen("lists", "sort_items", [Items("data"), Bool("descending")], "* {0} as {1}", "* of {0} with {1}"),
        Seen("lists", "pick_member", [Items("data"), Int("index", 0, 2)], "* {1} from {0}", "* {0} at {1}"),
        Seen("lists", "append_row", [Items("data"), Int("value", 2, 99)], "* {0} with {1}", "* {0} and {1}"),
        Seen("lists", "drop_head", [Items("data"), Int("size", 1, 3)], "* {0} by {1}", "* of {0} for {1}"),
        Seen("lists", "unique_set", [Items("data")], "* of {0}", "* in {0}"),
        Unseen("lists", "rank_element", [Items("data"), Int("value", 0, 9)], "* in {0} for {1}", "* of {0} with {1}"),
    ];

    private static readonly FrozenDictionary<string, WorldTool> ByName = Tools.ToFrozenDictionary(t => t.Name);

    private static readonly FrozenDictionary<string, WorldTool[]> SeenByDomain =
        Tools.Where(t => t.Origin == ToolOrigin.Seen).GroupBy(t => t.Domain).ToFrozenDictionary(g => g.Key, g => g.ToArray());

    public static WorldTool? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The seen tools of a domain.</summary>
    public static IReadOnlyList<WorldTool> SeenIn(string domain) => SeenByDomain[domain];

    public static IEnumerable<WorldTool> WithOrigin(ToolOrigin origin) => Tools.Where(t => t.Origin == origin);

    private static WorldTool Seen(string domain, string name, WorldParameter[] parameters, params string[] patterns) =>
        new(name, domain, ToolOrigin.Seen, parameters, patterns);

    private static WorldTool Unseen(string domain, string name, WorldParameter[] parameters, params string[] patterns) =>
        new(name, domain, ToolOrigin.Unseen, parameters, patterns);
}
