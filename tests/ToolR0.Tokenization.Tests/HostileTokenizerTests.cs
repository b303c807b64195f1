using System.Text;
using System.Text.Json.Nodes;
using ToolR0.Testing;

namespace ToolR0.Tokenization.Tests;

public sealed class HostileTokenizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model.vocab.a", "97.5", "model.vocab[a]")]
    [InlineData("model.vocab.a", "4000000000", "model.vocab[a]")]
    [InlineData("model.vocab.a", "4194304", "model.vocab[a]")]
    [InlineData("model.vocab.a", "-1", "model.vocab[a]")]
    [InlineData("model.vocab.a", "98", "another token has too")]
    [InlineData("model.vocab.a", "null", "model.vocab[a]")]
    [InlineData("model.vocab", "{}", "model.merges[0] needs the token 'a', which model.vocab lacks")]
    [InlineData("model.vocab", "[]", "model.vocab is not an object")]
    [InlineData("model.vocab", "null", "model.vocab is missing")]
    [InlineData("model.merges", "null", "model.merges is missing")]
    [InlineData("model.merges", "[\"q q\"]", "model.merges[0] needs the token 'qq'")]
    [InlineData("model.merges", "[\"zz a\"]", "model.merges[0] needs the token 'zz'")]
    [InlineData("model.merges", "[\" a\"]", "model.merges[0] merges with nothing")]
    [InlineData("model.merges", "[\"a\"]", "model.merges[0] is not a pair")]
    [InlineData("model.merges", "[[\"a\",\"b\",\"c\"]]", "model.merges[0] is not a pair")]
    [InlineData("model.merges", "[7]", "model.merges[0] is not a string")]
    [InlineData("model.type", "\"Unigram\"", "model.type 'Unigram' is not supported")]
    [InlineData("model.dropout", "0.1", "model.dropout is not supported")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix is not supported")]
    [InlineData("model", "null", "model.vocab is missing")]
    [InlineData("normalizer", "{\"type\":\"Lowercase\"}", "normalizer.type 'Lowercase' is not supported")]
    [InlineData("decoder", "{\"type\":\"Metaspace\"}", "decoder.type 'Metaspace' is not supported")]
    [InlineData("decoder", "null", "decoder.type is missing")]
    [InlineData("decoder", "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}",
        "model is a BPE over characters with a fallback to bytes, as SentencePiece makes them")]
    [InlineData("decoder", "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"WordPiece\"}]}", "model is not a byte-level BPE: decoder has WordPiece")]
    [InlineData("decoder", "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteLevel\"},{\"type\":\"CTC\"}]}", "decoder.decoders has 'CTC'")]
    [InlineData("pre_tokenizer", "null", "pre_tokenizer.type is missing")]
    [InlineData("pre_tokenizer", "{\"type\":\"Whitespace\"}", "pre_tokenizer.type 'Whitespace' is not supported")]
    [InlineData("pre_tokenizer", "{\"type\":\"Digits\"}", "pre_tokenizer holds no ByteLevel")]
    [InlineData("pre_tokenizer.pretokenizers.0.behavior", "\"Sideways\"", "pre_tokenizer.pretokenizers[0].behavior 'Sideways' is not supported")]
    [InlineData("pre_tokenizer.pretokenizers.2", "{\"type\":\"Digits\"}", "pre_tokenizer.pretokenizers[2] stands behind ByteLevel")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"(a\"", "uses an unclosed '('")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"[z-a]\"", "uses a range that runs backwards")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"\\\\x{110000}\"", "without a code point")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"[𐐀-𐑏]|[𐐨]\"", "in two different classes")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"\\\\p{Han}+\"", "uses the property '\\p{Han}'")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"a(?i)b\"", "uses the group '(?i)'")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"[a&&b]\"", "inside a character class")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"\\\\w+\"", "uses '\\w'")]
    [InlineData("added_tokens", "[{\"id\":97,\"content\":\"x!\"}]", "added_tokens[0].id is 97, which the token 'a' has too")]
    [InlineData("added_tokens", "[{\"id\":900,\"content\":\"a\"}]", "added_tokens[0].id is 900, but model.vocab gives 'a' the id 97")]
    [InlineData("added_tokens", "[{\"id\":900,\"content\":\"\"}]", "added_tokens[0].content is empty")]
    [InlineData("added_tokens", "[{\"id\":900,\"content\":\"x!\"},{\"id\":901,\"content\":\"x!\"}]", "added_tokens[1].content 'x!' is there twice")]
    public void A_broken_tokenizer_is_refused_by_file_and_key(string key, string value, string message)
    {
        var json = HandMadeTokenizer.Tokenizer("a b");
        Set(json, key, JsonNode.Parse(value));
        var error = Should.Throw<InvalidDataException>(() => HandMadeTokenizer.Load(_folder, json));
        error.Message.ShouldStartWith(Path.Combine(_folder.Path, "tokenizer.json"));
        error.Message.ShouldContain(message);
    }

    [Theory]
    [InlineData("eos_token", "null", "eos_token is missing")]
    [InlineData("eos_token", "\"</s>\"", "eos_token '</s>' is not a token")]
    [InlineData("eos_token", "7", "eos_token is not a string")]
    [InlineData("pad_token", "{\"content\":\"<pad>\"}", "pad_token '<pad>' is not a token")]
    [InlineData("chat_template", "[{\"name\":\"rag\"}]", "chat_template[0].template is missing")]
    [InlineData("chat_template", "7", "chat_template is not a list")]
    [InlineData("added_tokens_decoder", "{\"-4\":{\"content\":\"x\"}}", "is not the id of a token")]
    [InlineData("added_tokens_decoder", "{\"97\":{\"content\":\"x!\"}}", "is 'x!', but tokenizer.json has 'a' there")]
    public void A_broken_configuration_is_refused_by_file_and_key(string key, string value, string message)
    {
        var config = HandMadeTokenizer.Config();
        Set(config, key, JsonNode.Parse(value));
        var error = Should.Throw<InvalidDataException>(() => HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), config));
        error.Message.ShouldStartWith(Path.Combine(_folder.Path, "tokenizer_config.json"));
        error.Message.ShouldContain(message);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        Should.Throw<InvalidDataException>(() => Tokenizer.Load(_folder.Path)).Message.ShouldContain("tokenizer.json: the file is missing");
        Should.Throw<InvalidDataException>(() => Tokenizer.Load(Path.Combine(_folder.Path, "nowhere"))).Message.ShouldContain("nowhere");
    }

    [Fact]
    public void A_token_listed_twice_is_refused()
    {
        var text = HandMadeTokenizer.Tokenizer().ToJsonString().Replace("\"b\":98", "\"a\":98");
        Should.Throw<InvalidDataException>(() => Load(Encoding.UTF8.GetBytes(text))).Message.ShouldContain("model.vocab[a]");
    }

    [Fact]
    public void An_expression_that_backtracks_without_end_is_stopped()
    {
        var json = HandMadeTokenizer.Tokenizer();
        Set(json, "pre_tokenizer.pretokenizers.0.pattern.Regex", "(?:[ab]|a[ab])+(?=z)");
        var tokenizer = HandMadeTokenizer.Load(_folder, json);
        Should.Throw<InvalidDataException>(() => tokenizer.Encode(new string('a', 60) + "c")).Message.ShouldContain("pre_tokenizer takes too long");
    }

    [Fact]
    public void Ten_thousand_mutated_files_either_work_or_are_refused()
    {
        var original = Encoding.UTF8.GetBytes(HandMadeTokenizer.Tokenizer("a b", "ab c", "Ġ a").ToJsonString());
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        var random = new Random(20_26);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var worked = 0;
        for (var i = 0; i < 10_000; i++)
        {
            try
            {
                var tokenizer = Load(Mutate(original, random));
                var ids = tokenizer.Encode("abc 12 é😀 <|im_end|>\n");
                ids.ShouldAllBe(id => id >= 0 && id < tokenizer.VocabularySize);
                tokenizer.Decode(ids);
                worked++;
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldStartWith(_folder.Path);
            }
        }
        worked.ShouldBeInRange(100, 9_900);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(3));
    }

    [Fact]
    public void Mutated_chat_templates_either_work_or_are_refused()
    {
        var random = new Random(5);
        var templates = ChatTemplateTests.Templates.Select(row => File.ReadAllBytes(Golden.Path($"templates/{row.Data}.jinja"))).ToArray();
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        for (var i = 0; i < 3_000; i++)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, "chat_template.jinja"), Mutate(templates[i % templates.Length], random));
            try
            {
                Tokenizer.Load(_folder.Path).RenderChat([new ChatMessage("system", "S"), new ChatMessage("user", "U"), new ChatMessage("tool", "T")]);
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldStartWith(_folder.Path);
            }
        }
    }

    private static void Set(JsonNode json, string path, JsonNode? value)
    {
        var names = path.Split('.');
        foreach (var name in names[..^1])
            json = int.TryParse(name, out var index) ? json[index]! : json[name]!;
        if (json is JsonArray list)
            list.Insert(int.Parse(names[^1], System.Globalization.CultureInfo.InvariantCulture), value);
        else
            json[names[^1]] = value;
    }

    /// <summary>One to four changes: bytes replaced, removed, repeated or moved, numbers made large, the end cut off.</summary>
    private static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var changes = random.Next(1, 5); changes > 0 && bytes.Count > 8; changes--)
        {
            var at = random.Next(bytes.Count - 8);
            var length = random.Next(1, 8);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 3:
                    var digit = bytes.FindIndex(at, b => char.IsAsciiDigit((char)b));
                    bytes.InsertRange(Math.Max(0, digit), Encoding.ASCII.GetBytes(random.Next(2) == 0 ? "9999999" : "1"));
                    break;
                case 4:
                    bytes[at] = (byte)"{}[]\",:\\0- "[random.Next(11)];
                    break;
                default:
                    if (random.Next(8) == 0)
                        bytes.RemoveRange(at, bytes.Count - at);
                    else
                        (bytes[at], bytes[at + length]) = (bytes[at + length], bytes[at]);
                    break;
            }
        }
        return [.. bytes];
    }

    private Tokenizer Load(byte[] tokenizer)
    {
        File.WriteAllBytes(Path.Combine(_folder.Path, "tokenizer.json"), tokenizer);
        if (!File.Exists(Path.Combine(_folder.Path, "tokenizer_config.json")))
            File.WriteAllText(Path.Combine(_folder.Path, "tokenizer_config.json"), HandMadeTokenizer.Config().ToJsonString());
        return Tokenizer.Load(_folder.Path);
    }
}
