using System.Text.Json;

namespace ToolR0.ToolServers.Tests;

/// <summary>
/// What real servers offer and answer, and configurations as clients write them: files of other licences, under the folder that TOOLR0_TEST_TOOLS
/// names,
/// else under <c>shared/mcp</c> beside the repository. A test that wants one which is not there is skipped.
/// </summary>
internal static class OutsideTools
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("TOOLR0_TEST_TOOLS") is { Length: > 0 } given
        ? given
        : Path.GetFullPath(Path.Combine(RepositoryRoot, "..", "shared", "mcp"));

    public static string RepositoryRoot
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "ToolR0.Pipeline.sln")))
                folder = folder.Parent ?? throw new InvalidOperationException("the repository's root was not found");
            return folder.FullName;
        }
    }

    /// <summary>Files of a folder, or none.</summary>
    public static IReadOnlyList<string> Files(string folder)
    {
        var path = Path.Combine(Folder, folder);
        return Directory.Exists(path) ? [.. Directory.GetFiles(path, "*.json*").Order(StringComparer.Ordinal)] : [];
    }

    /// <summary>Their names. Where there are none, one that is not there, so that its test is skipped: a theory without data counts as
    /// failed.</summary>
    public static IEnumerable<string> Names(string folder, Func<string, string?> name) =>
        Files(folder).Select(name).OfType<string>().DefaultIfEmpty("none");

    public static string Find(string name)
    {
        var path = Path.Combine(Folder, name);
        Assert.SkipUnless(File.Exists(path), $"{path} is not there (TOOLR0_TEST_TOOLS)");
        return path;
    }

    public static JsonElement Json(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.Clone();
    }
}
