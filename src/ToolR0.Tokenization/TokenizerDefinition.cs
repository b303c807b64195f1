namespace ToolR0.Tokenization;

/// <summary>What a tokenizer.json says, checked.</summary>
internal sealed record TokenizerDefinition(BpeModel Model, string?[] Tokens, IReadOnlyList<AddedToken> Added, PreTokenizer PreTokenizer,
    bool ComposesUnicode)
{
    /// <summary>No token has an id at or above this.</summary>
    public const int IdLimit = 1 << 22;

    /// <exception cref="InvalidDataException">Something is broken or not supported; the message names the file and the key.</exception>
    public static TokenizerDefinition Read(JsonKey root)
    {
        var model = root["model"];
        if (model["type"].Exists && model["type"].Text() != "BPE")
            throw model["type"].Wrong($"'{model["type"].Text()}' is not supported; BPE is");
        CheckKind(root["decoder"], model);
        var composes = ReadNormalizer(root["normalizer"], 0);
        var preTokenizer = PreTokenizer.Parse(root["pre_tokenizer"]);
        foreach (var affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model[affix].Exists && model[affix].Text().Length > 0)
                throw model[affix].Wrong("is not supported");
        }
        if (model["dropout"].Exists && model["dropout"].Value.GetRawText() is not ("0" or "0.0"))
            throw model["dropout"].Wrong("is not supported");

        var vocabulary = ReadVocabulary(model["vocab"]);
        var merges = ReadMerges(model["merges"], vocabulary);
        var added = ReadAdded(root["added_tokens"], vocabulary);
        var size = vocabulary.Values.Concat(added.Select(a => a.Id)).DefaultIfEmpty(-1).Max() + 1;
        var tokens = new string?[size];
        foreach (var (token, id) in vocabulary)
            tokens[id] = token;
        foreach (var token in added)
            tokens[token.Id] = token.Content;
        var bpe = new BpeModel(vocabulary, merges, model["ignore_merges"].Flag(false), ReadUnknown(model, vocabulary), model["byte_fallback"]
            .Flag(false));
        return new TokenizerDefinition(bpe, tokens, added, preTokenizer, composes);
    }

    /// <summary>SentencePiece's kind of BPE merges characters, with U+2581 for a space; this one merges bytes.</summary>
    private static void CheckKind(JsonKey decoder, JsonKey model)
    {
        if (decoder["type"].Text() == "ByteLevel")
            return;
        if (decoder["type"].Text() != "Sequence")
            throw decoder["type"].Wrong($"'{decoder["type"].Text()}' is not supported; ByteLevel is");
        var parts = decoder["decoders"].Items().Select(part => part["type"].Text()).ToList();
        if (!parts.Contains("ByteLevel"))
        {
            throw model.Wrong(parts.Contains("ByteFallback")
                ? "is a BPE over characters with a fallback to bytes, as SentencePiece makes them (Llama 2, Mistral, Gemma); only byte-level BPE is supported"
                : $"is not a byte-level BPE: decoder has {string.Join(", ", parts)}; only byte-level BPE is supported");
        }

        if (parts.FirstOrDefault(part => part is not ("ByteLevel" or "Fuse")) is { } other)
            throw decoder["decoders"].Wrong($"has '{other}', which is not supported; ByteLevel is");
    }

    /// <summary>What stands for bytes without a token, where the vocabulary lacks some.</summary>
    private static (int Id, bool Fuses)? ReadUnknown(JsonKey model, Dictionary<string, int> vocabulary)
    {
        var key = model["unk_token"];
        if (!key.Exists || ByteAlphabet.InCodePointOrder.All(c => vocabulary.ContainsKey(c.ToString())))
            return null;
        return vocabulary.TryGetValue(key.Text(), out var id)
            ? (id, model["fuse_unk"].Flag(false))
            : throw key.Wrong($"is '{key.Text()}', which model.vocab lacks, as it lacks some of the 256 bytes");
    }

    public static AddedToken ReadAddedToken(JsonKey key, int id)
    {
        var content = key["content"].Text();
        if (content.Length == 0)
            throw key["content"].Wrong("is empty");
        var special = key["special"].Flag(false);
        return new AddedToken(id, content, special, key["lstrip"].Flag(false), key["rstrip"].Flag(false), key["single_word"].Flag(false),
            key["normalized"].Flag(!special));
    }

    private static Dictionary<string, int> ReadVocabulary(JsonKey key)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var taken = new HashSet<int>();
        foreach (var (token, idKey) in key.Properties())
        {
            var id = idKey.Number(IdLimit);
            if (!taken.Add(id))
                throw idKey.Wrong($"has id {id}, which another token has too");
            if (!vocabulary.TryAdd(token, id))
                throw idKey.Wrong("is there twice");
        }
        return vocabulary;
    }

    private static Dictionary<long, BpeModel.Merge> ReadMerges(JsonKey key, Dictionary<string, int> vocabulary)
    {
        var merges = new Dictionary<long, BpeModel.Merge>();
        var rank = 0;
        foreach (var item in key.Items())
        {
            var (left, right) = Pair(item);
            if (left.Length == 0 || right.Length == 0)
                throw item.Wrong("merges with nothing");
            var ids = (Left: Id(left), Right: Id(right), Merged: Id(left + right));
            merges[BpeModel.Key(ids.Left, ids.Right)] = new BpeModel.Merge(rank++, ids.Merged);

            int Id(string token) =>
                vocabulary.TryGetValue(token, out var id) ? id : throw item.Wrong($"needs the token '{token}', which model.vocab lacks");
        }
        return merges;
    }

    private static (string Left, string Right) Pair(JsonKey item)
    {
        string[] parts = item.Value.ValueKind == System.Text.Json.JsonValueKind.Array ? [.. item.Items().Select(part => part.Text())]
            : item.Text().Split(' ');
        return parts.Length == 2 ? (parts[0], parts[1]) : throw item.Wrong("is not a pair of tokens");
    }

    private static List<AddedToken> ReadAdded(JsonKey key, Dictionary<string, int> vocabulary)
    {
        var added = new List<AddedToken>();
        if (!key.Exists)
            return added;
        var byId = vocabulary.ToDictionary(entry => entry.Value, entry => entry.Key);
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var item in key.Items())
        {
            var token = ReadAddedToken(item, item["id"].Number(IdLimit));
            if (byId.TryGetValue(token.Id, out var other) && other != token.Content)
                throw item["id"].Wrong($"is {token.Id}, which the token '{other}' has too");
            if (vocabulary.TryGetValue(token.Content, out var known) && known != token.Id)
                throw item["id"].Wrong($"is {token.Id}, but model.vocab gives '{token.Content}' the id {known}");
            if (!ids.TryAdd(token.Content, token.Id))
                throw item["content"].Wrong($"'{token.Content}' is there twice");
            byId[token.Id] = token.Content;
            added.Add(token);
        }
        return added;
    }

    private static bool ReadNormalizer(JsonKey key, int depth)
    {
        if (!key.Exists)
            return false;
        return key["type"].Text() switch
        {
            "NFC" => true,
            "Sequence" when depth < 8 => key["normalizers"].Items().Aggregate(false, (found, item) => ReadNormalizer(item, depth + 1) || found),
            var type => throw key["type"].Wrong($"'{type}' is not supported; NFC is"),
        };
    }
}
