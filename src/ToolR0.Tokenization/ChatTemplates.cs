namespace ToolR0.Tokenization;

/// <summary>Chat templates that <see cref="BpeTrainer"/> can write.</summary>
public static class ChatTemplates
{
    /// <summary>ChatML without a default system turn: each turn is <c>&lt;|im_start|&gt;role\ncontent&lt;|im_end|&gt;\n</c>.</summary>
    public const string ChatMl =
        "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";
}
