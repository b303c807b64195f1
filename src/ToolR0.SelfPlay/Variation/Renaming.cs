using System.Text;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Variation;

/// <summary>Other names for the same tools: menu and gold calls together, one scheme for a menu.</summary>
public static class Renaming
{
    private static readonly string[] Namespaces = ["api", "service", "utils", "tools", "client"];
    private static readonly string[] Suffixes = ["_v2", "_tool", "_api", "_service", "_info"];
    private static readonly string[] Schemes = ["camelCase", "pascalCase", "namespace", "domain", "class", "suffix"];

    /// <summary>The lower-case words of a name, whatever separates them.</summary>
    public static IReadOnlyList<string> Words(string name)
    {
        var (words, word) = (new List<string>(), new StringBuilder());
        for (var i = 0; i < name.Length; i++)
        {
            var starts = char.IsUpper(name[i]) && i > 0 && (char.IsLower(name[i - 1]) || i + 1 < name.Length && char.IsLower(name[i + 1]));
            if ((starts || !char.IsLetterOrDigit(name[i])) && word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }

            if (char.IsLetterOrDigit(name[i]))
                word.Append(char.ToLowerInvariant(name[i]));
        }

        if (word.Length > 0)
            words.Add(word.ToString());
        return words;
    }

    internal static ToolTask Rename(ref SplitMix random, ToolTask task, string domain, List<string> rules)
    {
        var scheme = Schemes[random.Next(Schemes.Length)];
        var place = Namespaces[random.Next(Namespaces.Length)];
        var suffix = Suffixes[random.Next(Suffixes.Length)];
        var parametersToo = scheme is "camelCase" or "pascalCase" && random.NextDouble() < 0.5;
        var names = task.Menu.Select(tool => tool.Name).Distinct().ToDictionary(name => name, Tool);
        // Two that would be called the same, or one that cannot be renamed: the menu stays as it is.
        if (names.Values.Distinct(StringComparer.Ordinal).Count() < names.Count || names.Values.Any(name => name.Length < 3))
            return task;
        rules.Add($"rename.{scheme}");
        if (parametersToo)
            rules.Add("rename.parameters");
        return task with
        {
            Menu = [.. task.Menu.Select(tool => tool with
            {
                Name = names[tool.Name],
                Parameters = [.. tool.Parameters.Select(p => p with { Name = Parameter(p.Name) })],
                Required = [.. tool.Required.Select(Parameter)],
            })],
            Gold = [.. task.Gold.Select(call =>
                new ToolCall(names[call.Name], call.Arguments.ToDictionary(a => Parameter(a.Key), a => a.Value)))],
        };

        string Tool(string name) => scheme switch
        {
            "camelCase" => Camel(name),
            "pascalCase" => Pascal(name),
            "namespace" => $"{place}.{name}",
            "domain" => $"{string.Join('_', Words(domain))}.{name}",
            "class" => Words(name) is { Count: > 1 } words ? $"{Capital(words[^1])}.{string.Join('_', words.Take(words.Count - 1))}" : Pascal(name),
            _ => name + suffix,
        };

        string Parameter(string name) => parametersToo ? Camel(name) : name;
    }

    private static string Pascal(string name) => string.Concat(Words(name).Select(Capital));

    private static string Camel(string name) => Pascal(name) is { Length: > 0 } pascal ? char.ToLowerInvariant(pascal[0]) + pascal[1..] : name;

    private static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}
