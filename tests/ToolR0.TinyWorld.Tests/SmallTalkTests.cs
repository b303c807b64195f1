using ToolR0.Contracts;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld.Texts;

namespace ToolR0.TinyWorld.Tests;

/// <summary>Questions that ask for nothing any tool does: the refusals that a tiny model can recognise.</summary>
public sealed class SmallTalkTests
{
    private static readonly WorldTask[] Drawn = [.. Enumerable.Range(0, 6000).Select(i => Draw(new WorldRandom((ulong)i)))];

    private static readonly PretrainingText[] Talk = [.. Texts(MixtureOptions.Talk, 12_000)];

    [Fact]
    public void Small_talk_mentions_no_word_of_a_tool_but_where_it_means_to()
    {
        var random = new WorldRandom(3);
        var invented = Enumerable.Range(0, 20_000).Select(_ => InventedTools.Make(random, random.Pick(WorldCatalog.Domains)));
        WorldCatalog.Tools.Concat(invented).SelectMany(tool => tool.Words).Intersect(SmallTalk.OwnWords).ShouldBeEmpty();
    }

    [Fact]
    public void Small_talk_is_varied_and_holds_numbers_and_words_of_tools_on_the_menu()
    {
        Drawn.Select(task => task.Question).Distinct().Count().ShouldBeGreaterThan(3000);
        Drawn.ShouldAllBe(task => task.Question.Trim().Length >= ShippedPresets.Nano.Curriculum.MinQuestionLength && task.Gold.Count == 0);
        Drawn.Select(task => task.Topic).Distinct().ShouldBe(SmallTalk.Topics, ignoreOrder: true);
        Share(Drawn, task => task.Question.Any(char.IsDigit)).ShouldBeInRange(0.2, 0.5);
        Share(Drawn, task => task.Menu.Any(tool => tool.Words.Any(task.Question.Split(' ').Contains))).ShouldBeInRange(0.03, 0.2);
    }

    [Fact]
    public void No_word_is_in_a_third_of_small_talk_and_the_words_around_requests_are_in_some()
    {
        var common = Drawn.SelectMany(task => task.Question.Split(' ').Distinct()).CountBy(word => word).MaxBy(word => word.Value);
        ((double)common.Value / Drawn.Length).ShouldBeLessThan(1 / 3.0, common.Key);
        foreach (var around in new[] { "please ", "can you ", " for me", " now" })
            Drawn.Any(task => task.Question.StartsWith(around, StringComparison.Ordinal) || task.Question.EndsWith(around, StringComparison.Ordinal))
                .ShouldBeTrue(around);
    }

    [Fact]
    public void Half_of_the_held_out_refusals_are_small_talk_and_all_are_reserved()
    {
        var items = HeldOut.Make(HeldOut.Refusal, 500, 7);
        items.Count(item => item.Class == HeldOut.SmallTalk).ShouldBe(250);
        items.Count(item => item.Class == HeldOut.NotOnMenu).ShouldBe(250);
        items.ShouldAllBe(item => HeldOut.IsReserved(item.Task.Question));
        HeldOut.Make(HeldOut.Seen, 50, 7).ShouldAllBe(item => WorldCatalog.Domains.Contains(item.Class));
    }

    [Fact]
    public void No_reserved_small_talk_is_trained_on()
    {
        var reserved = HeldOut.Make(HeldOut.Refusal, 2000, 7).Select(item => item.Task.Question).ToHashSet();
        var questions = Talk.Select(Question).OfType<string>().ToList();
        questions.Count.ShouldBeGreaterThan(8000);
        questions.ShouldAllBe(question => !HeldOut.IsReserved(question) && !reserved.Contains(question));
    }

    [Fact]
    public void Small_talk_is_refused_sometimes_and_other_questions_that_sound_like_it_are_answered()
    {
        var unasked = Talk.Where(text => text.Task is { Gold.Count: 0 }).ToList();
        var share = (double)unasked.Count / Talk.Count(text => text.Kind == TextKind.Solver);
        share.ShouldBe(MixtureOptions.Talk.NoCalls, 0.02);
        Share(unasked, text => text.Completion == CompactFormat.Answer([])).ShouldBeInRange(0.38, 0.55);

        var greeted = Talk.Where(text =>
            text.Task is { Gold.Count: > 0 } task
            && (task.Question.StartsWith("hello ", StringComparison.Ordinal) || task.Question.EndsWith(" thank you", StringComparison.Ordinal)))
            .ToList();
        greeted.Count.ShouldBeGreaterThan(40);
        greeted.Count(text => text.Completion == CompactFormat.Answer([])).ShouldBe(0);
    }

    [Fact]
    public void A_proposal_without_calls_is_small_talk_mostly()
    {
        var asked = Talk.Where(text => text.Kind == TextKind.Generator && text.Prompt[0].Content.Contains("calls=0<")).ToList();
        var obeyed = asked.Where(text => text.Completion.StartsWith("<think>none</think>", StringComparison.Ordinal)).ToList();
        ((double)obeyed.Count / asked.Count).ShouldBe(1 - MixtureOptions.Talk.Noise.IgnoreNoCalls, 0.05);
        Share(obeyed, text => Question(text) is { } question && question.Split(' ').Count(SmallTalk.OwnWords.Contains) >= 2)
            .ShouldBeInRange(0.6, 0.95);
    }

    /// <summary>Weights that are shipped, or that others go on from, were made from these texts.</summary>
    [Theory]
    [InlineData(nameof(MixtureOptions.Reading), "86641b8a1d8f982d8813ab1e0e5cb4beac18b41fc36033e30f0df0197e7eea64")]
    [InlineData(nameof(MixtureOptions.Habits), "f031852ee17501f18c60abc2ad88b0e8a89b8372633ac7f38b722d6d1a879225")]
    [InlineData(nameof(MixtureOptions.RareTwoCalls), "5b6684da652d043cc9542539d237152665e99dee14309432da01aea764f0beb1")]
    public void The_mixtures_without_small_talk_are_what_they_were_before_there_was_any(string mixture, string sha256)
    {
        var options = (MixtureOptions)typeof(MixtureOptions).GetProperty(mixture)!.GetValue(null)!;
        (options.SmallTalk, options.Greetings).ShouldBe((0, 0));
        Digests.Sha256Hex(string.Concat(Texts(options, 2000)
            .Select(text => string.Concat(text.Prompt.Select(turn => turn.Content)) + text.Given + text.Completion + "\n"))).ShouldBe(sha256);
    }

    private static WorldTask Draw(WorldRandom random) =>
        SmallTalk.Make(random, random.Pick(WorldCatalog.Domains), random.Next(2, 4), (r, domain) => r.Pick(WorldCatalog.SeenIn(domain)));

    private static IEnumerable<PretrainingText> Texts(MixtureOptions options, int count)
    {
        var mixture = new PretrainingMixture(20260101, options);
        return Enumerable.Range(0, count).Select(i => mixture.Text(i));
    }

    /// <summary>The question that a text asks or proposes, null where there is none.</summary>
    private static string? Question(PretrainingText text) => text.Task?.Question
        ?? (text.Completion.Split(["<question>", "</question>"], StringSplitOptions.None) is [_, var proposed, _] ? proposed : null);

    private static double Share<T>(IReadOnlyCollection<T> of, Func<T, bool> holds) => (double)of.Count(holds) / of.Count;
}
