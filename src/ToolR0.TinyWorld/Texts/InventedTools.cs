using static ToolR0.TinyWorld.Draw;

namespace ToolR0.TinyWorld.Texts;

/// <summary>
/// Tools that exist by name only: a verb and a noun of a domain, with one to three parameters. They give pretraining more names than
/// anyone could learn by heart, so that a menu has to be read. No full name equals a catalogue tool's, unseen ones included.
/// </summary>
public static class InventedTools
{
    private static readonly string[] Verbs =
    [
        "add", "apply", "arrange", "attach", "balance", "burn", "check", "clear", "clone", "collect", "compare", "compute", "convert", "count", "cut",
        "decode", "delete", "divide", "double", "draw", "drop", "encode", "estimate", "exchange", "expand", "extract", "fetch", "filter",
        "find", "fold",
        "freeze", "gather", "grow", "hide", "increase", "insert", "inspect", "join", "lease", "lift", "list", "load", "locate", "lock", "mark",
        "mask", "match",
        "measure", "merge", "mix", "move", "multiply", "open", "order", "pack", "pad", "paint", "pick", "plan", "pour", "print", "push",
        "raise", "rank",
        "read", "reduce", "rename", "repeat", "reset", "reverse", "rotate", "round", "save", "scan", "send", "shift", "sort", "span", "spell",
        "split",
        "start", "stretch", "subtract", "swap", "tip", "trace", "trim", "unlock", "update", "validate", "weigh", "wind", "write",
    ];

    private static readonly Dictionary<string, string[]> Nouns = new()
    {
        ["math"] = ["figure", "fraction", "product", "power", "numbers", "ratio", "remainder", "factor", "root", "formula"],
        ["geometry"] = ["perimeter", "area", "circle", "angle", "corner", "slope", "polygon", "sphere", "volume", "edge"],
        ["statistics"] = ["total", "scores", "sample", "range", "variance", "outlier", "reading", "survey", "trend", "histogram"],
        ["units"] = ["energy", "length", "cargo", "pressure", "oven", "engine", "liquid", "voltage", "battery", "signal"],
        ["finance"] = ["waiter", "vehicle", "bill", "budget", "invoice", "loan", "savings", "tax", "wallet", "currency"],
        ["text"] = ["string", "label", "phrase", "letters", "title", "paragraph", "caption", "quote", "names", "sentence"],
        ["codes"] = ["hex", "cipher", "digits", "morse", "roman", "token", "barcode", "password", "parity", "badge"],
        ["calendar"] = ["century", "weekday", "clock", "date", "holiday", "meeting", "alarm", "season", "schedule", "shiftplan"],
        ["memory"] = ["note", "entry", "record", "slot", "file", "folder", "counter", "cache", "bookmark", "archive"],
        ["lists"] = ["element", "items", "member", "row", "queue", "stack", "set", "column", "pair", "basket"],
    };

    private static readonly string[] TextNames =
        ["text", "key", "message", "source", "target", "old", "new", "left", "right", "code", "owner", "place", "tag", "subject", "topic"];

    private static readonly string[] NumberNames =
    [
        "value", "amount", "size", "limit", "number", "first", "second", "width", "height", "steps", "offset", "price", "percent", "upper", "lower",
        "index",
        "times", "level", "weight", "months", "keep", "start", "end", "step", "years", "people", "speed", "depth", "rate",
    ];

    private static readonly string[][] OptionSets = [Lengths, Masses, Heats, Speeds, Liquids, Energies, Currencies, Weekdays, Months];
    private static readonly string[] OptionNames = ["unit", "scale", "day", "month", "kind", "mode"];

    private static readonly string[] One = ["* {0}", "* of {0}", "* for {0}", "* at {0}", "* in {0}", "* with {0}"];

    private static readonly string[] Two =
    [
        "* {0} and {1}", "* {0} by {1}", "* {0} to {1}", "* {0} with {1}", "* of {0} at {1}", "* for {0} and {1}", "* {0} as {1}", "* in {0} for {1}",
        "* of {0} over {1}", "* {0} {1}", "* from {0} to {1}", "* of {0} {1}",
    ];

    private static readonly string[] Three =
        ["* {0} {1} to {2}", "* {0} by {1} by {2}", "* of {0} with {1} and {2}", "* {0} at {1} for {2}", "* {0} {1} as {2}"];

    /// <summary>Every word that a question pattern may hold beside its cue.</summary>
    public static IReadOnlyList<string> ConnectingWords { get; } =
        ["and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "over", "to", "with"];

    /// <summary>A tool nobody has seen before, of the given domain.</summary>
    public static WorldTool Make(WorldRandom random, string domain)
    {
        string name;
        do
            name = $"{random.Pick(Verbs)}_{random.Pick(Nouns[domain])}";
        while (WorldCatalog.Find(name) is not null);

        var count = random.NextDouble() switch { < 0.25 => 1, < 0.85 => 2, _ => 3 };
        var parameters = new List<WorldParameter>();
        while (parameters.Count < count)
        {
            var parameter = Parameter(random);
            if (parameters.All(p => p.Name != parameter.Name) && (parameters.Count > 0 || parameter.Type != "boolean"))
                parameters.Add(parameter);
        }

        return new WorldTool(name, domain, ToolOrigin.Invented, parameters, count switch { 1 => One, 2 => Two, _ => Three });
    }

    private static WorldParameter Parameter(WorldRandom random) => random.NextDouble() switch
    {
        < 0.28 => Word(random.Pick(TextNames)),
        < 0.56 => Int(random.Pick(NumberNames), 1, random.Chance(0.2) ? 999 : 99),
        < 0.74 => Num(random.Pick(NumberNames)),
        < 0.80 => Items("data"),
        < 0.84 => Bool(random.Pick<string>(["even", "descending", "squared", "exact"])),
        _ => OneOf(random.Pick(OptionNames), random.Pick(OptionSets)),
    };
}
