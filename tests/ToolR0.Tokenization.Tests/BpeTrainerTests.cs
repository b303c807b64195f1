using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Testing;

namespace ToolR0.Tokenization.Tests;

public sealed class BpeTrainerTests
{
    private static readonly string[] Glue = ["<question>", "</question>", "{\"name\":\"", "\",\"arguments\":{\"", "\":\"", "\",\"", "\"}}"];

    [Fact]
    public void A_value_has_the_same_tokens_in_the_question_and_in_json()
    {
        using var folder = new TemporaryFolder();
        BpeTrainer.Train(Texts(), new BpeTrainingOptions { VocabularySize = 400, AddedTokens = Glue }, folder.Path);
        var tokenizer = Tokenizer.Load(folder.Path);
        foreach (var value in (string[])["kilometre", "zorbal", "12.75", "-40", "Ana", "new york", "2024-03-01", "naïve", "日本"])
        {
            var alone = tokenizer.Encode(value);
            ShouldHold(tokenizer.Encode($"<question>Convert {value} to miles, please.</question>"), alone);
            ShouldHold(tokenizer.Encode($"<question>Is it {value}?</question>"), alone);
            ShouldHold(tokenizer.Encode($"[{{\"name\":\"f\",\"arguments\":{{\"a\":\"{value}\",\"b\":\"{value}\"}}}}]"), alone);
            ShouldHold(tokenizer.Encode($"{{\"a\":{value},\"b\":{value}}}"), alone);
        }
    }

    [Fact]
    public void Training_twice_writes_the_same_bytes_whatever_the_order_of_the_texts()
    {
        using var first = new TemporaryFolder();
        using var second = new TemporaryFolder();
        var options = new BpeTrainingOptions { VocabularySize = 420, AddedTokens = Glue, Pattern = BpeTrainingOptions.QwenPattern };
        BpeTrainer.Train(Texts(), options, first.Path);
        BpeTrainer.Train(Texts().Reverse(), options, second.Path);
        foreach (var name in (string[])["tokenizer.json", "tokenizer_config.json"])
            File.ReadAllBytes(Path.Combine(second.Path, name)).ShouldBe(File.ReadAllBytes(Path.Combine(first.Path, name)));
    }

    [Fact]
    public void The_most_frequent_pair_is_merged_first_and_the_lower_ids_win_a_tie()
    {
        using var folder = new TemporaryFolder();
        // ab: 5, bc: 3, then abc: 3; de and fg tie at 2.
        BpeTrainer.Train(["abc abc abc ab ab", "fg de fg de"], new BpeTrainingOptions { VocabularySize = 256 + 4 + 3 }, folder.Path);
        var tokenizer = Tokenizer.Load(folder.Path);
        Enumerable.Range(256, 4).Select(tokenizer.TokenText).ShouldBe(["ab", "abc", "de", "fg"]);
    }

    [Fact]
    public void Merges_are_those_that_hugging_faces_trainer_finds()
    {
        using var folder = new TemporaryFolder();
        var lines = File.ReadAllText(Golden.Path("corpus.txt")).Split('\n').SkipLast(1).Select(line => line + "\n");
        var options = new BpeTrainingOptions
        {
            VocabularySize = 30_000,
            MinimumCount = 1,
            Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        };
        BpeTrainer.Train(lines, options, folder.Path);
        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Path, "tokenizer.json")))!;
        written["model"]!["merges"].Deserialize<string[]>().ShouldBe(Golden.Read<string[]>("merges.golden.json"));
    }

    [Fact]
    public void Every_byte_is_in_the_alphabet_even_if_no_text_is_given()
    {
        using var folder = new TemporaryFolder();
        BpeTrainer.Train([], new BpeTrainingOptions(), folder.Path);
        var tokenizer = Tokenizer.Load(folder.Path);
        tokenizer.VocabularySize.ShouldBe(259);
        tokenizer.Decode(tokenizer.Encode("tab\t, nul\0, ünï, 😀")).ShouldBe("tab\t, nul\0, ünï, 😀");
        tokenizer.TokenText(tokenizer.EndOfTurn).ShouldBe("<|im_end|>");
        tokenizer.TokenText(tokenizer.Pad).ShouldBe("<|endoftext|>");
    }

    [Fact]
    public void The_longest_added_token_wins_even_over_a_special_one()
    {
        using var folder = new TemporaryFolder();
        BpeTrainer.Train([], new BpeTrainingOptions { AddedTokens = ["<|im_start|>user\n", "\"", "\",\"", "\",\"a"] }, folder.Path);
        var tokenizer = Tokenizer.Load(folder.Path);
        tokenizer.Encode("<|im_start|>user\n").Length.ShouldBe(1);
        tokenizer.Encode("\",\"a\",\"b\"").Select(tokenizer.TokenText).ShouldBe(["\",\"a", "\",\"", "b", "\""]);
    }

    [Fact]
    public void A_few_megabytes_train_in_seconds()
    {
        using var folder = new TemporaryFolder();
        var texts = Enumerable.Range(0, 20_000)
            .Select(i => $"{{\"call\":\"convert_{i % 977}x{i * 7919 % 5003:x}\"}} some words {i * 31 % 997:x} follow and end here. ");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        BpeTrainer.Train(texts, new BpeTrainingOptions { VocabularySize = 2000 }, folder.Path);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData(255, "<|im_end|>", "VocabularySize")]
    [InlineData(300, "<|nothing|>", "EndOfTurn")]
    public void Options_that_contradict_each_other_are_named(int size, string endOfTurn, string option)
    {
        using var folder = new TemporaryFolder();
        var options = new BpeTrainingOptions { VocabularySize = size, EndOfTurn = endOfTurn };
        Should.Throw<ArgumentException>(() => BpeTrainer.Train([], options, folder.Path)).Message.ShouldContain(option);
    }

    private static IEnumerable<string> Texts()
    {
        for (var i = 0; i < 300; i++)
        {
            yield return $"<question>Convert {i} kilometres to miles for {(i % 3 == 0 ? "Ana" : "Bob")}.</question>";
            yield return $"[{{\"name\":\"convert_length\",\"arguments\":{{\"value\":{i},\"unit\":\"mile\"}}}}]";
        }
    }

    private static void ShouldHold(int[] tokens, int[] part) =>
        Enumerable.Range(0, tokens.Length - part.Length + 1).Any(i => tokens.AsSpan(i, part.Length).SequenceEqual(part)).ShouldBeTrue();
}
