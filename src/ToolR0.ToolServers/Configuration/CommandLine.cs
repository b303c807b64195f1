using System.Text;

namespace ToolR0.ToolServers.Configuration;

/// <summary>A command line as a person types it, in words. No shell looks at it: only quotes and backslashes before them count.</summary>
internal static class CommandLine
{
    /// <summary>The words, or null where a quote is not closed.</summary>
    public static IReadOnlyList<string>? Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var (quote, started) = ('\0', false);
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c == '\\' && i + 1 < line.Length && line[i + 1] is '"' or '\'' && quote != '\'')
            {
                word.Append(line[++i]);
                started = true;
            }
            else if (quote != '\0')
            {
                if (c == quote)
                    quote = '\0';
                else
                    word.Append(c);
            }
            else if (c is '"' or '\'')
            {
                (quote, started) = (c, true);
            }
            else if (!char.IsWhiteSpace(c))
            {
                word.Append(c);
                started = true;
            }
            else if (started)
            {
                words.Add(word.ToString());
                word.Clear();
                started = false;
            }
        }

        if (started)
            words.Add(word.ToString());
        return quote == '\0' ? words : null;
    }
}
