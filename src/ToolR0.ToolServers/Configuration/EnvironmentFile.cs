namespace ToolR0.ToolServers.Configuration;

/// <summary>NAME=value lines, as an envFile has them: <c>#</c> begins a comment, <c>export</c> and quotes around a value are left out.</summary>
internal static class EnvironmentFile
{
    public static Dictionary<string, string> Parse(string text)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var raw in text.TrimStart('\uFEFF').Split('\n'))
        {
            var line = raw.Trim();
            if (line.StartsWith("export ", StringComparison.Ordinal))
                line = line[7..].TrimStart();
            var at = line.IndexOf('=');
            if (at <= 0 || line[0] == '#')
                continue;
            var value = line[(at + 1)..].Trim();
            var isQuoted = value.Length >= 2 && value[0] is '"' or '\'' && value[^1] == value[0];
            variables[line[..at].TrimEnd()] = isQuoted ? value[1..^1] : value;
        }

        return variables;
    }
}
