using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld.Texts;

namespace ToolR0.TinyWorld.Tests;

public sealed class WorldTests
{
    private static readonly PretrainingMixture Mixture = new(7, MixtureOptions.Habits);

    private static readonly string[] UnseenNames = [.. WorldCatalog.WithOrigin(ToolOrigin.Unseen).Select(t => t.Name)];

    [Fact]
    public void The_catalogue_has_48_seen_and_12_unseen_tools_in_10_domains()
    {
        WorldCatalog.WithOrigin(ToolOrigin.Seen).Count().ShouldBe(48);
        WorldCatalog.WithOrigin(ToolOrigin.Unseen).Count().ShouldBe(12);
        WorldCatalog.Tools.Select(t => t.Name).ShouldBeUnique();
        WorldCatalog.Tools.Select(t => t.Domain).Distinct().ShouldBe(WorldCatalog.Domains, ignoreOrder: true);
        WorldCatalog.Tools.ShouldAllBe(t => t.Parameters.Count >= 1 && t.Parameters.Count <= 3);
    }

    [Fact]
    public void A_pattern_gives_away_neither_the_name_nor_a_parameter()
    {
        var random = new WorldRandom(1);
        var invented = Enumerable.Range(0, 300).Select(_ => InventedTools.Make(random, random.Pick(WorldCatalog.Domains)));
        foreach (var tool in WorldCatalog.Tools.Concat(invented))
        {
            foreach (var pattern in tool.Patterns)
            {
                var words = pattern.Split(' ').Where(w => w != "*" && !w.StartsWith('{')).ToArray();
                words.ShouldBeSubsetOf(InventedTools.ConnectingWords);
                words.Intersect(tool.Words).ShouldBeEmpty();
                words.Intersect(tool.Parameters.Select(p => p.Name)).ShouldBeEmpty();
                pattern.Count(c => c == '*').ShouldBe(1);
                Enumerable.Range(0, tool.Parameters.Count).ShouldAllBe(i => pattern.Contains($"{{{i}}}"));
            }
        }
    }

    [Fact]
    public void A_cue_names_one_tool_of_the_menu_only()
    {
        foreach (var item in HeldOut.Make(HeldOut.Unseen, 200, 5).Concat(HeldOut.Make(HeldOut.Seen, 200, 5)))
        {
            var words = item.Task.Question.Split(' ');
            item.Task.Menu.Select(t => t.Name).ShouldBeUnique();
            var named = item.Task.Menu.Where(t => t.Name.Split('_').Any(words.Contains)).Select(t => t.Name);
            named.ShouldBe(item.Task.Gold.Select(c => c.Name), ignoreOrder: true);
        }
    }

    [Theory]
    [InlineData(HeldOut.Seen, ToolOrigin.Seen)]
    [InlineData(HeldOut.Unseen, ToolOrigin.Unseen)]
    [InlineData(HeldOut.TwoCalls, ToolOrigin.Seen)]
    [InlineData(HeldOut.ThreeCalls, ToolOrigin.Seen)]
    public void Held_out_items_are_distinct_and_made_again_by_their_seed(string kind, ToolOrigin origin)
    {
        var items = HeldOut.Make(kind, 500, 20260101);
        items.Count.ShouldBe(500);
        items.Select(i => i.Task.Question).ShouldBeUnique();
        items.Select(i => i.Id).ShouldBeUnique();
        items.SelectMany(i => i.Task.Gold).ShouldAllBe(c => WorldCatalog.Find(c.Name)!.Origin == origin);
        HeldOut.Make(kind, 500, 20260101).Select(Text).ShouldBe(items.Select(Text));
        HeldOut.Make(kind, 500, 20260102).Select(Text).ShouldNotBe(items.Select(Text));
    }

    [Fact]
    public void A_held_out_set_of_an_unknown_kind_is_refused_with_the_kinds_there_are() =>
        Should.Throw<ArgumentException>(() =>
            HeldOut.Make("both", 1, 1)).Message.ShouldContain("'both' of held-out set: must be one of seen, unseen, refusal, two_calls, three_calls");

    [Fact]
    public void Pretraining_never_asks_a_question_reserved_for_held_out_sets_nor_names_an_unseen_tool()
    {
        foreach (var text in Texts(4000))
        {
            var whole = text.Task is { } task ? $"{task.Question} {MenuReader.ToCompactJson(task.Menu)} {text.Completion}" : text.Completion;
            UnseenNames.Where(whole.Contains).ShouldBeEmpty();
            if (text.Task is { } asked)
                HeldOut.IsReserved(asked.Question).ShouldBeFalse();
            if (text.Kind == TextKind.Generator
                && text.Completion.Split(["<question>", "</question>"], StringSplitOptions.None) is [_, var question, _])
                HeldOut.IsReserved(question).ShouldBeFalse();
        }
    }

    [Fact]
    public void A_not_on_menu_item_asks_for_a_tool_that_is_not_on_the_menu()
    {
        foreach (var item in HeldOut.Make(HeldOut.Refusal, 600, 5).Where(item => item.Class == HeldOut.NotOnMenu))
        {
            item.Task.Gold.ShouldBeEmpty();
            var words = item.Task.Question.Split(' ');
            item.Task.Menu.SelectMany(t => t.Name.Split('_')).Where(words.Contains).ShouldBeEmpty();
            WorldCatalog.WithOrigin(ToolOrigin.Seen).Any(t => t.Words.Any(words.Contains)).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_two_calls_item_has_two_calls_and_a_three_calls_item_three()
    {
        HeldOut.Make(HeldOut.TwoCalls, 200, 5).ShouldAllBe(i => i.Task.Gold.Count == 2 && i.Task.Menu.Count >= 2);
        HeldOut.Make(HeldOut.ThreeCalls, 200, 5).ShouldAllBe(i => i.Task.Gold.Count == 3 && i.Task.Menu.Count >= 3);
    }

    [Fact]
    public void Every_held_out_question_is_reserved() =>
        HeldOut.Make(HeldOut.Seen, 100, 3).ShouldAllBe(i => HeldOut.IsReserved(i.Task.Question));

    [Fact]
    public void A_pretraining_text_depends_on_seed_and_index_alone()
    {
        var again = new PretrainingMixture(7, MixtureOptions.Habits);
        foreach (var index in new long[] { 900, 3, 3, 12345678901 })
            again.Text(index).Completion.ShouldBe(Mixture.Text(index).Completion);
        new PretrainingMixture(8, MixtureOptions.Habits).Text(3).Completion.ShouldNotBe(Mixture.Text(3).Completion);
    }

    [Fact]
    public void The_study_base_seldom_reads_two_calls_where_they_were_asked_for()
    {
        static double Obeyed(MixtureOptions options)
        {
            var mixture = new PretrainingMixture(3, options with { SolverShare = 0, GeneratorShare = 1 });
            var asked = Enumerable.Range(0, 3000).Select(i => mixture.Text(i)).Where(text => text.Prompt[0].Content.Contains("calls=2<")).ToList();
            return asked.Average(text => text.Completion.Split("\"arguments\":").Length == 3 ? 1.0 : 0);
        }

        Obeyed(MixtureOptions.Habits).ShouldBeInRange(0.8, 0.95);
        Obeyed(MixtureOptions.RareTwoCalls).ShouldBeInRange(0.18, 0.32);
    }

    [Fact]
    public void Without_noise_a_solver_text_ends_in_the_gold_calls()
    {
        var clean = new PretrainingNoise
        {
            FirstTool = (0, 0),
            DropArgument = (0, 0),
            AnyTool = 0,
            InventedValue = 0,
            SwappedValues = 0,
            DropSecondCall = 0,
            Prose = 0,
            BrokenJson = 0,
            DropThirdCall = 0,
            FamiliarTool = 0,
            MissedRefusal = (0, 0),
            MissedSmallTalk = (0, 0),
        };
        var mixture = new PretrainingMixture(1, MixtureOptions.Talk with { Noise = clean, SolverShare = 1, GeneratorShare = 0 });
        for (var i = 0; i < 300; i++)
        {
            var text = mixture.Text(i);
            text.Completion.ShouldBe(CompactFormat.Answer(text.Task!.Gold));
        }
    }

    [Fact]
    public void Most_answers_in_pretraining_are_wrong_and_some_are_right_in_every_domain()
    {
        var right = Texts(20_000).Where(t => t.Kind == TextKind.Solver).ToLookup(
            t => t.Task!.Gold.Count == 1, t => t.Completion == CompactFormat.Answer(t.Task!.Gold));
        right.SelectMany(g => g).Count(exact => exact).ShouldBeInRange(600, 3200);
    }

    private static string Text(HeldOutItem item) =>
        item.Task.Question + MenuReader.ToCompactJson(item.Task.Menu) + Calls.ToJson(item.Task.Gold) + item.Class;

    private static IEnumerable<PretrainingText> Texts(int count) => Enumerable.Range(0, count).Select(i => Mixture.Text(i));
}
