using System.Text;

namespace ToolR0.SelfPlay;

/// <summary>Texts built into the assembly.</summary>
internal static class Resources
{
    public static string Text(string name)
    {
        using var stream = typeof(Resources).Assembly.GetManifestResourceStream($"ToolR0.SelfPlay.{name}")
            ?? throw new InvalidOperationException($"resource {name} is not built into ToolR0.SelfPlay");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
