using ToolR0.Contracts;

namespace ToolR0.Reporting.Tests;

public sealed class OutputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_write_that_fails_leaves_the_file_that_was_there_and_nothing_else()
    {
        var path = Path.Combine(_folder, "scores.jsonl");
        OutputFile.Write(path, "before");
        var error = await Should.ThrowAsync<UserErrorException>(() => OutputFile.WriteAsync<int>(path, async file =>
        {
            await file.WriteAsync("half"u8.ToArray());
            throw new IOException("no space left");
        }));
        error.Message.ShouldContain($"cannot write {path}: no space left");
        File.ReadAllText(path).ShouldBe("before");
        Directory.GetFileSystemEntries(_folder).ShouldBe([path]);
    }

    [Fact]
    public async Task A_device_is_written_to_and_stays_a_device()
    {
        (await OutputFile.WriteAsync("/dev/null", async file =>
        {
            await file.WriteAsync("gone"u8.ToArray());
            return 4;
        })).ShouldBe(4);
        new FileInfo("/dev/null").Length.ShouldBe(0);
        File.Exists("/dev/null.partial").ShouldBeFalse();
    }
}
