namespace ToolR0.SelfPlay.Rewards;

/// <summary>What a multi_turn spec asks a question to be: a short conversation between a user and an agent.</summary>
public static class Conversation
{
    private static readonly (string Speaker, bool IsUser)[] Speakers = [("User:", true), ("Agent:", false), ("Assistant:", false)];

    /// <summary>
    /// True when user and agent speak in turn, the agent at least once, the user last, and nobody says nothing. A turn begins with "User:" or
    /// "Agent:" ("Assistant:" too, any letter case) at the text's beginning or after white space; nothing stands before the first.
    /// </summary>
    public static bool Is(string? question)
    {
        var text = (question ?? "").Trim();
        var turns = new List<(bool IsUser, int From, int Said)>();
        for (var at = 0; at < text.Length; at++)
        {
            if (at > 0 && !char.IsWhiteSpace(text[at - 1]))
                continue;
            foreach (var (speaker, isUser) in Speakers)
            {
                if (text.AsSpan(at).StartsWith(speaker, StringComparison.OrdinalIgnoreCase))
                    turns.Add((isUser, at, at + speaker.Length));
            }
        }

        if (turns.Count < 2 || turns[0].From > 0 || !turns[^1].IsUser)
            return false;
        for (var i = 0; i < turns.Count; i++)
        {
            var end = i + 1 < turns.Count ? turns[i + 1].From : text.Length;
            if (text.AsSpan(turns[i].Said, end - turns[i].Said).IsWhiteSpace() || i > 0 && turns[i].IsUser == turns[i - 1].IsUser)
                return false;
        }

        return true;
    }
}
