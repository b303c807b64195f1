namespace ToolR0.Policies.Gguf;

/// <summary>How a family of byte-level BPE tokenizers cuts text, as its published tokenizer.json says.</summary>
/// <param name="Patterns">In Oniguruma's syntax, one after the other.</param>
/// <param name="IgnoresMerges">A word that is in the vocabulary is that one token.</param>
/// <param name="ComposesUnicode">NFC first.</param>
/// <param name="Stops">Tokens that end a completion beside those that the metadata name, as the published generation_config.json say.</param>
internal sealed record GgufFamily(IReadOnlyList<string> Patterns, bool IgnoresMerges = false, bool ComposesUnicode = false, params string[] Stops);

/// <summary>
/// The families by <c>tokenizer.ggml.pre</c>. A GGUF file has no expressions, only this name; llama.cpp keeps the list of which names mean the same.
/// </summary>
internal static class GgufFamilies
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

    private const string Ends = @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Upper = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+";

    private const string Lower = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*";

    private const string EndsWithSlash = @" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] Llama3Words = [$@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{Ends}"];

    private static readonly string[] QwenWords = [$@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{Ends}"];

    private static readonly GgufFamily OfGpt2 = new([Gpt2]);

    private static readonly GgufFamily OfDigits = new([@"\p{N}", Gpt2]);

    private static readonly GgufFamily OfLlama3 = new(Llama3Words, IgnoresMerges: true, Stops: ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"]);

    private static readonly GgufFamily OfQwen2 = new(QwenWords, ComposesUnicode: true, Stops: ["<|endoftext|>"]);

    private static readonly GgufFamily OfDeepSeek3 = new(
    [
        @"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]);

    private static readonly Dictionary<string, GgufFamily> ByName = Named(
        (OfGpt2, "gpt-2 phi-2 olmo mpt jais trillion gigachat a.x-4.0 mellum exaone4 granite-docling"),
        (OfDigits, "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2"),
        (OfLlama3, "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2"),
        (new(Llama3Words), "dbrx smaug-bpe"),
        (OfQwen2, "qwen2 deepseek-r1-qwen megrez kormo"),
        (new(QwenWords), "stablelm2 hunyuan solar-open"),
        (OfDeepSeek3, "deepseek-v3 hunyuan-dense"),
        (new(["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", @"\p{N}"]), "deepseek-coder"),
        (new([$@"{Upper}|{Lower}|\p{{N}}|{EndsWithSlash}"], IgnoresMerges: true), "tekken"),
        (new([$@"{Upper}{Contractions}?|{Lower}{Contractions}?|\p{{N}}{{1,3}}|{EndsWithSlash}"]), "gpt-4o llama4 kanana2"),
        (new([$@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"]), "seed-coder"));

    public static IEnumerable<string> Names => ByName.Keys;

    public static GgufFamily? Of(string name) => ByName.GetValueOrDefault(name);

    private static Dictionary<string, GgufFamily> Named(params (GgufFamily Family, string Names)[] families) =>
        families.SelectMany(f => f.Names.Split(' ').Select(name => KeyValuePair.Create(name, f.Family))).ToDictionary(StringComparer.Ordinal);
}
