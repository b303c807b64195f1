using System.Buffers;
using System.Text;

namespace ToolR0.Tokenization;

/// <summary>
/// The byte-level alphabet of GPT-2: every byte is written as one printable character, so that a vocabulary of text can hold any byte string.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The 256 characters in the order of their code points: the order in which vocabularies list them.</summary>
    public static IEnumerable<char> InCodePointOrder => Characters.Order();

    /// <summary>The UTF-8 bytes of <paramref name="text"/>, one character per byte. A lone surrogate becomes U+FFFD.</summary>
    public static string Spell(ReadOnlySpan<char> text)
    {
        var rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            var count = Encoding.UTF8.GetBytes(text, rented);
            return string.Create(count, rented, static (span, bytes) =>
            {
                for (var i = 0; i < span.Length; i++)
                    span[i] = Characters[bytes[i]];
            });
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The bytes that <paramref name="spelled"/> stands for, or the text's own UTF-8 if one of its characters is outside the
    /// alphabet.</summary>
    public static byte[] Unspell(string spelled)
    {
        var bytes = new byte[spelled.Length];
        for (var i = 0; i < spelled.Length; i++)
        {
            var c = spelled[i];
            if (c >= Bytes.Length || Bytes[c] < 0)
                return Encoding.UTF8.GetBytes(spelled);
            bytes[i] = (byte)Bytes[c];
        }
        return bytes;
    }

    private static char[] BuildCharacters()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var printsItself = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[b] = (char)(printsItself ? b : next++);
        }
        return characters;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[Characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var b = 0; b < 256; b++)
            bytes[Characters[b]] = (short)b;
        return bytes;
    }
}
