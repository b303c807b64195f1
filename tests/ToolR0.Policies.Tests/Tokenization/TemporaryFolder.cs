namespace ToolR0.Policies.Tests.Tokenization;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("toolr0-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
