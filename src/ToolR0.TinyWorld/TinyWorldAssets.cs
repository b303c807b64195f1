namespace ToolR0.TinyWorld;

/// <summary>Where the files that the product ships lie: beside the program.</summary>
public static class TinyWorldAssets
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "assets");

    /// <summary>The folder of the base model that a run takes when nobody names another.</summary>
    public static string BaseNano => Base("base-nano");

    /// <summary>The same of a preset.</summary>
    public static string BaseOf(string preset) =>
        new[] { ShippedPresets.NanoAgent, ShippedPresets.NanoAgentStudy }.Any(own => own.Preset == preset) ? Base("base-nano-agent") : BaseNano;

    /// <summary>The folder of a shipped base model.</summary>
    public static string Base(string name) => Path.Combine(Folder, name);

    /// <summary>The file of a shipped held-out set.</summary>
    public static string HeldOut(string kind) => Path.Combine(Folder, "heldout", kind + ".jsonl");
}
