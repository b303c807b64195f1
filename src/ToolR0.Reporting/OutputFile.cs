using System.Text;
using ToolR0.Contracts;

namespace ToolR0.Reporting;

/// <summary>Writes a whole file or none: what is half-written is never seen under the file's name, and is gone when writing fails.</summary>
public static class OutputFile
{
    /// <summary>Writes a text; its folder is made where there is none.</summary>
    /// <returns>The path.</returns>
    /// <exception cref="UserErrorException">It cannot be written.</exception>
    public static string Write(string path, string text)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, e);
        }

        return WriteAsync(path, async file =>
        {
            await file.WriteAsync(Encoding.UTF8.GetBytes(text));
            return path;
        }).GetAwaiter().GetResult();
    }

    /// <summary>Its folder must be there. Devices and pipes under /dev are written to as they are: a file moved over one would take its
    /// place.</summary>
    /// <returns>What <paramref name="write"/> returns.</returns>
    /// <exception cref="UserErrorException">The file cannot be written.</exception>
    public static async Task<T> WriteAsync<T>(string path, Func<Stream, Task<T>> write)
    {
        var whole = Path.GetFullPath(path);
        try
        {
            if (whole.StartsWith("/dev/", StringComparison.Ordinal))
            {
                await using var device = File.OpenWrite(whole);
                return await write(device);
            }

            return await WriteWholeAsync(whole, write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, e);
        }
    }

    private static UserErrorException Refused(string path, Exception e) => new($"cannot write {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);

    private static async Task<T> WriteWholeAsync<T>(string path, Func<Stream, Task<T>> write)
    {
        var partial = path + ".partial";
        try
        {
            T result;
            await using (var file = File.Create(partial))
                result = await write(file);
            File.Move(partial, path, overwrite: true);
            return result;
        }
        catch
        {
            try
            {
                File.Delete(partial);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // What went wrong first is told.
            }

            throw;
        }
    }
}
