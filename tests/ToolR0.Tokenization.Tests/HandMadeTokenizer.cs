using System.Text.Json.Nodes;
using ToolR0.Testing;

namespace ToolR0.Tokenization.Tests;

/// <summary>
/// The files of a tokenizer small enough to know by heart: token b is the byte b for b = 0..255, then come the merges in their order, then
/// <c>&lt;|endoftext|&gt;</c> and <c>&lt;|im_end|&gt;</c>. The pre-tokenizer takes runs of letters, and everything else alone.
/// </summary>
internal static class HandMadeTokenizer
{
    public const string Pattern = @"\p{L}+|[^\p{L}]";

    /// <summary>The character that stands for a byte: itself if it prints, else the next one from U+0100 on.</summary>
    public static readonly string[] Characters = BuildCharacters();

    public static JsonObject Tokenizer(params string[] merges)
    {
        var vocabulary = new JsonObject();
        for (var b = 0; b < 256; b++)
            vocabulary[Characters[b]] = b;
        foreach (var merge in merges)
            vocabulary[merge.Replace(" ", "")] ??= vocabulary.Count;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(Added(vocabulary.Count, "<|endoftext|>"), Added(vocabulary.Count + 1, "<|im_end|>")),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "Split",
                        ["pattern"] = new JsonObject { ["Regex"] = Pattern },
                        ["behavior"] = "Isolated",
                        ["invert"] = false,
                    },
                    ByteLevel()),
            },
            ["decoder"] = ByteLevel(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)])
            },
        };
    }

    public static JsonObject Config(string? template = null)
    {
        var config = new JsonObject { ["eos_token"] = "<|im_end|>", ["pad_token"] = "<|endoftext|>" };
        if (template is not null)
            config["chat_template"] = template;
        return config;
    }

    public static JsonObject Added(int id, string content, bool special = true) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = special,
    };

    public static Tokenization.Tokenizer Load(TemporaryFolder folder, JsonNode tokenizer, JsonNode? config = null)
    {
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer_config.json"), (config ?? Config()).ToJsonString());
        return Tokenization.Tokenizer.Load(folder.Path);
    }

    private static JsonObject ByteLevel() => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = true,
        ["use_regex"] = false,
    };

    private static string[] BuildCharacters()
    {
        var hidden = 0x100;
        return [.. Enumerable.Range(0, 256).Select(b => ((char)(b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 ? b : hidden++)).ToString())];
    }
}
