using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Specs;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>Menus drawn from a catalogue instead of being invented.</summary>
public sealed class GivenMenuTests
{
    private static readonly SpecOptions Specs = new()
    {
        Domains = new Dictionary<string, double> { ["invented"] = 1 },
        Menu = MenuSource.Catalogue,
        MultiTurn = 0,
        MenuForOneCall = new Dictionary<int, double> { [3] = 1 },
        Calls = new Dictionary<int, double> { [0] = 0.2, [1] = 0.8 },
        Catalogue =
        [
            .. Enumerable.Range(0, 5).Select(i => new MenuTool("files", Tool($"files_tool_{i}", "path"))),
            .. Enumerable.Range(0, 4).Select(i => new MenuTool("mail", Tool($"mail_tool_{i}", "address"))),
        ],
    };

    [Fact]
    public void Every_tool_is_wanted_as_often_as_another_among_neighbours_and_strangers()
    {
        var specs = Enumerable.Range(0, 4000).Select(seed => SpecSampler.Sample(Specs, Seeds.Derive(seed, "x"))).ToList();

        specs.ShouldAllBe(spec => spec.Given != null && spec.MenuSize == 3 && spec.Given.Names.Distinct().Count() == 3);
        var called = specs.Where(spec => spec.Calls == 1).ToList();
        called.Count.ShouldBeInRange(3000, 3400);
        called.ShouldAllBe(spec =>
            spec.Given!.Names.Contains(spec.Given.Wanted!) && spec.Given.Wanted!.StartsWith(spec.Domain, StringComparison.Ordinal));
        called.CountBy(spec => spec.Given!.Wanted!).ShouldAllBe(count => count.Value > 250 && count.Value < 470);
        var others = called.SelectMany(spec => spec.Given!.Names.Where(name => name != spec.Given.Wanted).Select(name => (spec, name))).ToList();
        var near = others.Count(other => other.name.StartsWith(other.spec.Domain, StringComparison.Ordinal));
        ((double)near / others.Count).ShouldBeInRange(0.45, 0.55);
        called.CountBy(spec => spec.Given!.Names.ToList().IndexOf(spec.Given.Wanted!)).ShouldAllBe(count => count.Value > 900);
        specs.Where(spec => spec.Calls == 0).ShouldAllBe(spec => spec.Given!.Wanted == null);
        SpecSampler.Sample(Specs, 7).ShouldBe(SpecSampler.Sample(Specs, 7));
    }

    [Fact]
    public void Half_of_mixed_specs_are_invented_and_a_small_catalogue_gives_small_menus()
    {
        var mixed = Specs with { Menu = MenuSource.Mixed };
        var given = Enumerable.Range(0, 1000).Count(seed => SpecSampler.Sample(mixed, Seeds.Derive(seed, "x")).Given is not null);
        given.ShouldBeInRange(430, 570);

        var one = Specs with { Catalogue = [Specs.Catalogue[0]], Calls = new Dictionary<int, double> { [1] = 1 } };
        SpecSampler.Sample(one, 1).Given.ShouldBe(new GivenMenu(["files_tool_0"], "files_tool_0"));
        var refusal = SpecSampler.Sample(one with { Calls = new Dictionary<int, double> { [0] = 1 } }, 1);
        refusal.Given.ShouldBeNull("the only tool cannot be missing from a menu that has tools");
        refusal.MenuSize.ShouldBe(3);
    }

    [Theory]
    [InlineData(PromptSet.Signatures)]
    [InlineData(PromptSet.Compact)]
    [InlineData(PromptSet.Paper)]
    public void The_menu_is_the_end_of_the_prompt_and_the_beginning_of_the_proposal(PromptSet set)
    {
        var options = new PromptOptions { Set = set };
        var spec = new TaskSpec("files", TaskContext.SingleTurn, 2, 1, Given: new GivenMenu(["mail_tool_1", "files_tool_0"], "files_tool_0"));

        var given = GeneratorPrompt.Given(spec, options, Specs);
        var turns = GeneratorPrompt.Render(spec, options, Specs);
        turns[^1].Role.ShouldBe("assistant");
        turns[^1].Content.ShouldEndWith(given);

        var rest = set switch
        {
            PromptSet.Signatures => "",
            _ => "<think>t</think><question>",
        } + $"Read the file notes.txt.</question>{SignatureFormat.Answer([Call("files_tool_0", """{"path": "notes.txt"}""")])}";
        var task = ProposalParser.ParseForCurriculum(given + rest, set == PromptSet.Signatures).ToTask(spec).ShouldNotBeNull();
        task.Menu.Select(tool => tool.Name).ShouldBe(spec.Given!.Names);
        if (set != PromptSet.Compact)
            MenuReader.ToJson(task.Menu).ShouldBe(MenuReader.ToJson([Specs.Catalogue[6].Tool, Specs.Catalogue[0].Tool]));
        SpecObedience.Obeys(spec, task).ShouldBeTrue();
        SpecObedience.Obeys(spec with { Given = new GivenMenu(spec.Given.Names, "mail_tool_1") }, task).ShouldBeFalse();

        GeneratorPrompt.Given(spec with { Given = null }, options, Specs).ShouldBeEmpty();
    }

    [Fact]
    public void What_a_given_menu_says_is_not_held_against_the_Generator()
    {
        var odd = Tool("地图", "位置", "array") with { Description = "查询" };
        var specs = Specs with { Catalogue = [new MenuTool("maps", odd)] };
        var spec = new TaskSpec("maps", TaskContext.SingleTurn, 1, 1, Given: new GivenMenu([odd.Name], odd.Name));
        var options = ShippedOptions(specs);
        var call = Call(odd.Name, """{"位置": ["Lisbon", "Porto"]}""");
        var text = GeneratorPrompt.Given(spec, options.Prompts, specs)
            + $"Where on the map are Lisbon and Porto?</question>{SignatureFormat.Answer([call])}";
        var sample = new Trajectory(1, [1], [0], text, FinishReason.Stop);

        var (task, reason, detail) = CandidateFilter.Judge(
            new Candidate(spec, sample, new SampleExecution(0, [new CallOutcome(call, CallStatus.SchemaChecked, null, null)])),
            new HeldOutGuard([]), options);
        reason.ShouldBeNull(detail);
        task.ShouldNotBeNull().Menu.Single().Name.ShouldBe("地图");
    }

    [Fact]
    public void Menus_cannot_be_drawn_from_nothing_or_from_tools_of_one_name()
    {
        Errors(Specs with { Catalogue = [] }).ShouldContain("specs.catalogue");
        Errors(Specs with { Catalogue = [Specs.Catalogue[0], Specs.Catalogue[0]] }).ShouldContain("each tool once");
        Errors(Specs).ShouldBeEmpty();
        Errors(Specs with { Menu = MenuSource.Invented, Catalogue = [] }).ShouldBeEmpty();
    }

    [Fact]
    public void Options_with_a_catalogue_read_back()
    {
        var options = ShippedOptions(Specs);
        var read = RunOptionsJson.Load(RunOptionsJson.Write(options), ShippedPresets.All, "nano");
        JsonSerializer.Serialize(read.Specs.Catalogue).ShouldBe(JsonSerializer.Serialize(Specs.Catalogue));
    }

    private static string Errors(SpecOptions specs) =>
        string.Join('\n', new RunOptionsValidator().Validate(ShippedOptions(specs)).Errors.Select(error => error.ErrorMessage));

    private static RunOptions ShippedOptions(SpecOptions specs) => Presets.SmolLm2 with { Specs = specs };

    private static ToolSpec Tool(string name, string parameter, string type = "string") =>
        new(name, $"Does what {name} says.", [new ToolParameter(parameter, type, "What it is about.")], [parameter]);

    private static ToolCall Call(string name, string arguments) => new(name, JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(arguments)!);
}
