namespace ToolR0.Tokenization;

/// <summary>A token that is recognised in the text itself, before any splitting.</summary>
/// <param name="Special">Left out of decoded text on request.</param>
public sealed record AddedPart(int Id, string Content, bool Special);

/// <summary>What a byte-level BPE tokenizer consists of, to be written as the files that Hugging Face libraries read.</summary>
public sealed record TokenizerParts
{
    /// <summary>The tokens that merges make, spelled in GPT-2's alphabet (one character a byte), and their ids. No token twice.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> Vocabulary { get; init; }

    /// <summary>Pairs of spelled tokens, a space between, the first merge first.</summary>
    public required IReadOnlyList<string> Merges { get; init; }

    /// <summary>In the order of their ids. May stand in <see cref="Vocabulary"/> too.</summary>
    public IReadOnlyList<AddedPart> Added { get; init; } = [];

    /// <summary>Expressions in Oniguruma's syntax that cut the text, one after the other: matches and what lies between them are the words.</summary>
    public required IReadOnlyList<string> Patterns { get; init; }

    /// <summary>A word that is in the vocabulary as it stands is that one token.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Text is brought to Unicode's form NFC first.</summary>
    public bool ComposesUnicode { get; init; }

    /// <summary>The token that ends an assistant's turn.</summary>
    public required string EndOfTurn { get; init; }

    public string? Begin { get; init; }

    public string? Pad { get; init; }

    public string? Unknown { get; init; }

    /// <summary>Jinja texts by name; the one of conversations without tools is <c>default</c>. Empty: none.</summary>
    public IReadOnlyDictionary<string, string> ChatTemplates { get; init; } = new Dictionary<string, string>();

    /// <summary>tokenizer.json and tokenizer_config.json. Equal parts give equal bytes.</summary>
    public IReadOnlyDictionary<string, byte[]> ToFiles() => TokenizerWriter.Write(this);
}
