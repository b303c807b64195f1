using System.Buffers.Binary;
using System.Text;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Measurement;

/// <summary>
/// A question in a hundred bytes: enough to tell how alike two questions are without their texts (MinHash, Broder 1997). Of the set of its character
/// 3-grams, under each of <see cref="Minima"/> fixed orders, the low 16 bits of the least. Two questions agree in a minimum with the probability that
/// is the Jaccard similarity of their sets.
/// </summary>
internal static class QuestionSketches
{
    /// <summary>Minima of a sketch.</summary>
    public const int Minima = 32;

    private const int DigestDigits = 16;

    private static readonly ulong[] Orders = [.. Enumerable.Range(1, Minima).Select(order => Mix((ulong)order))];

    public static QuestionSketch Of(string question)
    {
        var text = Folded(question);
        Span<ulong> least = stackalloc ulong[Minima];
        least.Fill(ulong.MaxValue);
        for (var i = 0; i + 3 <= text.Length; i++)
        {
            var gram = Mix(text[i] | ((ulong)text[i + 1] << 16) | ((ulong)text[i + 2] << 32));
            for (var order = 0; order < Minima; order++)
                least[order] = Math.Min(least[order], Mix(gram ^ Orders[order]));
        }

        Span<byte> bytes = stackalloc byte[2 * Minima];
        for (var order = 0; order < Minima; order++)
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[(2 * order)..], (ushort)least[order]);
        return new QuestionSketch(Digests.Sha256Hex(text)[..DigestDigits], Convert.ToBase64String(bytes));
    }

    /// <summary>Reads <see cref="QuestionSketch.Minima"/>.</summary>
    /// <param name="into">[<see cref="Minima"/>].</param>
    /// <exception cref="FormatException">Not a sketch's.</exception>
    public static void Read(string minima, Span<ushort> into)
    {
        Span<byte> bytes = stackalloc byte[2 * Minima];
        if (!Convert.TryFromBase64String(minima, bytes, out var count) || count != bytes.Length)
            throw new FormatException($"'{minima}' is not {Minima} minima of 16 bits in base 64");
        for (var order = 0; order < Minima; order++)
            into[order] = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * order)..]);
    }

    /// <summary>Its words, each run of digits 0.</summary>
    private static string Folded(string question)
    {
        var text = new StringBuilder(question.Length);
        foreach (var letter in Words.Fold(question))
        {
            var next = char.IsDigit(letter) ? '0' : letter;
            if (next != '0' || text.Length == 0 || text[^1] != '0')
                text.Append(next);
        }

        return text.ToString();
    }

    /// <summary>The finaliser of SplitMix64: a permutation of 64 bits.</summary>
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
