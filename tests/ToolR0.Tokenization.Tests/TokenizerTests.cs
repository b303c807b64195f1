using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using ToolR0.Testing;

namespace ToolR0.Tokenization.Tests;

public sealed class TokenizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Families => ["qwen", "llama", "gpt2"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0x20, "Ġ")]
    [InlineData(0x0A, "Ċ")]
    [InlineData(0x00, "Ā")]
    [InlineData(0x7F, "ġ")]
    [InlineData(0xAD, "Ń")]
    [InlineData(0x41, "A")]
    [InlineData(0xFF, "ÿ")]
    public void A_byte_is_written_as_gpt2_writes_it(int b, string character) => HandMadeTokenizer.Characters[b].ShouldBe(character);

    [Theory]
    [InlineData("A", new[] { 0x41 })]
    [InlineData("é", new[] { 0xC3, 0xA9 })]
    [InlineData("漢", new[] { 0xE6, 0xBC, 0xA2 })]
    [InlineData("😀", new[] { 0xF0, 0x9F, 0x98, 0x80 })]
    [InlineData("\0\t\n \u007F\u00AD", new[] { 0x00, 0x09, 0x0A, 0x20, 0x7F, 0xC2, 0xAD })]
    [InlineData("", new int[0])]
    public void Without_merges_the_tokens_are_the_bytes(string text, int[] bytes) =>
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer()).Encode(text).ShouldBe(bytes);

    [Theory]
    [InlineData("", "a\u0004b", "a·b")]
    [InlineData("", "\u0004", "")]
    [InlineData("", "\u0004\u0004ab\u0006", "ab")]
    [InlineData("", "é", "\uFFFD")]
    [InlineData("\"unk_token\":\"?\"", "\u0004\u0004ab\u0006", "?·?·ab·?")]
    [InlineData("\"unk_token\":\"?\",\"fuse_unk\":true", "\u0004ab", "?·ab")]
    [InlineData("\"unk_token\":\"?\",\"fuse_unk\":true", "ÅÄ", "?·\uFFFD·?·\uFFFD")]
    [InlineData("\"byte_fallback\":true", "\u0004a", "<0xC4>·<0x84>·a")]
    [InlineData("\"byte_fallback\":true", "\u0006a", "a")]
    public void A_byte_without_a_token_is_dropped_or_becomes_what_the_file_says(string settings, string text, string tokens)
    {
        // The vocabulary lacks U+0004, U+0006 and the byte C3 with which é and its like begin; C4 84 is the UTF-8 of the character that spells
        // U+0004.
        var json = HandMadeTokenizer.Tokenizer("a b");
        var vocabulary = json["model"]!["vocab"]!.AsObject();
        foreach (var b in (int[])[4, 6, 0xC3])
            vocabulary.Remove(HandMadeTokenizer.Characters[b]);
        (vocabulary["<0xC4>"], vocabulary["<0x84>"]) = (900, 901);
        foreach (var (name, value) in JsonNode.Parse($"{{{settings}}}")!.AsObject())
            json["model"]![name] = value!.DeepClone();
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        string.Join('·', tokenizer.Encode(text).Select(tokenizer.TokenText)).ShouldBe(tokens);
    }

    /// <summary>Deseret letters are U+10400 to U+1044F; 𝔸 is a capital letter beyond the ranges, 😀 a symbol.</summary>
    [Theory]
    [InlineData(@"[a-z𐐀-𐑏]+", "ab𐐀𐐨c𝔸𐐀", "ab𐐀𐐨c|𝔸|𐐀")]
    [InlineData(@"[^𐐀-𐑏]+", "ab𐐀𐐨c𝔸", "ab|𐐀𐐨|c𝔸")]
    [InlineData(@"[Ａ-Ｚ]+", "ＡＢ𝔸𐐀", "ＡＢ|𝔸𐐀")]
    [InlineData(@"𐐀+|\p{Lu}", "𐐀𐐀𝔸𐐁", "𐐀𐐀|𝔸|𐐁")]
    [InlineData(@"[\x{10400}-z]?\x{1F600}", "x😀-😀", "x|😀|-😀")]
    [InlineData(@"[ﬀ-𐐀]+|\p{Lu}", "ﬀ𐀀𐐀𐐁", "ﬀ𐀀𐐀|𐐁")]
    [InlineData(@"[x-z-.]+", "xyz-.a", "xyz-.|a")]
    public void An_expression_may_name_characters_above_the_first_65536(string pattern, string text, string words)
    {
        var json = HandMadeTokenizer.Tokenizer();
        json["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = pattern;
        ShouldCut(json, text, words.Split('|'));
    }

    [Theory]
    [InlineData("{\"type\":\"Punctuation\"}", "a.,$b", "a|.|,|$|b")]
    [InlineData("{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"}", "a.,$«b", "a|.,$«|b")]
    [InlineData("{\"type\":\"Digits\",\"individual_digits\":false}", "a12b", "a|12|b")]
    public void A_pre_tokenizer_of_the_library_cuts_as_there(string step, string text, string words)
    {
        var json = HandMadeTokenizer.Tokenizer();
        json["pre_tokenizer"]!["pretokenizers"]![0] = JsonNode.Parse(step);
        ShouldCut(json, text, words.Split('|'));
    }

    /// <summary>Every word is one token of its own, so that the ids tell where the text was cut.</summary>
    private void ShouldCut(JsonObject json, string text, string[] words)
    {
        json["model"]!["ignore_merges"] = true;
        foreach (var (i, word) in words.Distinct().Index())
            json["model"]!["vocab"]![string.Concat(Encoding.UTF8.GetBytes(word).Select(b => HandMadeTokenizer.Characters[b]))] = 1000 + i;
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        tokenizer.Encode(text).Select(tokenizer.TokenText).ShouldBe(words);
    }

    [Fact]
    public void A_decoder_in_a_sequence_is_the_decoder()
    {
        var json = HandMadeTokenizer.Tokenizer("a b");
        json["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = new JsonArray(json["decoder"]!.DeepClone()) };
        HandMadeTokenizer.Load(_folder, json).Decode([256]).ShouldBe("ab");
    }

    [Fact]
    public void Files_that_are_in_no_folder_make_the_same_tokenizer()
    {
        var parts = new TokenizerParts
        {
            Vocabulary =
                [.. HandMadeTokenizer.Characters.Select((c, b) => KeyValuePair.Create(c, b)), new("ab", 256), new("<e>", 258)],
            Merges = ["a b"],
            Added = [new AddedPart(258, "<e>", true), new AddedPart(259, "<tool>", false)],
            Patterns = [@"\p{N}", HandMadeTokenizer.Pattern],
            ComposesUnicode = true,
            EndOfTurn = "<e>",
            ChatTemplates = new Dictionary<string, string> { ["default"] = "d", ["tool_use"] = "t{{ tools | length }}" },
        };
        var files = parts.ToFiles();
        var tokenizer = Tokenizer.Load("nowhere", files);
        foreach (var (name, bytes) in files)
            File.WriteAllBytes(Path.Combine(_folder.Path, name), bytes);
        foreach (var read in (Tokenizer[])[tokenizer, Tokenizer.Load(_folder.Path)])
        {
            read.Encode("ab<e>1e\u0301<tool>").ShouldBe([256, 258, '1', 0xC3, 0xA9, 259]);
            read.Decode([256, 258, 259]).ShouldBe("ab<tool>");
            read.EndOfTurn.ShouldBe(258);
            read.RenderChat([]).ShouldBe("d");
            read.RenderChat([], new ChatOptions { Tools = [JsonDocument.Parse("{}").RootElement] }).ShouldBe("t1");
        }

        Should.Throw<InvalidDataException>(() => Tokenizer.Load("nowhere", new Dictionary<string, byte[]>())).Message.ShouldContain("nowhere");
    }

    [Fact]
    public void The_flags_of_an_added_token_in_the_configuration_win()
    {
        var json = HandMadeTokenizer.Tokenizer();
        var config = HandMadeTokenizer.Config();
        var (end, said) = (257, HandMadeTokenizer.Added(257, "<|im_end|>", special: false));
        int[] Ids(string flag, bool value, string text)
        {
            said[flag] = value;
            config["added_tokens_decoder"] = new JsonObject { ["257"] = said.DeepClone() };
            said[flag] = false;
            return HandMadeTokenizer.Load(_folder, json, config).Encode(text);
        }

        const string Text = "a \n<|im_end|> \nb";
        Ids("single_word", false, Text).ShouldBe(['a', ' ', '\n', end, ' ', '\n', 'b']);
        Ids("lstrip", true, Text).ShouldBe(['a', end, ' ', '\n', 'b']);
        Ids("rstrip", true, Text).ShouldBe(['a', ' ', '\n', end, 'b']);
        Ids("single_word", true, "a<|im_end|>").Length.ShouldBe(11);
        Ids("single_word", true, "a <|im_end|>").ShouldBe(['a', ' ', end]);

        // What was special stays so, and a token with a role is.
        HandMadeTokenizer.Load(_folder, json, config).Decode([end]).ShouldBe("");
        json["added_tokens"]![1]!["special"] = false;
        HandMadeTokenizer.Load(_folder, json, config).Decode([end]).ShouldBe("");
        config["eos_token"] = "<|endoftext|>";
        HandMadeTokenizer.Load(_folder, json, config).Decode([end]).ShouldBe("<|im_end|>");
        said["special"] = true;
        config["added_tokens_decoder"] = new JsonObject { ["257"] = said.DeepClone() };
        HandMadeTokenizer.Load(_folder, json, config).Decode([end]).ShouldBe("");
    }

    [Fact]
    public void A_lone_surrogate_is_encoded_as_the_replacement_character() =>
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer()).Encode("x\uDE00\uD83D").ShouldBe([0x78, 0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD]);

    [Theory]
    [InlineData("abc", "a·bc")] // b c has the lower rank, so a b never comes to be
    [InlineData("ab", "ab")]
    [InlineData("abab", "abab")]
    [InlineData("aaa", "aa·a")] // leftmost first
    [InlineData("aaaaa", "aa·aa·a")]
    [InlineData("ab ab", "ab· ·ab")] // no merge across words
    [InlineData("ab12ab", "ab·1·2·ab")]
    [InlineData("a\u0301b", "a·\u0301·b")] // a mark is no letter
    public void The_pair_of_lowest_rank_is_merged_first(string text, string tokens)
    {
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer("b c", "a b", "ab ab", "a a", "Ì ģ"));
        string.Join('·', tokenizer.Encode(text).Select(tokenizer.TokenText)).ShouldBe(tokens);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Ids_are_those_of_hugging_faces_tokenizers(string family)
    {
        var tokenizer = Tokenizer.Load(Golden.Path(family));
        var texts = Golden.Read<string[]>("texts.json");
        var ids = Golden.Read<int[][]>(Path.Combine(family, "ids.golden.json"));
        for (var i = 0; i < texts.Length; i++)
            tokenizer.Encode(texts[i]).ShouldBe(ids[i], $"text {i}: {texts[i]}");
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("hand-made")]
    public void Decoding_what_was_encoded_gives_the_text_again(string family)
    {
        var tokenizer = family == "hand-made"
            ? HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer("Ġ t", "h e", "Ã ©", "ð Ł", "ðŁ ĺ"))
            : Tokenizer.Load(Golden.Path(family));
        Prop.ForAll(Texts(), text => tokenizer.Decode(tokenizer.Encode(text), skipSpecial: false) == text).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_normaliser_composes_what_it_encodes()
    {
        var tokenizer = Tokenizer.Load(Golden.Path("qwen"));
        tokenizer.Decode(tokenizer.Encode("e\u0323\u0301 \u1112\u1161\u11AB A\u030A \u212B \u0958 <|im_end|>"), skipSpecial: false)
            .ShouldBe("\u1EB9\u0301 \uD55C \u00C5 \u00C5 \u0915\u093C <|im_end|>");
    }

    [Theory]
    [InlineData("a\u0315\u0BCD", "a\u0BCD\u0315")]
    [InlineData("E\u08D2\u0BCD", "E\u08D2\u0BCD")] // a mark of Unicode 14
    [InlineData("o\u0315\u07FD", "o\u0315\u07FD")] // 11
    [InlineData("\U00011935\U00011930", "\U00011935\U00011930")] // their composite is of 13
    public void Characters_are_composed_as_unicode_9_says(string text, string composed)
    {
        var tokenizer = Tokenizer.Load(Golden.Path("qwen"));
        tokenizer.Decode(tokenizer.Encode(text)).ShouldBe(composed);
    }

    [Fact]
    public void An_added_token_that_is_spelled_in_the_byte_alphabet_stands_for_those_bytes()
    {
        var json = HandMadeTokenizer.Tokenizer("Ġ t", "Ã ©");
        foreach (var (i, token) in ((string[])["Ġt", "Ã©", "no space", "<é>"]).Index())
            json["added_tokens"]!.AsArray().Add(HandMadeTokenizer.Added(i < 2 ? 256 + i : 258 + i, token, special: false));
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        tokenizer.Encode("Ġtno space").ShouldBe([256, 260]);
        tokenizer.Decode([256, 257, 260, 261]).ShouldBe(" téno space<\uFFFD>");
    }

    [Fact]
    public void A_token_of_white_space_counts_even_where_another_swallowed_it()
    {
        var json = HandMadeTokenizer.Tokenizer();
        var strips = HandMadeTokenizer.Added(258, "<a>");
        strips["lstrip"] = true;
        strips["rstrip"] = true;
        json["added_tokens"]!.AsArray().Add(strips);
        json["added_tokens"]!.AsArray().Add(HandMadeTokenizer.Added(259, "  ", special: false));
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        tokenizer.Encode("x <a> y").ShouldBe(['x', 258, 'y']);
        tokenizer.Encode("<a>  y").ShouldBe([258, 259, 'y']);
        tokenizer.Encode("<a>   y").ShouldBe([258, 259, ' ', 'y']);
    }

    [Fact]
    public void Tokens_decoded_one_by_one_give_the_same_text_as_all_at_once()
    {
        var tokenizer = Tokenizer.Load(Golden.Path("llama"));
        var ids = Gen.Choose(0, tokenizer.VocabularySize - 1).ArrayOf().ToArbitrary();
        Prop.ForAll(ids, tokens =>
        {
            var stream = tokenizer.DecodeStream();
            return string.Concat(tokens.Select(stream.Append)) + stream.Finish() == tokenizer.Decode(tokens);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_stream_keeps_back_the_bytes_of_an_unfinished_character()
    {
        var stream = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer()).DecodeStream();
        new[] { 0x61, 0xF0, 0x9F, 0x98, 0x80, 0xC3 }.Select(stream.Append).ShouldBe(["a", "", "", "", "😀", ""]);
        stream.Finish().ShouldBe("\uFFFD");
        stream.Append(0x62).ShouldBe("b");
    }

    [Fact]
    public void Special_tokens_are_recognised_in_text_and_left_out_on_request()
    {
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        var ids = tokenizer.Encode("a<|im_end|>b<|im_end");
        ids[..3].ShouldBe(['a', 257, 'b']);
        ids.Length.ShouldBe(3 + "<|im_end".Length);
        tokenizer.Decode(ids).ShouldBe("ab<|im_end");
        tokenizer.Decode(ids, skipSpecial: false).ShouldBe("a<|im_end|>b<|im_end");
    }

    [Fact]
    public void Of_added_tokens_the_leftmost_match_wins_and_then_the_longest()
    {
        var json = HandMadeTokenizer.Tokenizer();
        foreach (var (i, token) in ((string[])["{\"", "{\"name\":\"", "name", "\":\"", "e\":\"x", "👍🏽"]).Index())
            json["added_tokens"]!.AsArray().Add(HandMadeTokenizer.Added(300 + i, token, special: false));
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        tokenizer.VocabularySize.ShouldBe(306);
        tokenizer.Encode("{\"name\":\"x").ShouldBe([301, 'x']);
        tokenizer.Encode("{\"name\":x").ShouldBe([300, 302, '"', ':', 'x']);
        tokenizer.Encode("name\":\"x").ShouldBe([302, 303, 'x']);
        tokenizer.Encode("ne\":\"x👍🏽").ShouldBe(['n', 304, 305]);
        tokenizer.Decode([301, 305]).ShouldBe("{\"name\":\"👍🏽");
        tokenizer.TokenText(299).ShouldBe(""); // an id between the tokens
    }

    [Fact]
    public void Stop_and_pad_tokens_come_from_the_configuration()
    {
        var config = new JsonObject { ["eos_token"] = new JsonObject { ["content"] = "<|im_end|>", ["lstrip"] = false } };
        File.WriteAllText(Path.Combine(_folder.Path, "generation_config.json"), """{"eos_token_id":[65,257,256]}""");
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), config);
        tokenizer.EndOfTurn.ShouldBe(257);
        tokenizer.StopTokens.ShouldBe([257, 65, 256]);
        tokenizer.Pad.ShouldBe(256); // no pad_token: <|endoftext|>
    }

    [Theory]
    [InlineData(null, "[65,256]", new[] { 257, 65, 256 })]
    [InlineData(null, "66", new[] { 257, 66 })]
    [InlineData(null, "null", new[] { 257 })]
    [InlineData("{}", "65", new[] { 257 })]
    public void Without_a_generation_configuration_the_models_own_says_what_stops(string? generation, string eos, int[] stops)
    {
        if (generation is not null)
            File.WriteAllText(Path.Combine(_folder.Path, "generation_config.json"), generation);
        File.WriteAllText(Path.Combine(_folder.Path, "config.json"), $$"""{"eos_token_id":{{eos}}}""");
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        tokenizer.StopTokens.ShouldBe(stops);
        using var copy = new TemporaryFolder();
        tokenizer.CopyTo(copy.Path);
        File.Exists(Path.Combine(copy.Path, "config.json")).ShouldBeFalse();
    }

    [Fact]
    public void Tokens_that_only_the_configuration_lists_are_known_too()
    {
        var config = HandMadeTokenizer.Config();
        config["added_tokens_decoder"] = new JsonObject { ["258"] = new JsonObject { ["content"] = "<tool>", ["special"] = true } };
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), config).Encode("<tool>").ShouldBe([258]);
    }

    [Fact]
    public void Its_files_are_carried_over_byte_for_byte()
    {
        using var copy = new TemporaryFolder();
        var tokenizer = Tokenizer.Load(Golden.Path("qwen"));
        tokenizer.CopyTo(Path.Combine(copy.Path, "new"));
        foreach (var name in (string[])["tokenizer.json", "tokenizer_config.json"])
            File.ReadAllBytes(Path.Combine(copy.Path, "new", name)).ShouldBe(File.ReadAllBytes(Path.Combine(Golden.Path("qwen"), name)));
        Tokenizer.Load(Path.Combine(copy.Path, "new")).VocabularySize.ShouldBe(tokenizer.VocabularySize);
    }

    [Fact]
    public void A_word_of_a_million_letters_takes_seconds_at_most()
    {
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer("a b", "ab ab", "abab abab", "b a", "c c"));
        var word = string.Concat(Enumerable.Repeat("ab", 500_000)) + new string('c', 101);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var ids = tokenizer.Encode(word);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30));
        ids.Length.ShouldBe(125_000 + 51);
    }

    [Fact]
    public async Task Many_threads_get_the_tokens_that_one_gets()
    {
        var tokenizer = Tokenizer.Load(Golden.Path("llama"));
        var texts = Golden.Read<string[]>("texts.json");
        var ids = Golden.Read<int[][]>(Path.Combine("llama", "ids.golden.json"));
        await Parallel.ForAsync(0, 400, TestContext.Current.CancellationToken, (i, _) =>
        {
            tokenizer.Encode(texts[i % texts.Length]).ShouldBe(ids[i % texts.Length]);
            return ValueTask.CompletedTask;
        });
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(258)]
    public void An_id_outside_the_vocabulary_is_refused(int id)
    {
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        Should.Throw<ArgumentOutOfRangeException>(() => tokenizer.Decode([id]));
    }

    private static Arbitrary<string> Texts()
    {
        var atoms = Gen.Elements("the", " ", "  ", "\r\n", "\t", "é", "e\u0301", "漢字", "😀", "𝟘", "12345", "'ll", "<|im_end|>", "<think>",
            "{\"name\":\"", "\0");
        var any = Gen.Choose(0, 0x10FFFF).Where(Rune.IsValid).Select(point => new Rune(point).ToString());
        return Gen.OneOf(atoms, any).ListOf().Select(string.Concat).ToArbitrary();
    }
}

/// <summary>The golden files, which make_ids.js and make_templates.py beside them wrote.</summary>
internal static class Golden
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", name);

    public static T Read<T>(string name) => JsonSerializer.Deserialize<T>(File.ReadAllText(Path(name)))!;
}
