using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ToolR0.ToolServers.Configuration;

/// <summary>A variable that has no value: which, and what to do about it.</summary>
internal sealed class UnsetVariableException(string message) : Exception(message);

/// <summary>
/// Replaces variables as clients write them: <c>${NAME}</c>, <c>${NAME:-default}</c>, <c>${env:NAME}</c>, <c>{env:NAME}</c>, <c>$NAME</c>,
/// <c>${input:id}</c> and the places that editors know. A variable without a value is an error that names it, never an empty text.
/// </summary>
internal sealed partial class Variables
{
    /// <summary>Their values are no secrets.</summary>
    private static readonly HashSet<string> PublicNames = ["HOME", "USER", "PATH", "LANG", "PWD", "TMPDIR", "SHELL"];

    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly Dictionary<string, JsonElement> _inputs = [];
    private readonly bool _bareBraces;

    public Variables(string file, JsonElement root, IReadOnlyDictionary<string, string> environment, bool gemini, bool braces)
    {
        (_environment, IsGemini, _bareBraces) = (environment, gemini, braces);
        var folder = Path.GetDirectoryName(file) ?? ".";
        Folder = Path.GetFileName(folder) is ".vscode" or ".cursor" or ".zed" or ".roo" or ".gemini" ? Path.GetDirectoryName(folder)! : folder;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("inputs", out var inputs) || inputs.ValueKind != JsonValueKind.Array)
            return;
        foreach (var input in inputs.EnumerateArray())
        {
            if (Text(input, "id") is { } id)
                _inputs[id] = input;
        }
    }

    /// <summary>The workspace: the file's folder, or the one above where an editor keeps the file in a folder of its own.</summary>
    public string Folder { get; }

    public bool IsGemini { get; }

    [GeneratedRegex(@"\$\{(?<name>[^{}]*)\}|(?<brace>(?<!\$)\{env:(?<short>[^{}]+)\})|\$(?<bare>[A-Za-z_][A-Za-z0-9_]*)")]
    private static partial Regex Reference { get; }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex PlainName { get; }

    /// <param name="bare">Whether <c>$NAME</c> is a variable.</param>
    /// <param name="keep">Names that are left as they are written.</param>
    /// <param name="secrets">Gets what came in from outside.</param>
    /// <exception cref="UnsetVariableException">Names the first variable without a value.</exception>
    public string Expand(string text, bool bare, IReadOnlyCollection<string> keep, ICollection<string> secrets)
    {
        var result = new StringBuilder();
        var at = 0;
        foreach (Match match in Reference.Matches(text))
        {
            result.Append(text, at, match.Index - at);
            at = match.Index + match.Length;
            result.Append(
                match.Groups["bare"].Success ? bare ? FromEnvironment(match.Groups["bare"].Value, secrets) : match.Value
                : match.Groups["brace"].Success ? _bareBraces ? FromEnvironment(match.Groups["short"].Value, secrets) : match.Value
                : keep.Contains(match.Groups["name"].Value) ? match.Value
                : Value(match.Groups["name"].Value, secrets));
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    private string Value(string name, ICollection<string> secrets)
    {
        if (name.StartsWith("env:", StringComparison.Ordinal))
            return FromEnvironment(name[4..], secrets);
        if (name.StartsWith("input:", StringComparison.Ordinal))
            return FromInput(name[6..], secrets);
        if (name.IndexOf(":-", StringComparison.Ordinal) is > 0 and var at && PlainName.IsMatch(name[..at]))
            return _environment.TryGetValue(name[..at], out var set) && set.Length > 0 ? Kept(set, secrets) : name[(at + 2)..];
        return name switch
        {
            "workspaceFolder" => Folder,
            "workspaceFolderBasename" => Path.GetFileName(Folder),
            "userHome" => System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile),
            "pathSeparator" or "/" => Path.DirectorySeparatorChar.ToString(),
            _ when PlainName.IsMatch(name) => FromEnvironment(name, secrets),
            _ => throw new UnsetVariableException($"${{{name}}} is no variable that is known here"),
        };
    }

    private string FromEnvironment(string name, ICollection<string> secrets) => _environment.TryGetValue(name, out var value)
        ? PublicNames.Contains(name) ? value : Kept(value, secrets)
        : throw new UnsetVariableException($"the variable {name} is not set");

    /// <summary>An input is asked for by an editor; here its value is the variable of the same name in capitals, or its default.</summary>
    private string FromInput(string id, ICollection<string> secrets)
    {
        if (!_inputs.TryGetValue(id, out var input))
            throw new UnsetVariableException($"the input '{id}' is not among the file's inputs");
        if (Text(input, "type") == "command")
            throw new UnsetVariableException($"the input '{id}' is a command of an editor, which is not run here");
        var variable = Regex.Replace(id, "[^A-Za-z0-9]", "_").ToUpperInvariant();
        if (_environment.TryGetValue(variable, out var value))
            return Kept(value, secrets);
        return Text(input, "default") ?? throw new UnsetVariableException($"the input '{id}' has no value: set the variable {variable}");
    }

    private static string Kept(string value, ICollection<string> secrets)
    {
        secrets.Add(value);
        return value;
    }

    private static string? Text(JsonElement entry, string field) =>
        entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
