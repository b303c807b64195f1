using System.Text;
using System.Text.RegularExpressions;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>
/// A menu of signatures, a line a tool: <c>- name(parameter: type, optional?: type) description [parameter: meaning; …]</c>. Half the tokens of
/// JSON, and a small model does not copy it back as the answer.
/// </summary>
public static partial class SignatureMenu
{
    [GeneratedRegex(@"^-\s*(?<name>[^\s(]+)\((?<parameters>[^()]*)\)\s*(?<rest>.*)$")]
    private static partial Regex Line { get; }

    [GeneratedRegex(@"^(?<name>[\p{L}_][\w.\-]*)(?<optional>\?)?\s*:\s*(?<type>[A-Za-z][\w<>\[\] ]*)$")]
    private static partial Regex Parameter { get; }

    [GeneratedRegex(@"^(?<description>.*?)\s*\[(?<meanings>[^\[\]]+:[^\[\]]+)\]$")]
    private static partial Regex Meanings { get; }

    /// <summary>One line a tool, without an end of the last. Line ends and brackets in texts become spaces and parentheses, so that what is written
    /// can be read again.</summary>
    public static string Write(IEnumerable<ToolSpec> menu) => string.Join('\n', menu.Select(Write));

    /// <summary>Reads every line; null with the problem (<see cref="MenuReader.NotList"/>, <see cref="MenuReader.ToolNotObject"/>) if one is not a
    /// tool, or names a parameter twice.</summary>
    public static IReadOnlyList<ToolSpec>? Read(string? text, out string? problem)
    {
        problem = MenuReader.NotList;
        var lines = (text ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || !lines[0].StartsWith('-'))
            return null;
        var menu = new List<ToolSpec>();
        foreach (var line in lines)
        {
            if (Tool(line) is not { } tool)
            {
                problem = MenuReader.ToolNotObject;
                return null;
            }

            menu.Add(tool);
        }

        problem = null;
        return menu;
    }

    private static string Write(ToolSpec tool)
    {
        var text = new StringBuilder($"- {tool.Name}(")
            .AppendJoin(", ", tool.Parameters.Select(p => $"{p.Name}{(tool.Required.Contains(p.Name) ? "" : "?")}: {TypeOf(p)}"))
            .Append(')');
        if (OneLine(tool.Description) is { Length: > 0 } description)
            text.Append(' ').Append(description);
        var meanings = tool.Parameters.Select(p => (p.Name, Meaning: OneLine(p.Description))).Where(p => p.Meaning.Length > 0).ToList();
        return meanings.Count == 0 ? text.ToString()
            : text.Append(" [").AppendJoin("; ", meanings.Select(p => $"{p.Name}: {p.Meaning.Replace(';', ',')}")).Append(']').ToString();
    }

    private static string TypeOf(ToolParameter parameter) => parameter.Type.Length == 0 ? "any" : parameter.Type;

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Replace('[', '(').Replace(']', ')').Trim();

    private static ToolSpec? Tool(string line)
    {
        if (Line.Match(line) is not { Success: true } match)
            return null;
        var (parameters, required) = (new List<ToolParameter>(), new List<string>());
        var (description, meanings) = Describe(match.Groups["rest"].Value.Trim());
        foreach (var part in match.Groups["parameters"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (Parameter.Match(part) is not { Success: true } written || parameters.Any(p => p.Name == written.Groups["name"].Value))
                return null;
            var name = written.Groups["name"].Value;
            parameters.Add(new ToolParameter(name, MenuReader.TypeName(written.Groups["type"].Value), meanings.GetValueOrDefault(name, "")));
            if (!written.Groups["optional"].Success)
                required.Add(name);
        }

        return new ToolSpec(match.Groups["name"].Value, description, parameters, required);
    }

    private static (string Description, Dictionary<string, string> Meanings) Describe(string rest)
    {
        var meanings = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Meanings.Match(rest) is not { Success: true } match)
            return (rest, meanings);
        foreach (var part in match.Groups["meanings"].Value.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.IndexOf(':') is > 0 and var at)
                meanings[part[..at].Trim()] = part[(at + 1)..].Trim();
        }

        return (match.Groups["description"].Value, meanings);
    }
}
