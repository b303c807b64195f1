using System.IO.Enumeration;

namespace ToolR0.ToolServers.Catalogue;

/// <summary>A name in which <c>*</c> stands for any text.</summary>
internal static class NamePattern
{
    public static bool Any(IEnumerable<string> patterns, params string[] names) =>
        patterns.Any(pattern => names.Any(name => FileSystemName.MatchesSimpleExpression(Literal(pattern), name, ignoreCase: false)));

    private static string Literal(string pattern) => pattern.Replace("\\", "\\\\").Replace("?", "\\?");
}
