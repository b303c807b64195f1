using System.Text.Encodings.Web;
using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>Writes a trained tokenizer the way Hugging Face writes one. Ids: vocabulary, then special tokens, then added tokens.</summary>
internal static class TokenizerWriter
{
    private static readonly JsonWriterOptions Layout =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(string folder, BpeTrainingOptions options, List<string> vocabulary, List<(string Left, string Right)> merges)
    {
        Directory.CreateDirectory(folder);
        var reserved = new List<AddedToken>();
        var next = vocabulary.Count;
        foreach (var token in options.SpecialTokens.Concat(options.AddedTokens))
        {
            var known = vocabulary.IndexOf(token);
            reserved.Add(new AddedToken(known >= 0 ? known
                : next++, token, reserved.Count < options.SpecialTokens.Count, false, false, false, false));
        }
        reserved.Sort((a, b) => a.Id.CompareTo(b.Id));
        WriteFile(Path.Combine(folder, TokenizerFiles.Tokenizer), json => WriteTokenizer(json, options, vocabulary, merges, reserved));
        WriteFile(Path.Combine(folder, TokenizerFiles.Config), json => WriteConfig(json, options, reserved));
    }

    private static void WriteFile(string path, Action<Utf8JsonWriter> write)
    {
        using var file = File.Create(path);
        using (var json = new Utf8JsonWriter(file, Layout))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        file.WriteByte((byte)'\n');
    }

    private static void WriteTokenizer(
        Utf8JsonWriter json, BpeTrainingOptions options, List<string> vocabulary, List<(string Left, string Right)> merges, List<AddedToken> reserved)
    {
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in reserved)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            WriteFlags(json, token);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNull("normalizer");

        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", options.Pattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        json.WriteStartObject();
        WriteByteLevel(json);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();

        json.WriteNull("post_processor");
        json.WriteStartObject("decoder");
        WriteByteLevel(json);
        json.WriteEndObject();

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        for (var id = 0; id < vocabulary.Count; id++)
            json.WriteNumber(vocabulary[id], id);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in merges)
            json.WriteStringValue($"{left} {right}");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteConfig(Utf8JsonWriter json, BpeTrainingOptions options, List<AddedToken> reserved)
    {
        json.WriteBoolean("add_prefix_space", false);
        json.WriteStartObject("added_tokens_decoder");
        foreach (var token in reserved)
        {
            json.WriteStartObject(token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            WriteFlags(json, token);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteNull("bos_token");
        json.WriteString("chat_template", options.ChatTemplate);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("eos_token", options.EndOfTurn);
        json.WriteString("pad_token", options.Pad);
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteNull("unk_token");
    }

    private static void WriteFlags(Utf8JsonWriter json, AddedToken token)
    {
        json.WriteString("content", token.Content);
        json.WriteBoolean("single_word", token.SingleWord);
        json.WriteBoolean("lstrip", token.LeftStrip);
        json.WriteBoolean("rstrip", token.RightStrip);
        json.WriteBoolean("normalized", token.Normalized);
        json.WriteBoolean("special", token.Special);
    }

    private static void WriteByteLevel(Utf8JsonWriter json)
    {
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", false);
    }
}
