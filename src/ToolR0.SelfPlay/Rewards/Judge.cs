using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>What the Solver says as a judge. Tags match in any letter case and the last pair counts. Never throws.</summary>
public static class Judge
{
    public const int LowestScore = 1;
    public const int HighestScore = 5;

    private const string ScoreTag = "score";
    private const string DifficultyTag = "difficulty";

    /// <summary>What a failure of the judge counts as where <see cref="JudgeFailure.Middle"/> says so.</summary>
    private const int MiddleScore = 3;

    /// <summary>The score of 1 to 5: the content of <c>&lt;score&gt;</c>, or the whole text where there is no tag; "4/5" and "4." are 4. Null if it
    /// can not be read.</summary>
    public static int? ScoreIn(string text)
    {
        var said = Said(text, ScoreTag).TrimEnd('.');
        if (said.EndsWith("/5", StringComparison.Ordinal))
            said = said[..^2].TrimEnd();
        return said is [>= '1' and <= '5'] ? said[0] - '0' : null;
    }

    /// <summary>easy, medium or hard: the content of <c>&lt;difficulty&gt;</c>, or the whole text where there is no tag. Null if it can not be
    /// read.</summary>
    public static string? LabelIn(string text) => Said(text, DifficultyTag).TrimEnd('.').ToLowerInvariant() switch
    {
        CurriculumBuilder.Easy => CurriculumBuilder.Easy,
        CurriculumBuilder.Medium => CurriculumBuilder.Medium,
        CurriculumBuilder.Hard => CurriculumBuilder.Hard,
        _ => null,
    };

    /// <summary>Whether a try's answer can be read, so that no further try is made.</summary>
    public static bool IsReadable(AttemptPurpose purpose, string text) =>
        purpose == AttemptPurpose.Label ? LabelIn(text) is not null : ScoreIn(text) is not null;

    /// <summary>The first readable score of the tries; where there is none null, or 3 if the options say so.</summary>
    public static int? Score(TaskAttempted judged, JudgeOptions options) =>
        Read(judged, text => ScoreIn(text)) ?? Unreadable(options);

    /// <summary>What counts where no score can be read: nothing, or 3 if the options say so.</summary>
    public static int? Unreadable(JudgeOptions options) => options.OnFailure == JudgeFailure.Middle ? MiddleScore : null;

    /// <summary>The first readable label of the tries; where there is none null, or medium if the options say so.</summary>
    public static string? Label(TaskAttempted? judged, JudgeOptions options) =>
        judged?.Samples.Where(s => s.Finish != FinishReason.Void).Select(s => LabelIn(s.Text)).FirstOrDefault(label => label is not null)
        ?? (options.OnFailure == JudgeFailure.Middle ? CurriculumBuilder.Medium : null);

    /// <summary>r_sem = (s − 1) / 4 in [0, 1] (arXiv 2602.21320).</summary>
    public static double Coherence(int score) => (score - LowestScore) / (double)(HighestScore - LowestScore);

    private static int? Read(TaskAttempted judged, Func<string, int?> read) =>
        judged.Samples.Where(s => s.Finish != FinishReason.Void).Select(s => read(s.Text)).FirstOrDefault(score => score is not null);

    private static string Said(string text, string tag) => (Tags.Find(text, tag, last: true, StringComparison.OrdinalIgnoreCase) ?? text).Trim();
}
