using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ToolR0.Contracts;

/// <summary>SHA-256 over what a group's learning depends on, so that a stored token or log-probability altered by hand is found.</summary>
public static class Digests
{
    public static string Sha256Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static string Sha256Hex(string text) => Sha256Hex(Encoding.UTF8.GetBytes(text));

    /// <summary>
    /// Over prompt token ids, then per sample: seed, finish reason, token count, token ids, log-probability bits, text; little-endian. A
    /// negative zero counts as zero: JSON in the store keeps no sign of zero. A re-encoded sample has one more number, 1, after its text.
    /// </summary>
    public static string OfGroup(IReadOnlyList<int> promptTokens, IReadOnlyList<Trajectory> samples)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, promptTokens);
        foreach (var sample in samples)
            Add(hash, sample);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Over the policy's name and the turn, then per sample its index, what was appended and what was sampled, as in
    /// <see cref="OfGroup"/>.</summary>
    public static string OfTurn(string policy, int turn, IReadOnlyList<TurnSample> samples)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(policy));
        Add(hash, turn);
        foreach (var sample in samples)
        {
            Add(hash, sample.Sample);
            Add(hash, sample.Appended);
            Add(hash, sample.Sampled);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Over the policy's name, then per sample the number of log-probabilities and their bits, as in <see cref="OfGroup"/>.</summary>
    public static string OfLogProbs(string policy, IReadOnlyList<float[]> samples)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(policy));
        foreach (var sample in samples)
        {
            Add(hash, sample.Length);
            foreach (var logProb in sample)
                Add(hash, logProb == 0 ? 0 : BitConverter.SingleToInt32Bits(logProb));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Add(IncrementalHash hash, IReadOnlyList<int> tokens)
    {
        Add(hash, tokens.Count);
        foreach (var token in tokens)
            Add(hash, token);
    }

    private static void Add(IncrementalHash hash, Trajectory sample)
    {
        Add(hash, sample.Seed);
        Add(hash, (int)sample.Finish);
        Add(hash, sample.Tokens);
        foreach (var logProb in sample.LogProbs)
            Add(hash, logProb == 0 ? 0 : BitConverter.SingleToInt32Bits(logProb));
        var text = Encoding.UTF8.GetBytes(sample.Text);
        Add(hash, text.Length);
        hash.AppendData(text);
        if (sample.Reencoded)
            Add(hash, 1);
    }

    private static void Add(IncrementalHash hash, long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        hash.AppendData(bytes);
    }
}
