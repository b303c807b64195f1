using System.Buffers;
using System.Runtime.CompilerServices;

namespace ToolR0.Evaluation.Scoring;

/// <summary>Reads JSON Lines of any length in constant memory: no line is held that is longer than the limit.</summary>
public static class CaseLines
{
    /// <summary>Bytes of the longest line that is read.</summary>
    public const int LongestLine = 16 << 20;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// The lines with their numbers from 1, without line ends; null for a line over the limit, blank lines left out. What is given holds until the
    /// next line is asked for.
    /// </summary>
    public static async IAsyncEnumerable<(long Number, ReadOnlyMemory<byte>? Line)> ReadAsync(
        Stream stream, int limit = LongestLine, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var buffer = new byte[1 << 16];
        var line = new ArrayBufferWriter<byte>();
        var (number, tooLong) = (1L, false);
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            for (var at = 0; at < read;)
            {
                var end = Array.IndexOf(buffer, (byte)'\n', at, read - at);
                var part = (end < 0 ? read : end) - at;
                tooLong |= line.WrittenCount + part > limit;
                if (!tooLong)
                    line.Write(buffer.AsSpan(at, part));
                at += part + 1;
                if (end < 0)
                    continue;
                if (Trimmed() is var whole && (tooLong || whole.Length > 0))
                    yield return (number, Given(whole));
                (number, tooLong) = (number + 1, false);
                line.ResetWrittenCount();
            }
        }

        if (tooLong || Trimmed().Length > 0)
            yield return (number, Given(Trimmed()));

        ReadOnlyMemory<byte>? Given(ReadOnlyMemory<byte> whole) => tooLong ? (ReadOnlyMemory<byte>?)null : whole;

        ReadOnlyMemory<byte> Trimmed()
        {
            var whole = line.WrittenMemory;
            if (number == 1 && whole.Span.StartsWith(ByteOrderMark))
                whole = whole[ByteOrderMark.Length..];
            return whole.Trim(" \t\r"u8);
        }
    }
}
