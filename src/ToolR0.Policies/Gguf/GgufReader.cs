using System.Buffers.Binary;
using System.Text;

namespace ToolR0.Policies.Gguf;

/// <summary>
/// Takes numbers, texts and lists from the head of a GGUF file. Nothing is allocated before it is known that the file has as many bytes: a file that
/// lies about its counts gives <see cref="InvalidDataException"/> and nothing else.
/// </summary>
internal sealed class GgufReader(Stream stream)
{
    /// <summary>Bytes. The largest vocabularies take some 20 MB.</summary>
    private const long LargestHead = 256 << 20;

    private const int DeepestList = 4;

    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly long _limit = Math.Min(stream.Length, LargestHead);
    private int _at;
    private int _filled;

    /// <summary>Bytes taken.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes that there still are, or may be.</summary>
    public long Left => _limit - Position;

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > Left)
        {
            throw new InvalidDataException(stream.Length > LargestHead
                ? $"its metadata are larger than the {LargestHead} bytes allowed"
                : $"the file ends at byte {stream.Length}, in the middle of its metadata: it is not complete");
        }

        if (count > _buffer.Length)
        {
            var large = new byte[count];
            var held = _filled - _at; // less than count, which is more than the buffer
            _buffer.AsSpan(_at, held).CopyTo(large);
            stream.ReadExactly(large.AsSpan(held));
            (_at, _filled) = (0, 0);
            Position += count;
            return large;
        }

        if (_filled - _at < count)
        {
            _buffer.AsSpan(_at, _filled - _at).CopyTo(_buffer);
            (_at, _filled) = (0, _filled - _at);
            while (_filled < count)
            {
                _filled += stream.Read(_buffer.AsSpan(_filled)) is > 0 and var read
                    ? read
                    : throw new InvalidDataException("the file became shorter");
            }
        }

        var taken = _buffer.AsSpan(_at, count);
        _at += count;
        Position += count;
        return taken;
    }

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <param name="what">What an error calls it.</param>
    public string Text(string what)
    {
        var length = UInt64();
        return length <= (ulong)Left && length <= int.MaxValue
            ? Encoding.UTF8.GetString(Take((int)length))
            : throw new InvalidDataException($"{what} claims {length} bytes; the file has {Left} left for its metadata");
    }

    /// <summary>A value of the metadata: bool, long, ulong (above long's range), double, string, or an array of one of these.</summary>
    /// <param name="type">The format's number.</param>
    /// <param name="what">What an error calls it.</param>
    public object Value(uint type, string what, int depth = 0)
    {
        switch (type)
        {
            case 0:
                return (long)Take(1)[0];
            case 1:
                return (long)(sbyte)Take(1)[0];
            case 2:
                return (long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2));
            case 3:
                return (long)BinaryPrimitives.ReadInt16LittleEndian(Take(2));
            case 4:
                return (long)UInt32();
            case 5:
                return (long)(int)UInt32();
            case 6:
                return (double)BinaryPrimitives.ReadSingleLittleEndian(Take(4));
            case 7:
                return Take(1)[0] != 0;
            case 8:
                return Text(what);
            case 9:
                return List(what, depth);
            case 10:
                var number = UInt64();
                return number <= long.MaxValue ? (long)number : number;
            case 11:
                return (long)UInt64();
            case 12:
                return BinaryPrimitives.ReadDoubleLittleEndian(Take(8));
            default:
                throw new InvalidDataException($"{what} has a value of unknown type {type}");
        }
    }

    private object List(string what, int depth)
    {
        if (depth >= DeepestList)
            throw new InvalidDataException($"{what} nests lists too deeply");
        var (type, count) = (UInt32(), UInt64());
        var least = type switch { 0 or 1 or 7 => 1UL, 2 or 3 => 2UL, 4 or 5 or 6 => 4UL, 9 => 12UL, _ => 8UL };
        if (count > (ulong)Left / least)
            throw new InvalidDataException($"{what} claims a list of {count}; the file has {Left} bytes left for its metadata");
        return type switch
        {
            8 => Of<string>(),
            6 or 12 => Of<double>(),
            7 => Of<bool>(),
            0 or 1 or 2 or 3 or 4 or 5 or 11 => Of<long>(),
            _ => Of<object>(),
        };

        T[] Of<T>()
        {
            var list = new List<T>((int)Math.Min(count, 1 << 20));
            for (var i = 0UL; i < count; i++)
                list.Add((T)Value(type, what, depth + 1));
            return [.. list];
        }
    }
}
