namespace ToolR0.SelfPlay.Rewards;

/// <summary>The gate against questions that are no questions: too short, or echoes of the prompt.</summary>
public static class Placeholder
{
    private static readonly string[] Echoes =
    [
        "control spec", "rules to satisfy", "the generated user question here", "generate a new tool-calling task now",
        "task_specification", "what the task must satisfy", "what the user says, in plain language", "write the four blocks now",
        "how you meet the specification", "user question here",
    ];

    /// <param name="minLength">Characters that a question has at least.</param>
    public static bool IsPlaceholder(string? question, int minLength) =>
        question is null || question.Trim().Length < minLength || EchoesPrompt(question);

    /// <summary>True when the text repeats a phrase of the Generator's instructions.</summary>
    public static bool EchoesPrompt(string text) => Echoes.Any(echo => text.Contains(echo, StringComparison.OrdinalIgnoreCase));
}
