using ToolR0.TinyWorld.Texts;
using ToolR0.Tokenization;

namespace ToolR0.Pretraining;

/// <summary>Trains the tokenizer of the base model: tags and the glue of compact JSON are tokens of their own, words never carry a space, digits
/// stand alone.</summary>
public static class BaseModelTokenizer
{
    private static readonly string[] Tags = ["think", "question", "available_tools", "tool_call_answer", "task_specification"];
    private static readonly string[] Types = ["string", "integer", "number", "boolean"];

    /// <summary>A value has the same tokens in a question and in JSON because the glue around it is never merged with it.</summary>
    public static IReadOnlyList<string> AddedTokens { get; } =
    [
        .. Tags.SelectMany(tag => new[] { $"<{tag}>", $"</{tag}>" }),
        "[{\"name\":\"", ",{\"name\":\"", "\",\"parameters\":{\"", "\",\"arguments\":{\"", "\":\"", "\",\"", "\":", ",\"", "\"}}", "}}",
        .. Types.SelectMany(type => new[] { $"\":\"{type}\",\"", $"\":\"{type}\"}}}}" }),
    ];

    /// <summary>Writes tokenizer.json and tokenizer_config.json.</summary>
    public static void Train(PretrainingMixture mixture, int texts, int vocabularySize, string folder) =>
        BpeTrainer.Train(
            Enumerable.Range(0, texts).Select(i => mixture.Text(i))
            .SelectMany(text => text.Prompt.Select(turn => turn.Content).Append(text.Given + text.Completion)),
            new BpeTrainingOptions { VocabularySize = vocabularySize, AddedTokens = AddedTokens },
            folder);
}
