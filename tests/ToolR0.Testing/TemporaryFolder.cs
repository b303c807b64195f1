namespace ToolR0.Testing;

/// <summary>A folder that is gone after the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("toolr0-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
