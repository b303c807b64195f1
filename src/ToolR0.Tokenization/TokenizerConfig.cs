using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>What tokenizer_config.json and its companions say: named special tokens, stop tokens and the chat template.</summary>
/// <param name="SpecialTokens">eos_token, pad_token, bos_token… -> the token's text: the names a template may use.</param>
/// <param name="AdditionalSpecialTokens">Those without a name.</param>
/// <param name="Added">The added tokens that tokenizer_config.json lists, with its flags; null if it lists none.</param>
/// <param name="StopIds">eos_token_id of generation_config.json or, without that file, of config.json, in its order.</param>
/// <param name="ChatTemplates">Name -> Jinja text; empty if the folder has none.</param>
internal sealed record TokenizerConfig(
    IReadOnlyDictionary<string, string> SpecialTokens,
    IReadOnlyList<string> AdditionalSpecialTokens,
    IReadOnlyList<AddedToken>? Added,
    IReadOnlyList<int> StopIds,
    IReadOnlyDictionary<string, string> ChatTemplates)
{
    /// <summary>The template of conversations.</summary>
    public const string DefaultTemplate = "default";

    /// <summary>The template of conversations with tools, where there is one.</summary>
    public const string ToolTemplate = "tool_use";

    private static readonly string[] TokenNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public static TokenizerConfig Read(TokenizerFiles files)
    {
        var stops = files.Read(files.Has(TokenizerFiles.Generation) ? TokenizerFiles.Generation : TokenizerFiles.Model, root =>
            ReadStops(root["eos_token_id"]));
        return files.Read(TokenizerFiles.Config, root =>
        {
            var named = new Dictionary<string, string>();
            foreach (var name in TokenNames)
            {
                if (root[name].Exists)
                    named.Add(name, ReadToken(root[name]));
            }
            List<AddedToken>? added = null;
            if (root["added_tokens_decoder"].Exists)
            {
                added = [];
                foreach (var (id, key) in root["added_tokens_decoder"].Properties())
                {
                    if (!int.TryParse(id, out var number) || number < 0 || number >= TokenizerDefinition.IdLimit)
                        throw key.Wrong("is not the id of a token");
                    added.Add(TokenizerDefinition.ReadAddedToken(key, number));
                }
            }
            var additional = root["additional_special_tokens"];
            string[] unnamed = additional.Value.ValueKind == JsonValueKind.Array ? [.. additional.Items().Select(ReadToken)] : [];
            return new TokenizerConfig(named, unnamed, added, stops, files.Templates is { Count: > 0 } written ? written
                : ReadTemplates(root["chat_template"]));
        });
    }

    private static int[] ReadStops(JsonKey key) => key.Value.ValueKind switch
    {
        JsonValueKind.Array => [.. key.Items().Select(item => item.Number(TokenizerDefinition.IdLimit))],
        _ when !key.Exists => [],
        _ => [key.Number(TokenizerDefinition.IdLimit)],
    };

    private static string ReadToken(JsonKey key) => key.Value.ValueKind == JsonValueKind.Object ? key["content"].Text() : key.Text();

    /// <summary>One text, a list of name and template, or an object of templates by name.</summary>
    private static Dictionary<string, string> ReadTemplates(JsonKey key)
    {
        var templates = new Dictionary<string, string>(StringComparer.Ordinal);
        switch (key.Value.ValueKind)
        {
            case JsonValueKind.Undefined or JsonValueKind.Null:
                break;
            case JsonValueKind.String:
                templates[DefaultTemplate] = key.Text();
                break;
            case JsonValueKind.Object:
                foreach (var (name, template) in key.Properties())
                    templates[name] = template.Text();
                break;
            default:
                foreach (var item in key.Items())
                    templates[item["name"].Text()] = item["template"].Text();
                break;
        }
        return templates;
    }
}
