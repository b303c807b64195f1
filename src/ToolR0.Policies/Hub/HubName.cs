using System.Text.RegularExpressions;

namespace ToolR0.Policies.Hub;

/// <summary>A model on the hub as a person names it: <c>org/name</c>, <c>org/name@revision</c>, <c>org/name/file.gguf</c>.</summary>
/// <param name="Revision">A branch, a tag or a commit; null for the main branch.</param>
/// <param name="File">A GGUF file of the repository; null for its safetensors.</param>
public sealed partial record HubName(string Repository, string? Revision, string? File)
{
    private const string Main = "main";

    [GeneratedRegex("^(?<repository>[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95})"
        + "(/(?<file>[A-Za-z0-9][A-Za-z0-9._/ -]{0,200}[.]gguf))?(@(?<revision>[A-Za-z0-9][A-Za-z0-9._+/-]{0,200}))?$")]
    private static partial Regex Form { get; }

    [GeneratedRegex("^[0-9a-f]{40}$")]
    private static partial Regex CommitForm { get; }

    /// <summary>What is asked of the hub.</summary>
    public string AskedRevision => Revision ?? Main;

    /// <summary>The name, or null where the text is not of that form.</summary>
    public static HubName? Parse(string text)
    {
        var match = Form.Match(text);
        if (!match.Success || text.Contains("..", StringComparison.Ordinal) || text.Contains("//", StringComparison.Ordinal) || text.EndsWith('/'))
            return null;
        return new HubName(match.Groups["repository"].Value, Of("revision"), Of("file"));

        string? Of(string group) => match.Groups[group] is { Success: true } found ? found.Value : null;
    }

    /// <summary>A full commit: 40 hexadecimal digits.</summary>
    public static bool IsCommit(string revision) => CommitForm.IsMatch(revision);

    public override string ToString() => $"{Repository}{(File is null ? "" : "/" + File)}{(Revision is null ? "" : "@" + Revision)}";
}
