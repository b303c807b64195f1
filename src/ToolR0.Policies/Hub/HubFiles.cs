using System.Text.RegularExpressions;
using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Hub;

/// <summary>Which files of a repository are wanted.</summary>
internal static partial class HubFiles
{
    /// <summary>Without these it is not a model that is read.</summary>
    public static readonly string[] Required = ["config.json", "tokenizer.json", "tokenizer_config.json"];

    /// <summary>Read, or handed on with the policies that are trained from it, where they are.</summary>
    public static readonly string[] Optional =
        ["generation_config.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json", "added_tokens.json", "LICENSE"];

    [GeneratedRegex("^additional_chat_templates/[A-Za-z0-9_-]{1,64}[.]jinja$")]
    private static partial Regex FurtherTemplate { get; }

    /// <summary>The small files that are wanted of a listing.</summary>
    public static IEnumerable<string> Small(IReadOnlyList<string> listed) =>
        listed.Where(file => Required.Contains(file) || Optional.Contains(file) || FurtherTemplate.IsMatch(file));

    /// <summary>The one file of weights, or the index that names them; null where the listing has neither.</summary>
    public static string? Weights(IReadOnlyList<string> listed) =>
        listed.Contains(PolicyFiles.Weights) ? PolicyFiles.Weights : listed.Contains(PolicyFiles.Index) ? PolicyFiles.Index : null;
}
