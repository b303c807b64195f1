using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Prompts;

/// <summary>Asks the Solver as a judge of one task.</summary>
public static class JudgePrompt
{
    /// <param name="purpose"><see cref="AttemptPurpose.Judge"/> asks for coherence, <see cref="AttemptPurpose.Label"/> for difficulty.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another purpose.</exception>
    public static IReadOnlyList<(string Role, string Content)> Render(ToolTask task, AttemptPurpose purpose, PromptOptions options)
    {
        var about = purpose switch
        {
            AttemptPurpose.Judge => "coherence",
            AttemptPurpose.Label => "difficulty",
            _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "a judge is asked for coherence or difficulty"),
        };
        var answer = Calls.ToJson(task.Gold);
        if (options.Set == PromptSet.Compact)
        {
            return [("user", PromptTemplates.Fill(
                "compact.judge.user", ("question", task.Question), ("menu", MenuReader.ToCompactJson(task.Menu)), ("answer", answer),
                    ("about", about)))];
        }

        var user = PromptTemplates.Fill($"paper.judge.{about}", ("question", task.Question), ("menu", MenuReader.ToJson(task.Menu)),
            ("answer", answer));
        return [("system", PromptTemplates.Text("paper.judge.system")), ("user", user)];
    }
}
