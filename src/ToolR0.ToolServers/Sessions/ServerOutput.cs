using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using ToolR0.ToolServers.Confinement;

namespace ToolR0.ToolServers.Sessions;

/// <summary>
/// What a server writes on standard output, reduced to the messages of the protocol: other lines are left out, whatever they are, and a reply that is
/// nested too deeply to be read becomes an error for its request. A server that writes more than the limit for one request is stopped.
/// </summary>
internal sealed class ServerOutput
{
    private const int Deepest = 60;

    private readonly Stream _source;
    private readonly long _limit;
    private readonly Action<string> _stop;
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly TextTail _noise = new(lines: 3, columns: 120);
    private long _written;
    private int _noiseLines;

    /// <param name="limitBytes">For one request.</param>
    /// <param name="stop">Ends the server, for the reason given.</param>
    public ServerOutput(Stream source, long limitBytes, Action<string> stop)
    {
        (_source, _limit, _stop) = (source, limitBytes, stop);
        Messages = _pipe.Reader.AsStream();
        Reading = Task.Run(ReadAsync);
    }

    /// <summary>One message a line.</summary>
    public Stream Messages { get; }

    /// <summary>Ends when the server's output does.</summary>
    public Task Reading { get; }

    /// <summary>Lines that were no messages, and the last of them; empty where there were none.</summary>
    public string Noise => _noiseLines == 0 ? "" : FormattableString.Invariant($"{_noiseLines} lines on standard output were no messages: {_noise}");

    /// <summary>A request goes out: the server may write as much as the limit again.</summary>
    public void NextRequest() => Interlocked.Exchange(ref _written, 0);

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        var line = new ArrayBufferWriter<byte>();
        try
        {
            while (await _source.ReadAsync(buffer) is > 0 and var read)
            {
                if (Interlocked.Add(ref _written, read) > _limit)
                {
                    _stop(FormattableString.Invariant($"it was stopped: it wrote more than {_limit >> 20} MB for one request"));
                    break;
                }

                await AddAsync(buffer.AsMemory(0, read), line);
            }

            if (line.WrittenCount > 0)
                await PassAsync(line.WrittenMemory);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
        }
        finally
        {
            await _pipe.Writer.CompleteAsync();
        }
    }

    private async Task AddAsync(ReadOnlyMemory<byte> read, ArrayBufferWriter<byte> line)
    {
        while (read.Span.IndexOf((byte)'\n') is >= 0 and var end)
        {
            line.Write(read.Span[..end]);
            await PassAsync(line.WrittenMemory);
            line.Clear();
            read = read[(end + 1)..];
        }

        line.Write(read.Span);
    }

    private async Task PassAsync(ReadOnlyMemory<byte> line)
    {
        switch (MessageLine.Of(line.Span))
        {
            case { IsMessage: false }:
                if (!line.Span.Trim(" \t\r"u8).IsEmpty)
                {
                    _noiseLines++;
                    _noise.Add(Encoding.UTF8.GetString(line.Span[..Math.Min(line.Length, 400)]));
                }

                return;
            case { Depth: > Deepest, Id: { } id } deep:
                var error = $$$"""{"jsonrpc":"2.0","id":{{{id}}},"error":{"code":{{{ErrorShapes.TooDeep}}},"message":"the reply is nested {{{deep.Depth}}} levels deep, more than {{{Deepest}}}"}}""";
                await _pipe.Writer.WriteAsync(Encoding.UTF8.GetBytes(error + "\n"));
                return;
            case { Depth: > Deepest }:
                return;
            default:
                await _pipe.Writer.WriteAsync(line);
                await _pipe.Writer.WriteAsync("\n"u8.ToArray());
                return;
        }
    }

    /// <summary>A line of output, looked through without building anything.</summary>
    /// <param name="Id">JSON text of its id; null where it has none.</param>
    /// <param name="Depth">Levels of nesting.</param>
    private readonly record struct MessageLine(bool IsMessage, string? Id, int Depth)
    {
        private const int MostLevels = 1_000_000;

        public static MessageLine Of(ReadOnlySpan<byte> line)
        {
            line = line.TrimStart("\uFEFF"u8);
            var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = MostLevels });
            var (isMessage, depth, id) = (false, 0, (string?)null);
            try
            {
                while (reader.Read())
                {
                    depth = Math.Max(depth, reader.CurrentDepth);
                    if (reader.TokenType == JsonTokenType.StartArray && reader.CurrentDepth == 0)
                        return default;
                    if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth != 1)
                        continue;
                    isMessage |= reader.ValueTextEquals("jsonrpc"u8);
                    if (!reader.ValueTextEquals("id"u8) || !reader.Read())
                        continue;
                    id = reader.TokenType switch
                    {
                        JsonTokenType.String => JsonSerializer.Serialize(reader.GetString()),
                        JsonTokenType.Number => Encoding.UTF8.GetString(reader.ValueSpan),
                        _ => null,
                    };
                }

                return new MessageLine(isMessage, id, depth);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return default;
            }
        }
    }
}
