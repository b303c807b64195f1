using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>Writes a tokenizer the way Hugging Face writes one.</summary>
internal static class TokenizerWriter
{
    private static readonly JsonWriterOptions Layout =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyDictionary<string, byte[]> Write(TokenizerParts parts) => new Dictionary<string, byte[]>
    {
        [TokenizerFiles.Tokenizer] = File(json => WriteTokenizer(json, parts)),
        [TokenizerFiles.Config] = File(json => WriteConfig(json, parts)),
    };

    private static byte[] File(Action<Utf8JsonWriter> write)
    {
        using var file = new MemoryStream();
        using (var json = new Utf8JsonWriter(file, Layout))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        file.WriteByte((byte)'\n');
        return file.ToArray();
    }

    private static void WriteTokenizer(Utf8JsonWriter json, TokenizerParts parts)
    {
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in parts.Added)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            WriteFlags(json, token);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteCutting(json, parts);

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
        json.WriteBoolean("ignore_merges", parts.IgnoresMerges);
        json.WriteStartObject("vocab");
        foreach (var (token, id) in parts.Vocabulary)
            json.WriteNumber(token, id);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var merge in parts.Merges)
            json.WriteStringValue(merge);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteCutting(Utf8JsonWriter json, TokenizerParts parts)
    {
        if (parts.ComposesUnicode)
        {
            json.WriteStartObject("normalizer");
            json.WriteString("type", "NFC");
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("normalizer");
        }

        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        foreach (var pattern in parts.Patterns)
        {
            json.WriteStartObject();
            json.WriteString("type", "Split");
            json.WriteStartObject("pattern");
            json.WriteString("Regex", pattern);
            json.WriteEndObject();
            json.WriteString("behavior", "Isolated");
            json.WriteBoolean("invert", false);
            json.WriteEndObject();
        }
        json.WriteStartObject();
        WriteByteLevel(json);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteConfig(Utf8JsonWriter json, TokenizerParts parts)
    {
        json.WriteBoolean("add_prefix_space", false);
        json.WriteStartObject("added_tokens_decoder");
        foreach (var token in parts.Added)
        {
            json.WriteStartObject(token.Id.ToString(CultureInfo.InvariantCulture));
            WriteFlags(json, token);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteString("bos_token", parts.Begin);
        WriteTemplates(json, parts.ChatTemplates);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("eos_token", parts.EndOfTurn);
        json.WriteString("pad_token", parts.Pad);
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteString("unk_token", parts.Unknown);
    }

    private static void WriteTemplates(Utf8JsonWriter json, IReadOnlyDictionary<string, string> templates)
    {
        if (templates.Count == 1 && templates.TryGetValue(TokenizerConfig.DefaultTemplate, out var only))
        {
            json.WriteString("chat_template", only);
            return;
        }
        if (templates.Count == 0)
            return;
        json.WriteStartArray("chat_template");
        foreach (var (name, template) in templates.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("template", template);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteFlags(Utf8JsonWriter json, AddedPart token)
    {
        json.WriteString("content", token.Content);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
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
