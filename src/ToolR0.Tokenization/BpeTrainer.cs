using System.Runtime.InteropServices;

namespace ToolR0.Tokenization;

/// <summary>
/// Trains a byte-level BPE. The most frequent pair of neighbours becomes a token, over and over; of equally frequent pairs the one with the lower
/// ids. The result depends on the options and on how often each word occurs, and on nothing else.
/// </summary>
public static class BpeTrainer
{
    /// <summary>Trains on <paramref name="texts"/> and writes tokenizer.json and tokenizer_config.json, which Hugging Face's tokenizers read as
    /// well.</summary>
    /// <exception cref="ArgumentException">The options contradict each other; the message names the option.</exception>
    public static void Train(IEnumerable<string> texts, BpeTrainingOptions options, string folder)
    {
        var pattern = Check(options);
        var reserved = options.SpecialTokens.Concat(options.AddedTokens).ToArray();
        var alphabet = ByteAlphabet.InCodePointOrder.Select(c => c.ToString()).ToList();
        var extra = reserved.Count(token => !alphabet.Contains(token));
        if (options.VocabularySize < alphabet.Count + extra)
            throw new ArgumentException(
                $"VocabularySize is {options.VocabularySize}; the alphabet and the reserved tokens alone are {alphabet.Count + extra}.");

        var merging = new Merging(alphabet, reserved, CountWords(texts, reserved, pattern));
        merging.Run(options.VocabularySize - extra, Math.Max(1, options.MinimumCount));
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in PartsOf(options, merging.Tokens, merging.Merges).ToFiles())
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
    }

    /// <summary>Ids: vocabulary, then special tokens, then added tokens.</summary>
    private static TokenizerParts PartsOf(BpeTrainingOptions options, List<string> vocabulary, List<(string Left, string Right)> merges)
    {
        var reserved = new List<AddedPart>();
        var next = vocabulary.Count;
        foreach (var token in options.SpecialTokens.Concat(options.AddedTokens))
        {
            var known = vocabulary.IndexOf(token);
            reserved.Add(new AddedPart(known >= 0 ? known : next++, token, reserved.Count < options.SpecialTokens.Count));
        }
        return new TokenizerParts
        {
            Vocabulary = [.. vocabulary.Select((token, id) => KeyValuePair.Create(token, id))],
            Merges = [.. merges.Select(merge => $"{merge.Left} {merge.Right}")],
            Added = [.. reserved.OrderBy(token => token.Id)],
            Patterns = [options.Pattern],
            EndOfTurn = options.EndOfTurn,
            Pad = options.Pad,
            ChatTemplates = new Dictionary<string, string> { [TokenizerConfig.DefaultTemplate] = options.ChatTemplate },
        };
    }

    private static SplitPattern Check(BpeTrainingOptions options)
    {
        var reserved = options.SpecialTokens.Concat(options.AddedTokens).ToList();
        if (reserved.Any(string.IsNullOrEmpty) || reserved.Distinct(StringComparer.Ordinal).Count() != reserved.Count)
            throw new ArgumentException("SpecialTokens and AddedTokens hold an empty token or one token twice.");
        if (!options.SpecialTokens.Contains(options.EndOfTurn))
            throw new ArgumentException($"EndOfTurn '{options.EndOfTurn}' is not one of SpecialTokens.");
        if (!options.SpecialTokens.Contains(options.Pad))
            throw new ArgumentException($"Pad '{options.Pad}' is not one of SpecialTokens.");
        try
        {
            return SplitPattern.Parse(options.Pattern);
        }
        catch (FormatException e)
        {
            throw new ArgumentException($"Pattern: {e.Message}", e);
        }
    }

    private static Dictionary<string, long> CountWords(IEnumerable<string> texts, string[] reserved, SplitPattern pattern)
    {
        var matcher = new AddedTokenMatcher(reserved.Select((token, i) => (token, new AddedToken(i, token, true, false, false, false, false))));
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var bySpan = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        var cuts = new List<Cut>();
        foreach (var text in texts)
        {
            foreach (var (token, part) in matcher.Split(text))
            {
                if (token is not null)
                    continue;
                cuts.Clear();
                pattern.Cut(part, cuts);
                foreach (var cut in cuts)
                    CollectionsMarshal.GetValueRefOrAddDefault(bySpan, part.AsSpan(cut.Start, cut.Stop - cut.Start), out _)++;
            }
        }
        return counts;
    }

    /// <summary>
    /// The state of training. Holds at any time: <c>_counts[pair]</c> is how often the pair stands in the words, <c>_words[pair]</c> names every word
    /// it stands in, and the queue has an entry for every pair with a count at least as high as the true one.
    /// </summary>
    private sealed class Merging
    {
        private readonly HashSet<string> _reserved;
        private readonly Dictionary<string, int> _ids;
        private readonly List<Word> _all = [];
        private readonly Dictionary<(int Left, int Right), long> _counts = [];
        private readonly Dictionary<(int Left, int Right), HashSet<int>> _words = [];
        private readonly PriorityQueue<((int Left, int Right) Pair, long Count), (long NegativeCount, int Left, int Right)> _queue = new();

        public Merging(List<string> alphabet, string[] reserved, Dictionary<string, long> counts)
        {
            Tokens = alphabet;
            _reserved = reserved.Concat(reserved.Select(token => ByteAlphabet.Spell(token))).ToHashSet(StringComparer.Ordinal);
            _ids = alphabet.Select((token, id) => (token, id)).ToDictionary(entry => entry.token, entry => entry.id, StringComparer.Ordinal);
            foreach (var (word, count) in counts)
            {
                var symbols = ByteAlphabet.Spell(word).Select(c => _ids[c.ToString()]).ToList();
                if (symbols.Count < 2)
                    continue;
                _all.Add(new Word(symbols, count));
                AddPairs(_all.Count - 1, 1);
            }
            foreach (var pair in _counts.Keys)
                Enqueue(pair);
        }

        /// <summary>Spelled tokens in the order of their ids.</summary>
        public List<string> Tokens { get; }

        public List<(string Left, string Right)> Merges { get; } = [];

        public void Run(int size, int minimum)
        {
            while (Tokens.Count < size && _queue.TryDequeue(out var top, out _))
            {
                var count = _counts.GetValueOrDefault(top.Pair);
                if (count < minimum)
                    continue;
                if (count != top.Count)
                    Enqueue(top.Pair);
                else
                    Merge(top.Pair);
            }
        }

        private void Merge((int Left, int Right) pair)
        {
            var token = Tokens[pair.Left] + Tokens[pair.Right];
            if (_reserved.Contains(token))
                return; // the reserved token has that place in the vocabulary
            if (!_ids.TryGetValue(token, out var id))
            {
                id = Tokens.Count;
                _ids.Add(token, id);
                Tokens.Add(token);
            }
            Merges.Add((Tokens[pair.Left], Tokens[pair.Right]));
            var grown = new HashSet<(int Left, int Right)>();
            foreach (var index in _words[pair].ToArray())
            {
                var symbols = _all[index].Symbols;
                AddPairs(index, -1);
                var to = 0;
                for (var from = 0; from < symbols.Count; to++)
                {
                    var isPair = from + 1 < symbols.Count && symbols[from] == pair.Left && symbols[from + 1] == pair.Right;
                    symbols[to] = isPair ? id : symbols[from];
                    from += isPair ? 2 : 1;
                }
                symbols.RemoveRange(to, symbols.Count - to);
                AddPairs(index, 1);
                for (var i = 0; i + 1 < symbols.Count; i++)
                {
                    if (symbols[i] == id || symbols[i + 1] == id)
                        grown.Add((symbols[i], symbols[i + 1]));
                }
            }
            foreach (var next in grown)
                Enqueue(next);
        }

        private void AddPairs(int index, int sign)
        {
            var (symbols, count) = _all[index];
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                var pair = (symbols[i], symbols[i + 1]);
                ref var total = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _);
                total += sign * count;
                ref var words = ref CollectionsMarshal.GetValueRefOrAddDefault(_words, pair, out _);
                words ??= [];
                if (sign > 0)
                    words.Add(index);
                else
                    words.Remove(index);
            }
        }

        private void Enqueue((int Left, int Right) pair) => _queue.Enqueue((pair, _counts[pair]), (-_counts[pair], pair.Left, pair.Right));

        private sealed record Word(List<int> Symbols, long Count);
    }
}
