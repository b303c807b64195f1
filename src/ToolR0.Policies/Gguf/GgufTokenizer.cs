using System.Text;
using System.Text.Json;
using ToolR0.Policies.Model;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Gguf;

/// <summary>The tokenizer, its chat templates and its end tokens as the metadata of a GGUF file give them, in Hugging Face's files.</summary>
internal static class GgufTokenizer
{
    private const string Prefix = "tokenizer.ggml.";
    private const string Template = "tokenizer.chat_template";

    /// <summary>What <c>tokenizer.ggml.token_type</c> says of a token.</summary>
    private enum Kind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <summary>tokenizer.json, tokenizer_config.json and generation_config.json.</summary>
    /// <exception cref="InvalidDataException">Missing, contradictory or of a kind that is not read; the message names the key.</exception>
    public static (IReadOnlyDictionary<string, byte[]> Files, int EndOfTurn) Read(GgufHeader header)
    {
        if (header.Text(Prefix + "model") is not "gpt2")
            throw header.Wrong(Prefix + "model", "is not read: only gpt2, byte-level BPE, is (llama stands for SentencePiece)");
        var name = header.Text(Prefix + "pre");
        if (name is null or "default")
            throw header.Wrong(Prefix + "pre", "does not say how text is cut, as files of old converters do not: convert the model again");
        var family = GgufFamilies.Of(name) ?? throw header.Wrong(Prefix + "pre", $"is not known ({string.Join(", ", GgufFamilies.Names)} are)");
        var tokens = header.List<string>(Prefix + "tokens");
        if (tokens.Length == 0)
            throw header.Wrong(Prefix + "tokens", "must not be empty");
        var kinds = header.Has(Prefix + "token_type") ? header.List<long>(Prefix + "token_type") : new long[tokens.Length];
        if (kinds.Length != tokens.Length)
            throw header.Wrong(Prefix + "token_type", $"must be as many as {Prefix}tokens, {tokens.Length}");

        var end = Id("eos_token_id") ?? throw new InvalidDataException($"{Prefix}eos_token_id is missing");
        string[] named = ["eos_token_id", "eot_token_id", "eom_token_id", "bos_token_id", "padding_token_id"];
        var roles = named.Select(Id).OfType<int>().ToHashSet();
        var added = Enumerable.Range(0, tokens.Length)
            .Where(id => tokens[id].Length > 0 && ((Kind)kinds[id] is Kind.Control or Kind.UserDefined or Kind.Unknown || roles.Contains(id)))
            .Select(id => new AddedPart(id, tokens[id], (Kind)kinds[id] != Kind.UserDefined)).ToList();
        var files = new TokenizerParts
        {
            Vocabulary = Vocabulary(tokens, kinds),
            Merges = header.List<string>(Prefix + "merges"),
            Added = added,
            Patterns = family.Patterns,
            IgnoresMerges = family.IgnoresMerges,
            ComposesUnicode = family.ComposesUnicode,
            EndOfTurn = tokens[end],
            Begin = Token("bos_token_id"),
            Pad = Token("padding_token_id"),
            Unknown = Token("unknown_token_id"),
            ChatTemplates = Templates(header),
        }.ToFiles().ToDictionary();
        int[] stops = [.. ((int?[])[end, Id("eot_token_id"), Id("eom_token_id")]).OfType<int>()
            .Concat(added.Where(token => token.Special && family.Stops.Contains(token.Content)).Select(token => token.Id)).Distinct()];
        files[TokenizerFiles.Generation] = Generation(stops, Id("bos_token_id"), Id("padding_token_id"));
        return (files, end);

        int? Id(string role) => header.Has(Prefix + role) ? header.Integer(Prefix + role, 0, tokens.Length - 1) : null;

        string? Token(string role) => Id(role) is { } id ? tokens[id] : null;
    }

    private static List<KeyValuePair<string, int>> Vocabulary(string[] tokens, long[] kinds)
    {
        var vocabulary = new List<KeyValuePair<string, int>>(tokens.Length);
        var seen = new HashSet<string>(tokens.Length, StringComparer.Ordinal);
        for (var id = 0; id < tokens.Length; id++)
        {
            // Converters fill the rows behind the tokenizer's last token up with these.
            if ((Kind)kinds[id] == Kind.Unused && tokens[id] == FormattableString.Invariant($"[PAD{id}]"))
                continue;
            if (!seen.Add(tokens[id]))
                throw new InvalidDataException($"{Prefix}tokens[{id}] '{SafeTensorsHeader.Shown(tokens[id])}' is there twice");
            vocabulary.Add(new(tokens[id], id));
        }

        return vocabulary;
    }

    /// <summary><c>tokenizer.chat_template</c>, and <c>tokenizer.chat_template.NAME</c> for further ones.</summary>
    private static Dictionary<string, string> Templates(GgufHeader header)
    {
        var templates = new Dictionary<string, string>(StringComparer.Ordinal);
        if (header.Text(Template) is { } usual)
            templates["default"] = usual;
        foreach (var key in header.Keys.Where(key => key.StartsWith(Template + ".", StringComparison.Ordinal)))
            templates[key[(Template.Length + 1)..]] = header.Text(key)!;
        return templates;
    }

    private static byte[] Generation(int[] stops, int? begin, int? pad)
    {
        var stop = stops.Length == 1 ? (object)stops[0] : stops;
        var values = new Dictionary<string, object?> { ["bos_token_id"] = begin, ["eos_token_id"] = stop, ["pad_token_id"] = pad };
        var written = values.Where(value => value.Value is not null).ToDictionary();
        return Encoding.UTF8.GetBytes(JsonSerializer.Serialize(written, new JsonSerializerOptions { WriteIndented = true, NewLine = "\n" }) + "\n");
    }
}
