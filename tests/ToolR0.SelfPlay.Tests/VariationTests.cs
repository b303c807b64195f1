using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Variation;

namespace ToolR0.SelfPlay.Tests;

/// <summary>Variants keep a label that is known, and show nothing of it on their surface.</summary>
public sealed class VariationTests
{
    private static readonly VariationOptions Options = new();
    private static readonly IReadOnlyList<ToolTask> Tasks = [.. SignatureFormat.Demonstrations.Select(d => d.Task)];

    [Fact]
    public void A_variant_that_calls_has_its_gold_tool_on_the_menu_every_value_in_the_question_and_all_that_is_required()
    {
        foreach (var (task, rules) in Variants(refuses: false))
        {
            var call = task.Gold.ShouldHaveSingleItem(string.Join(',', rules));
            var tool = task.Menu.Where(tool => tool.Name == call.Name).ShouldHaveSingleItem(string.Join(',', rules));
            call.Arguments.Keys.ShouldBeSubsetOf(tool.Parameters.Select(parameter => parameter.Name));
            tool.Required.ShouldBeSubsetOf(call.Arguments.Keys);
            Grounding.AllGrounded(task.Question, task.Gold).ShouldBeTrue($"{task.Question} {string.Join(',', rules)}");
            task.Menu.Select(other => other.Name).ShouldBeUnique();
        }
    }

    [Fact]
    public void A_variant_that_refuses_offers_no_tool_that_could_do_what_the_gold_tool_does()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var parent = Tasks[seed % Tasks.Count];
            var right = parent.Menu.Single(tool => tool.Name == parent.Gold[0].Name);
            var plain = Options with { Rename = 0, AddParameter = 0 };

            var (task, _) = TaskVariation.Make(parent, Others(parent), "d", refuses: true, near: seed % 2 == 0, seed, plain);

            task.Gold.ShouldBeEmpty();
            task.Menu.ShouldNotBeEmpty();
            task.Menu.ShouldAllBe(tool => !TaskVariation.Alike(tool, right));
        }
    }

    [Fact]
    public void A_near_refusal_leaves_the_rest_of_the_parents_menu_and_a_far_one_takes_others()
    {
        var parent = Tasks[0];
        var rest = parent.Menu.Single(tool => tool.Name != parent.Gold[0].Name).Name;
        var plain = Options with { Rename = 0, AddParameter = 0, MenuSizes = new Dictionary<int, double> { [1] = 1 } };

        for (var seed = 0; seed < 20; seed++)
        {
            TaskVariation.Make(parent, Others(parent), "d", true, near: true, seed, plain).Task.Menu.ShouldHaveSingleItem().Name.ShouldBe(rest);
            TaskVariation.Make(parent, Others(parent), "d", true, near: false, seed, plain).Task.Menu.ShouldHaveSingleItem().Name.ShouldNotBe(rest);
        }
    }

    [Fact]
    public void Nothing_that_can_be_seen_tells_whether_a_variant_refuses()
    {
        var (calls, refusals) = (Variants(refuses: false, 1500), Variants(refuses: true, 1500));

        Same("parameters with texts", task => task.Menu.Any(tool => tool.Parameters.Any(parameter => parameter.Description.Length > 0)));
        Same("one tool", task => task.Menu.Count == 1);
        Same("two tools", task => task.Menu.Count == 2);
        Same("a dot in a name", task => task.Menu[0].Name.Contains('.'));
        Same("a capital in a name", task => task.Menu[0].Name.Any(char.IsUpper));
        Same("a dialogue", task => Conversation.Is(task.Question));
        calls.Average(v => v.Task.Question.Length).ShouldBe(refusals.Average(v => v.Task.Question.Length), tolerance: 4);

        void Same(string what, Func<ToolTask, bool> holds) =>
            calls.Average(v => holds(v.Task) ? 1.0 : 0).ShouldBe(refusals.Average(v => holds(v.Task) ? 1.0 : 0), tolerance: 0.06, what);
    }

    [Theory]
    [InlineData("get_forecast", "get forecast")]
    [InlineData("getForecastV2", "get forecast v2")]
    [InlineData("HTTPRequest.send", "http request send")]
    [InlineData("x", "x")]
    public void A_name_is_taken_apart_into_words(string name, string words) => string.Join(' ', Renaming.Words(name)).ShouldBe(words);

    [Fact]
    public void Renaming_changes_menu_and_gold_together_and_every_scheme_occurs()
    {
        var seen = new HashSet<string>();
        foreach (var (task, rules) in Variants(refuses: false, 600, Options with { Rename = 1 }))
        {
            seen.UnionWith(rules.Where(rule => rule.StartsWith("rename.", StringComparison.Ordinal)));
            task.Menu.ShouldContain(tool => tool.Name == task.Gold[0].Name);
        }

        seen.ShouldBe(
            ["rename.camelCase", "rename.pascalCase", "rename.namespace", "rename.domain", "rename.class", "rename.suffix", "rename.parameters"],
            ignoreOrder: true);
    }

    [Fact]
    public void The_same_plan_gives_the_same_variant()
    {
        foreach (var refuses in new[] { false, true })
        {
            var one = TaskVariation.Make(Tasks[3], Others(Tasks[3]), "math", refuses, true, 42, Options);
            var other = TaskVariation.Make(Tasks[3], Others(Tasks[3]), "math", refuses, true, 42, Options);
            JsonSerializer.Serialize(one.Task).ShouldBe(JsonSerializer.Serialize(other.Task));
            one.Rules.ShouldBe(other.Rules);
        }
    }

    private static List<(ToolTask Task, IReadOnlyList<string> Rules)> Variants(bool refuses, int count = 600, VariationOptions? options = null) =>
    [
        .. Enumerable.Range(0, count).Select(seed => TaskVariation.Make(
            Tasks[seed % Tasks.Count], Others(Tasks[seed % Tasks.Count]), "real_estate", refuses, near: seed % 3 == 0,
            Seeds.Derive(seed, "variation"), options ?? Options)),
    ];

    private static IReadOnlyList<ToolTask> Others(ToolTask parent) => [.. Tasks.Where(task => task != parent)];
}
