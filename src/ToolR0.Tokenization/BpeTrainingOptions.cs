namespace ToolR0.Tokenization;

/// <summary>What <see cref="BpeTrainer"/> trains and writes.</summary>
public sealed record BpeTrainingOptions
{
    /// <summary>
    /// Cuts text so that words never carry a space, and every space, digit and punctuation mark stands alone: a value then has the same tokens in a
    /// question and inside JSON.
    /// </summary>
    public const string CompactPattern = @"[\p{L}\p{M}]+|[^\p{L}\p{M}]";

    /// <summary>The expression of Qwen 2, 2.5 and 3.</summary>
    public const string QwenPattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>At most this many tokens in all: the 256 bytes, merges, special and added tokens. There are fewer if the text has no more pairs to
    /// merge.</summary>
    public int VocabularySize { get; init; } = 1000;

    /// <summary>Tokens that decoding can leave out. Must hold <see cref="EndOfTurn"/> and <see cref="Pad"/>.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    /// <summary>Further tokens that are recognised in the text itself, longest first, such as tags and the glue of JSON.</summary>
    public IReadOnlyList<string> AddedTokens { get; init; } = [];

    /// <summary>The pre-tokenizer's expression; its matches and what lies between them are the words.</summary>
    public string Pattern { get; init; } = CompactPattern;

    public string ChatTemplate { get; init; } = ChatTemplates.ChatMl;

    public string EndOfTurn { get; init; } = "<|im_end|>";

    public string Pad { get; init; } = "<|endoftext|>";

    /// <summary>A pair that occurs less often is not merged. At least 1.</summary>
    public int MinimumCount { get; init; } = 2;
}
