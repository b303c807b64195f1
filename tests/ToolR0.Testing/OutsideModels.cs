namespace ToolR0.Testing;

/// <summary>
/// Models and references that are too large or of another licence than the repository: files under the folder that TOOLR0_TEST_MODELS names, else
/// under <c>shared/models</c> beside the repository. A test that wants one which is not there is skipped.
/// </summary>
public static class OutsideModels
{
    private static readonly string Root =
        Environment.GetEnvironmentVariable("TOOLR0_TEST_MODELS") is { Length: > 0 } given ? given
        : Path.Combine(PrivateServers.RepositoryRoot, "..", "shared", "models");

    /// <summary>The path of a file or folder, or null where there is none.</summary>
    public static string? Find(string name)
    {
        var path = Path.GetFullPath(Path.Combine(Root, name));
        return File.Exists(path) || Directory.Exists(path) ? path : null;
    }
}
