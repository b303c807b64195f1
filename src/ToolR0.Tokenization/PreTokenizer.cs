namespace ToolR0.Tokenization;

/// <summary>Cuts text into the words that are merged on their own: what <c>pre_tokenizer</c> of a tokenizer.json says.</summary>
internal sealed class PreTokenizer
{
    /// <summary>The expression of GPT-2, which a ByteLevel pre-tokenizer with <c>use_regex</c> applies.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>What Unicode calls punctuation, and ASCII's symbols.</summary>
    private const string PunctuationPattern = @"[\p{P}!-/:-@\[-`{-~]";

    private const int DeepestSequence = 8;

    private readonly List<Step> _steps = [];

    /// <summary>A ByteLevel has been read.</summary>
    private bool _spells;

    private enum Behaviour
    {
        Isolated,
        Removed,
        Contiguous,
        MergedWithPrevious,
        MergedWithNext,
    }

    /// <exception cref="InvalidDataException">The pre-tokenizer is of a kind that is not supported; the message names it.</exception>
    public static PreTokenizer Parse(JsonKey key)
    {
        var preTokenizer = new PreTokenizer();
        var byteLevel = preTokenizer.Add(key, 0);
        return byteLevel ? preTokenizer : throw key.Wrong("holds no ByteLevel; only byte-level BPE is supported");
    }

    /// <summary>The words of <paramref name="text"/> in order; none is empty.</summary>
    public List<ReadOnlyMemory<char>> Split(string text)
    {
        List<ReadOnlyMemory<char>> words = [text.AsMemory()];
        var cuts = new List<Cut>();
        foreach (var step in _steps)
        {
            var next = new List<ReadOnlyMemory<char>>(words.Count);
            foreach (var word in words)
            {
                var piece = step.PrefixSpace && (word.IsEmpty || word.Span[0] != ' ') ? $" {word}".AsMemory() : word;
                if (step.Pattern is null)
                {
                    next.Add(piece);
                    continue;
                }
                cuts.Clear();
                step.Pattern.Cut(piece.Span, cuts);
                Join(piece, cuts, step, next);
            }
            words = next;
        }
        return words;
    }

    /// <returns>Whether it held a ByteLevel.</returns>
    private bool Add(JsonKey key, int depth)
    {
        // What comes behind it would see spelled bytes instead of characters.
        if (_spells)
            throw key.Wrong("stands behind ByteLevel, which is not supported");
        switch (key["type"].Text())
        {
            case "Sequence":
                if (depth >= DeepestSequence)
                    throw key.Wrong("nests Sequence too deeply");
                return key["pretokenizers"].Items().Aggregate(false, (found, item) => Add(item, depth + 1) || found);
            case "ByteLevel":
                var pattern = key["use_regex"].Flag(true) ? SplitPattern.Parse(Gpt2Pattern) : null;
                _steps.Add(new Step(pattern, Behaviour.Isolated, false, key["add_prefix_space"].Flag(true)));
                _spells = true;
                return true;
            case "Digits":
                var digits = key["individual_digits"].Flag(false) ? Behaviour.Isolated : Behaviour.Contiguous;
                _steps.Add(new Step(SplitPattern.Parse(@"\p{N}"), digits, false, false));
                return false;
            case "Punctuation":
                var separation = key["behavior"].Exists ? BehaviourOf(key["behavior"]) : Behaviour.Isolated;
                _steps.Add(new Step(SplitPattern.Parse(PunctuationPattern), separation, false, false));
                return false;
            case "Split":
                _steps.Add(new Step(Pattern(key["pattern"]), BehaviourOf(key["behavior"]), key["invert"].Flag(false), false));
                return false;
            case var type:
                throw key["type"].Wrong($"'{type}' is not supported; ByteLevel, Split, Digits, Punctuation and Sequence are");
        }
    }

    private static Behaviour BehaviourOf(JsonKey key) => Enum.TryParse<Behaviour>(key.Text(), out var behaviour) && Enum.IsDefined(behaviour)
        ? behaviour
        : throw key.Wrong($"'{key.Text()}' is not supported");

    private static SplitPattern Pattern(JsonKey key)
    {
        if (key["String"].Exists)
            return SplitPattern.Literal(key["String"].Text());
        try
        {
            return SplitPattern.Parse(key["Regex"].Text());
        }
        catch (FormatException e)
        {
            throw key["Regex"].Wrong(e.Message);
        }
    }

    private static void Join(ReadOnlyMemory<char> text, List<Cut> cuts, Step step, List<ReadOnlyMemory<char>> words)
    {
        var start = -1; // of a word that may still grow
        for (var i = 0; i < cuts.Count; i++)
        {
            var isMatch = IsMatch(i);
            if (isMatch && step.Behaviour == Behaviour.Removed)
                continue;
            if (start < 0)
                start = cuts[i].Start;
            if (i + 1 < cuts.Count && Grows(i))
                continue;
            words.Add(text[start..cuts[i].Stop]);
            start = -1;
        }

        bool IsMatch(int i) => cuts[i].IsMatch != step.Invert;

        // Whether the next cut joins cut i in one word. A match joins its neighbour unless that neighbour is a match too.
        bool Grows(int i) => step.Behaviour switch
        {
            Behaviour.Contiguous => IsMatch(i) == IsMatch(i + 1),
            Behaviour.MergedWithPrevious => !IsMatch(i) && IsMatch(i + 1),
            Behaviour.MergedWithNext => IsMatch(i) && !IsMatch(i + 1),
            _ => false,
        };
    }

    private sealed record Step(SplitPattern? Pattern, Behaviour Behaviour, bool Invert, bool PrefixSpace);
}
