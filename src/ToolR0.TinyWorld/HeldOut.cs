using ToolR0.Contracts;
using ToolR0.TinyWorld.Texts;

namespace ToolR0.TinyWorld;

/// <summary>
/// Held-out items. One question in eight, decided by a hash of its text, is reserved for them: pretraining never draws a reserved
/// question, so a set made with any seed shares no question with what any base model of this world was trained on.
/// </summary>
public static class HeldOut
{
    /// <summary>Known tools, new values.</summary>
    public const string Seen = "seen";

    /// <summary>Tools whose names never occur in pretraining.</summary>
    public const string Unseen = "unseen";

    /// <summary>
    /// Nothing that a tool of the menu does is asked for: the right answer is no call. Half the items are <see cref="SmallTalk"/>, half
    /// <see cref="NotOnMenu"/>.
    /// </summary>
    public const string Refusal = "refusal";

    /// <summary>Known tools, two calls.</summary>
    public const string TwoCalls = "two_calls";

    /// <summary>Known tools, three calls.</summary>
    public const string ThreeCalls = "three_calls";

    /// <summary>Known tools, two calls of which the second needs what the first returns.</summary>
    public const string Chained = "chained";

    /// <summary>Class of refusal items that ask for nothing any tool does.</summary>
    public const string SmallTalk = "small_talk";

    /// <summary>Class of refusal items that ask for a known tool which the menu does not hold.</summary>
    public const string NotOnMenu = "not_on_menu";

    /// <summary>Seed of the shipped sets, fixed before anything was tuned.</summary>
    public const long ShippedSeed = 20260101;

    /// <summary>Items of each shipped set.</summary>
    public const int ShippedCount = 500;

    /// <summary>Shorter questions count as placeholders in the method.</summary>
    private const int ShortestQuestion = 8;

    /// <summary>Share of seen and unseen items with two calls.</summary>
    private const double ShareOfTwoCalls = 0.3;

    public static IReadOnlyList<string> Kinds { get; } = [Seen, Unseen, Refusal, TwoCalls, ThreeCalls, Chained];

    /// <summary>Whether a question belongs to held-out sets and is therefore never trained on in pretraining.</summary>
    public static bool IsReserved(string question) => (Seeds.Derive(0, "held-out question/" + question) & 7) == 0;

    /// <summary>Items distinct by question; equal kind, count and seed give equal items. Classes are the domains, of refusals the two
    /// kinds.</summary>
    /// <exception cref="ArgumentException">The kind is none of <see cref="Kinds"/>, or the count is negative.</exception>
    public static IReadOnlyList<HeldOutItem> Make(string kind, int count, long seed) =>
        [.. Tasks(kind, count, seed).Select((task, i) => new HeldOutItem($"{kind}-{i + 1:0000}", Class(kind, task), task.ToToolTask()))];

    private static string Class(string kind, WorldTask task) => kind != Refusal ? task.Domain : task.Topic is null ? NotOnMenu : SmallTalk;

    /// <summary>
    /// The one-call items of the same set in the clean form of read-and-copy text: what a base model answers there, it can read and copy,
    /// whatever its habits in Solver answers are. Menu and question, and the call they should be followed by.
    /// </summary>
    /// <exception cref="ArgumentException">As <see cref="Make"/>.</exception>
    public static IReadOnlyList<(string Given, string Completion)> MakeClean(string kind, int count, long seed) =>
        [.. Tasks(kind, count, seed).Where(task => task.Gold.Count == 1).Select(ReadAndCopy.Clean)];

    private static List<WorldTask> Tasks(string kind, int count, long seed)
    {
        if (!Kinds.Contains(kind))
            throw new ArgumentException($"kind '{kind}' of held-out set: must be one of {string.Join(", ", Kinds)}", nameof(kind));
        ArgumentOutOfRangeException.ThrowIfNegative(count);

        var gold = WorldCatalog.WithOrigin(kind == Unseen ? ToolOrigin.Unseen : ToolOrigin.Seen).ToArray();
        var offered = kind == Unseen ? [.. WorldCatalog.Tools] : gold;
        var random = WorldRandom.For(seed, "held-out/" + kind);
        var questions = new HashSet<string>();
        var items = new List<WorldTask>();
        while (items.Count < count)
        {
            var menuSize = random.Next(kind == ThreeCalls ? 3 : 2, 4);
            var calls = kind switch { Refusal => 0, TwoCalls or Chained => 2, ThreeCalls => 3, _ => random.Chance(ShareOfTwoCalls) ? 2 : 1 };
            var task = kind == Refusal && items.Count % 2 == 0
                ? TinyWorld.SmallTalk.Make(random, "", menuSize, (r, _) => r.Pick(offered))
                : kind == Chained
                ? ChainedTask.Make(random, "", menuSize, (r, _) => r.Pick(gold), (r, _) => r.Pick(offered))
                : WorldTask.Make(random, "", menuSize, calls, (r, _) => r.Pick(gold), (r, _) => r.Pick(offered));
            if (task.Question.Length >= ShortestQuestion && IsReserved(task.Question) && questions.Add(task.Question))
                items.Add(task);
        }

        return items;
    }
}
