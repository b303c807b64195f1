using System.Text.Json;

namespace ToolR0.ToolServers.Catalogue;

/// <summary>What a tool's server says of it. Nothing said is the most careful reading: it changes something.</summary>
public readonly record struct ToolAnnotations(bool ReadOnly, bool Idempotent)
{
    /// <summary>Hints that contradict each other are read as the stricter: a tool that destroys is not read-only, whatever else it says.</summary>
    public static ToolAnnotations Of(JsonElement tool)
    {
        if (!tool.TryGetProperty("annotations", out var annotations) || annotations.ValueKind != JsonValueKind.Object)
            return default;
        var readOnly = Hint(annotations, "readOnlyHint") && !Hint(annotations, "destructiveHint");
        return new ToolAnnotations(readOnly, readOnly || Hint(annotations, "idempotentHint"));
    }

    private static bool Hint(JsonElement annotations, string name) =>
        annotations.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
}
