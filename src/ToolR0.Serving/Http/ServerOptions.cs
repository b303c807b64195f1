using ToolR0.Contracts;

namespace ToolR0.Serving.Http;

/// <summary>Where a model is served and to whom.</summary>
/// <param name="Port">0 takes a free one.</param>
/// <param name="Keys">One of them must come with a request; none are asked for where there are none.</param>
/// <param name="Batch">Answers sampled at a time, and answers to one request at most.</param>
public sealed record ServerOptions(
    string Host = "127.0.0.1", int Port = 8000, IReadOnlyList<string>? Keys = null, int Batch = ServerOptions.UsualBatch)
{
    /// <summary>Answers sampled at a time where nobody says how many.</summary>
    public const int UsualBatch = 32;

    /// <summary>Options as a command line gives them.</summary>
    /// <exception cref="UserErrorException">One is out of range, or the file of keys cannot be read.</exception>
    public static ServerOptions Of(string host, int port, string? keyFile, int batch)
    {
        if (port is < 0 or > 65535)
            throw new UserErrorException($"--port {port}: must be from 0 to 65535");
        if (batch is < 1 or > 1024)
            throw new UserErrorException($"--batch {batch}: must be from 1 to 1024");
        return new ServerOptions(host, port, keyFile is null ? null : ReadKeys(keyFile), batch);
    }

    /// <summary>A key a line.</summary>
    private static IReadOnlyList<string> ReadKeys(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--api-key-file {path}: {(File.Exists(path) ? "cannot be read" : "there is no such file")}");
        }

        IReadOnlyList<string> keys = [.. lines.Select(line => line.Trim()).Where(line => line.Length > 0)];
        return keys.Count > 0 ? keys : throw new UserErrorException($"--api-key-file {path}: holds no key (one a line)");
    }
}
