using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>What tokenizer_config.json and its companions say: named special tokens, stop tokens and the chat template.</summary>
/// <param name="SpecialTokens">eos_token, pad_token, bos_token… -> the token's text: the names a template may use.</param>
/// <param name="Extra">Added tokens that only tokenizer_config.json lists.</param>
/// <param name="StopIds">eos_token_id of generation_config.json or, without that file, of config.json, in its order.</param>
/// <param name="ChatTemplate">Jinja text; null if the folder has none.</param>
internal sealed record TokenizerConfig(
    IReadOnlyDictionary<string, string> SpecialTokens, IReadOnlyList<AddedToken> Extra, IReadOnlyList<int> StopIds, string? ChatTemplate)
{
    private static readonly string[] TokenNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public static TokenizerConfig Read(TokenizerFiles files)
    {
        var stops = files.Read(files.Has(TokenizerFiles.Generation) ? TokenizerFiles.Generation : TokenizerFiles.Model, root => ReadStops(root["eos_token_id"]));
        return files.Read(TokenizerFiles.Config, root =>
        {
            var named = new Dictionary<string, string>();
            foreach (var name in TokenNames)
            {
                if (root[name].Exists)
                    named.Add(name, root[name].Value.ValueKind == JsonValueKind.Object ? root[name]["content"].Text() : root[name].Text());
            }
            var extra = new List<AddedToken>();
            if (root["added_tokens_decoder"].Exists)
            {
                foreach (var (id, key) in root["added_tokens_decoder"].Properties())
                {
                    if (!int.TryParse(id, out var number) || number < 0 || number >= TokenizerDefinition.IdLimit)
                        throw key.Wrong("is not the id of a token");
                    extra.Add(TokenizerDefinition.ReadAddedToken(key, number));
                }
            }
            var template = files.Has(TokenizerFiles.Template) ? files.Text(TokenizerFiles.Template) : ReadTemplate(root["chat_template"]);
            return new TokenizerConfig(named, extra, stops, template);
        });
    }

    private static int[] ReadStops(JsonKey key) => key.Value.ValueKind switch
    {
        JsonValueKind.Array => [.. key.Items().Select(item => item.Number(TokenizerDefinition.IdLimit))],
        _ when !key.Exists => [],
        _ => [key.Number(TokenizerDefinition.IdLimit)],
    };

    private static string? ReadTemplate(JsonKey key)
    {
        if (!key.Exists)
            return null;
        if (key.Value.ValueKind == JsonValueKind.String)
            return key.Text();
        foreach (var item in key.Items())
        {
            if (item["name"].Text() == "default")
                return item["template"].Text();
        }
        throw key.Wrong("has no template named default");
    }
}
