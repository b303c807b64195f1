using System.Text.Json.Serialization;

namespace ToolR0.Contracts;

/// <summary>Where a base model came from, where that was not a folder: what finds it again.</summary>
/// <param name="Repository">On the hub, <c>org/name</c>; null for a file of this disk.</param>
/// <param name="Revision">The branch, tag or commit that was asked for.</param>
/// <param name="Commit">The commit that it was: 40 hexadecimal digits.</param>
/// <param name="File">A GGUF file's name; in a repository with its folders. Null for a model in safetensors.</param>
/// <param name="FileSha256">Of that file.</param>
public sealed record BaseOrigin(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Repository = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Revision = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Commit = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? File = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? FileSha256 = null)
{
    /// <summary>As <c>--base</c> takes it: <c>org/name@commit</c>, with a file <c>org/name/file.gguf@commit</c>; else the file's name.</summary>
    public override string ToString() =>
        Repository is null ? File ?? "" : $"{Repository}{(File is null ? "" : "/" + File)}{(Commit is null ? "" : "@" + Commit)}";
}
