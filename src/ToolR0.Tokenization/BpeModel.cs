using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace ToolR0.Tokenization;

/// <summary>
/// Byte-pair merging of one pre-token. Of all adjacent pairs the one with the lowest rank is merged first, the leftmost of equals,
/// until no pair has a rank. Time is O(n log n) in the length of the word. Safe for use by many threads.
/// </summary>
internal sealed class BpeModel
{
    private const int CacheCapacity = 1 << 16;
    private const int LongestCachedWord = 64;

    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<long, Merge> _merges;
    private readonly int[]?[] _single;
    private readonly (int Id, bool Fuses)? _unknown;
    private readonly bool _ignoreMerges;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private int _cached;

    /// <param name="vocabulary">
    /// Spelled token -> id. Need not hold all 256 characters of <see cref="ByteAlphabet"/>: a byte that has no token becomes the tokens of
    /// <paramref name="byteFallback"/>, else the unknown token, else nothing.
    /// </param>
    /// <param name="merges">Pair of ids (see <see cref="Key"/>) -> what it merges to.</param>
    /// <param name="ignoreMerges">A word that is in the vocabulary as it stands is that one token (Llama 3).</param>
    /// <param name="unknown">What stands for bytes without a token, and whether several in a row become one.</param>
    /// <param name="byteFallback">The tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c> spell the UTF-8 of a character of the alphabet that has no
    /// token.</param>
    public BpeModel(
        Dictionary<string, int> vocabulary, Dictionary<long, Merge> merges, bool ignoreMerges, (int Id, bool Fuses)? unknown = null,
        bool byteFallback = false)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _ignoreMerges = ignoreMerges;
        _unknown = unknown;
        _single = new int[ByteAlphabet.InCodePointOrder.Max() + 1][];
        foreach (var c in ByteAlphabet.InCodePointOrder)
            _single[c] = vocabulary.TryGetValue(c.ToString(), out var id) ? [id] : byteFallback ? Fallback(c) : null;
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Rank (lower merges first) and id of the merged token.</summary>
    public readonly record struct Merge(int Rank, int Id);

    public static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>Appends the tokens of <paramref name="word"/>, plain text that the pre-tokenizer will not split further.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> tokens)
    {
        if (word.IsEmpty)
            return;
        if (!_cacheBySpan.TryGetValue(word, out var ids))
        {
            ids = MergeWord(ByteAlphabet.Spell(word));
            if (word.Length <= LongestCachedWord && Volatile.Read(ref _cached) < CacheCapacity && _cacheBySpan.TryAdd(word, ids))
                Interlocked.Increment(ref _cached);
        }
        tokens.AddRange(ids);
    }

    private int[] MergeWord(string spelled)
    {
        if (_ignoreMerges && _vocabulary.TryGetValue(spelled, out var whole))
            return [whole];
        var singles = Singles(spelled);
        if (singles.Count == 0)
            return [];
        var symbols = new Symbol[singles.Count];
        var queue = new PriorityQueue<Candidate, long>();
        for (var i = 0; i < symbols.Length; i++)
            symbols[i] = new Symbol(singles[i], i - 1, i + 1 < symbols.Length ? i + 1 : -1);
        for (var i = 0; i + 1 < symbols.Length; i++)
            Enqueue(queue, symbols, i);

        while (queue.TryDequeue(out var candidate, out _))
        {
            ref var left = ref symbols[candidate.Position];
            if (left.Id != candidate.Left || left.Next < 0 || symbols[left.Next].Id != candidate.Right)
                continue; // one of the two was merged away since
            ref var right = ref symbols[left.Next];
            left.Id = candidate.Merged;
            left.Next = right.Next;
            right.Id = -1;
            if (left.Next >= 0)
                symbols[left.Next].Previous = candidate.Position;
            if (left.Previous >= 0)
                Enqueue(queue, symbols, left.Previous);
            if (left.Next >= 0)
                Enqueue(queue, symbols, candidate.Position);
        }

        var ids = new List<int>();
        for (var i = 0; i >= 0; i = symbols[i].Next)
            ids.Add(symbols[i].Id);
        return CollectionsMarshal.AsSpan(ids).ToArray();
    }

    /// <summary>The tokens that merging begins with.</summary>
    private List<int> Singles(string spelled)
    {
        var singles = new List<int>(spelled.Length);
        var unknown = false; // a byte before has become the unknown token
        foreach (var c in spelled)
        {
            if (_single[c] is { } ids)
                singles.AddRange(ids);
            else if (_unknown is { } token && !(unknown && token.Fuses))
                singles.Add(token.Id);
            unknown = _single[c] is null;
        }
        return singles;
    }

    private int[]? Fallback(char c)
    {
        var ids = new List<int>();
        foreach (var b in System.Text.Encoding.UTF8.GetBytes([c]))
        {
            if (!_vocabulary.TryGetValue($"<0x{b:X2}>", out var id))
                return null;
            ids.Add(id);
        }
        return [.. ids];
    }

    private void Enqueue(PriorityQueue<Candidate, long> queue, Symbol[] symbols, int position)
    {
        var left = symbols[position].Id;
        var right = symbols[symbols[position].Next].Id;
        if (_merges.TryGetValue(Key(left, right), out var merge))
            queue.Enqueue(new Candidate(position, left, right, merge.Id), Key(merge.Rank, position));
    }

    private struct Symbol(int id, int previous, int next)
    {
        public int Id = id;
        public int Previous = previous;
        public int Next = next;
    }

    private readonly record struct Candidate(int Position, int Left, int Right, int Merged);
}
