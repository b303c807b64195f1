using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Specs;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

/// <summary>The prompt set for small models.</summary>
public sealed class SignatureTests
{
    private static readonly PromptOptions Set = new() { Set = PromptSet.Signatures };

    private static readonly ToolTask Task = new(
        "How far is it from Oslo to Bergen by car?",
        [
            new ToolSpec("route.distance", "Distance between two places.",
                [
                    new ToolParameter("start", "string", "Where it begins"), new ToolParameter("end", "string"),
                    new ToolParameter("by", "string", "Means: car"),
                ],
                ["start", "end"]),
            new ToolSpec("now", "", [], []),
        ],
        [Given.Call("route.distance", """{"start":"Oslo","end":"Bergen","by":"car"}""")]);

    [Fact]
    public void A_menu_line_has_names_types_description_and_meanings_and_reads_back_as_it_was()
    {
        var text = SignatureMenu.Write(Task.Menu);

        text.ShouldBe("- route.distance(start: string, end: string, by?: string) Distance between two places. [start: Where it begins; by: Means: car]\n- now()");
        var read = SignatureMenu.Read(text, out var problem).ShouldNotBeNull(problem);
        MenuReader.ToJson(read).ShouldBe(MenuReader.ToJson(Task.Menu));
    }

    [Theory]
    [InlineData("", MenuReader.NotList)]
    [InlineData("""[{"name":"a"}]""", MenuReader.NotList)]
    [InlineData("- f(x: string) Ok.\nand so on", MenuReader.ToolNotObject)]
    [InlineData("- f(x) No type.", MenuReader.ToolNotObject)]
    [InlineData("- f(x: string, x: number) Twice.", MenuReader.ToolNotObject)]
    [InlineData("- f x: string", MenuReader.ToolNotObject)]
    public void What_is_no_list_of_signatures_is_refused_with_its_problem(string text, string expected)
    {
        SignatureMenu.Read(text, out var problem).ShouldBeNull();
        problem.ShouldBe(expected);
    }

    [Fact]
    public void Texts_that_would_break_a_line_are_written_so_that_it_reads_back()
    {
        var odd = new ToolSpec("f", "One [two]\nthree", [new ToolParameter("x", "", "a; [b]\nc")], []);

        var read = SignatureMenu.Read(SignatureMenu.Write([odd]), out _).ShouldNotBeNull().ShouldHaveSingleItem();

        read.Description.ShouldBe("One (two) three");
        read.Parameters.ShouldHaveSingleItem().ShouldBe(new ToolParameter("x", "any", "a, (b) c"));
    }

    [Fact]
    public void The_Solver_is_shown_menu_and_question_and_answers_in_JSON_calls()
    {
        var turns = SolverPrompt.Render(Task, Set);

        turns.Select(turn => turn.Role).ShouldBe(["system", "user"]);
        turns[1].Content.ShouldBe($"Tools:\n{SignatureMenu.Write(Task.Menu)}\n\nRequest: {Task.Question}");
        var answer = SignatureFormat.Answer(Task.Gold);
        answer.ShouldStartWith(SignatureFormat.Beginning);
        Calls.SameMultiset(SolverAnswer.Parse(answer, requireThink: false).Calls!, Task.Gold).ShouldBeTrue();
        SolverAnswer.Parse(SignatureFormat.Answer([]), requireThink: false).Calls.ShouldNotBeNull().ShouldBeEmpty();
    }

    [Fact]
    public void Demonstrations_are_turns_for_the_Solver_and_stand_in_the_Generators_own_turn()
    {
        var solver = SolverPrompt.Render(Task, Set with { Examples = 2 });
        solver.Select(turn => turn.Role).ShouldBe(["system", "user", "assistant", "user", "assistant", "user"]);
        solver[^1].ShouldBe(SolverPrompt.Render(Task, Set)[^1]);

        var spec = new TaskSpec("travel", TaskContext.SingleTurn, 2, 1, 3, ValueKinds.Date);
        var generator = GeneratorPrompt.Render(spec, Set with { Examples = 8 });
        generator.Select(turn => turn.Role).ShouldBe(["user", "assistant"]);
        generator[0].Content.ShouldContain("Write 9 tasks");
        generator[1].Content.ShouldEndWith("Task 9. Subject: travel, 2 tools, 1 call, 3 arguments, a date among the values.\n");
        foreach (var demonstration in SignatureFormat.Demonstrations)
            generator[1].Content.ShouldContain(SignatureFormat.Proposal(demonstration.Task));
        GeneratorPrompt.Render(spec, Set).ShouldHaveSingleItem().Content.ShouldNotContain("Task 1");
    }

    [Fact]
    public void Every_demonstration_reads_back_is_grounded_and_obeys_its_own_spec()
    {
        SignatureFormat.Demonstrations.Count.ShouldBe(SignatureFormat.MostExamples);
        SignatureFormat.Demonstrations.Select(d => d.Spec.Domain).Distinct().Count().ShouldBe(8);
        foreach (var (spec, task) in SignatureFormat.Demonstrations)
        {
            var read = ProposalParser.ParseForReward(SignatureFormat.Proposal(task), signatures: true).ToTask(spec).ShouldNotBeNull();
            read.Question.ShouldBe(task.Question);
            MenuReader.ToJson(read.Menu).ShouldBe(MenuReader.ToJson(task.Menu));
            Grounding.AllGrounded(task.Question, task.Gold).ShouldBeTrue(task.Question);
            SpecObedience.Obeys(spec, task).ShouldBeTrue(task.Question);
        }
    }

    [Fact]
    public void The_Solvers_demonstrations_have_names_that_a_question_does_not_suggest_and_leave_optional_parameters_out()
    {
        SignatureFormat.SolverDemonstrations.Count.ShouldBe(SignatureFormat.MostExamples);
        SignatureFormat.SolverDemonstrations.Count(d => d.Task.Menu.Count == 1).ShouldBeGreaterThan(2);
        SignatureFormat.SolverDemonstrations.ShouldContain(d => d.Task.Menu.Any(tool => tool.Parameters.Count > tool.Required.Count));
        foreach (var (_, task) in SignatureFormat.SolverDemonstrations)
        {
            var call = task.Gold.ShouldHaveSingleItem();
            var tool = task.Menu.Single(tool => tool.Name == call.Name);
            call.Arguments.Keys.ShouldBe(tool.Required);
            Grounding.AllGrounded(task.Question, task.Gold).ShouldBeTrue(task.Question);
            task.Question.Replace(" ", "", StringComparison.Ordinal).ShouldNotContain(
                call.Name.Replace("_", "", StringComparison.Ordinal), Case.Insensitive);
            Calls.SameMultiset(SolverAnswer.Parse(SignatureFormat.Answer(task.Gold), requireThink: false).Calls!, task.Gold).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_proposal_needs_no_thought_in_this_set_and_one_in_the_others()
    {
        var text = SignatureFormat.Proposal(Task);

        ProposalParser.ParseForReward(text, signatures: true).ToTask().ShouldNotBeNull();
        ProposalParser.ParseForReward(text).ToTask().ShouldBeNull();
    }

    [Theory]
    [InlineData("<available_tools>\n- f(x: string) A.\n- g(", false)]
    [InlineData("<available_tools>\n- f(x: string) A.\n- g(y: number) B.\n</available_tools>\n<question>", false)]
    [InlineData("<available_tools>\n- f(x: string) A.\n- f(x: string) A.\n", true)]
    [InlineData("<available_tools>\n- f(x) A.\n", true)]
    [InlineData("<available_tools>\n- f(x: string) A.\n- g(x: string) B.\n- h(x: string) C.\n", true)]
    [InlineData("Sure!\n", true)]
    [InlineData("<available_tools>", false)]
    public void A_proposal_is_hopeless_once_a_line_of_its_menu_is(string text, bool hopeless) =>
        SignatureFormat.IsHopeless(text, mostTools: 2).ShouldBe(hopeless);

    [Fact]
    public void Specs_name_arguments_and_values_only_where_the_options_do()
    {
        var off = new SpecOptions { Domains = new Dictionary<string, double> { ["a"] = 1, ["b"] = 1 } };
        var on = off with
        {
            Arguments = new Dictionary<int, double> { [1] = 1, [3] = 3 },
            Values = new Dictionary<string, double> { [ValueKinds.Date] = 1, [ValueKinds.Text] = 1 },
        };

        for (var seed = 0; seed < 200; seed++)
        {
            var plain = SpecSampler.Sample(off, seed);
            var rich = SpecSampler.Sample(on, seed);
            plain.ShouldBe(rich with { Arguments = null, Value = null }, "what specs said before does not change");
            rich.Arguments.ShouldBeOneOf(1, 3);
            rich.Value.ShouldBeOneOf(ValueKinds.Date, ValueKinds.Text);
        }

        Enumerable.Range(0, 2000).Average(seed => SpecSampler.Sample(on, seed).Arguments == 3 ? 1.0 : 0).ShouldBe(0.75, tolerance: 0.04);
    }

    [Theory]
    [InlineData("""{"x":"2024-05-17"}""", ValueKinds.Date)]
    [InlineData("""{"x":"May 3"}""", ValueKinds.Date)]
    [InlineData("""{"x":"may I"}""", ValueKinds.Text)]
    [InlineData("""{"x":4.5}""", ValueKinds.Number)]
    [InlineData("""{"x":false}""", ValueKinds.Boolean)]
    [InlineData("""{"x":["a"]}""", ValueKinds.List)]
    public void Values_are_of_the_kind_that_a_spec_can_ask_for(string arguments, string kind)
    {
        var gold = new[] { Given.Call("f", arguments) };

        SpecObedience.KindsOf(gold).ShouldBe([kind]);
        SpecObedience.ObeysValue(new TaskSpec("d", TaskContext.SingleTurn, 1, 1, Value: kind), gold).ShouldBeTrue();
        SpecObedience.ObeysArguments(new TaskSpec("d", TaskContext.SingleTurn, 1, 1, Arguments: 2), gold).ShouldBeFalse();
    }

    [Fact]
    public void A_proposal_with_another_number_of_arguments_than_asked_for_does_not_obey()
    {
        var options = new GeneratorRewardOptions { SpecObedience = true, CoherenceWeight = 0 };
        var proposal = ProposalParser.ParseForReward(SignatureFormat.Proposal(Task), signatures: true);
        TaskSpec Spec(int? arguments) => new("travel", TaskContext.SingleTurn, 2, 1, arguments);

        var obeying = GeneratorReward.Compose(0, proposal, Spec(3), null, 8, null, 1, options);
        var other = GeneratorReward.Compose(0, proposal, Spec(1), null, 8, null, 1, options);

        obeying.ShouldBeEquivalentTo(GeneratorReward.Compose(0, proposal, Spec(null), null, 8, null, 1, options));
        other.Format.ShouldBe(0);
        other.Validity.ShouldBe(obeying.Validity / 2);
        other.Reasons.ShouldContain(Reasons.ArgumentCountDiffers);
    }
}
