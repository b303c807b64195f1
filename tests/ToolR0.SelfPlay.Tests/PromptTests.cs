using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class PromptTests
{
    [Fact]
    public void The_compact_prompts_are_exactly_what_the_tiny_model_was_taught()
    {
        var compact = ShippedPresets.Nano.Prompts with { ShuffleMenu = false };
        GeneratorPrompt.Render(new TaskSpec("finance", TaskContext.SingleTurn, 3, 1), compact)
            .ShouldBe([("user", "<task_specification>domain=finance context=single_turn tools=3 calls=1</task_specification>")]);
        SolverPrompt.Render(Given.Task(question: "How long is {menu}?"), compact).ShouldBe(
            [("user", """<question>How long is {menu}?</question><available_tools>[{"name":"convert_length","parameters":{"value":"number","unit":"string"}},{"name":"add_numbers","parameters":{"first":"integer","second":"integer?"}}]</available_tools>""")]);
        CompactFormat.Answer(Given.Task().Gold)
            .ShouldBe("""<tool_call_answer>[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}}]</tool_call_answer>""");
    }

    [Fact]
    public void A_shuffled_menu_is_the_same_for_the_same_task_and_differs_between_questions()
    {
        var asked = Enumerable.Range(0, 32).Select(i => Given.Task(question: $"Convert {i} mile")).ToList();
        var first = asked.Select(task => SolverPrompt.Render(task, ShippedPresets.Nano.Prompts)[0].Content).ToList();
        var turned = asked.Select(task => SolverPrompt.Render(task with { Menu = [.. task.Menu.Reverse()] }, ShippedPresets.Nano.Prompts)[0].Content)
            .ToList();
        turned.ShouldBe(first);
        first.Count(prompt => prompt.IndexOf("convert_length", StringComparison.Ordinal) < prompt.IndexOf("add_numbers", StringComparison.Ordinal))
            .ShouldBeInRange(8, 24);
    }

    [Fact]
    public void A_compact_proposal_reads_back_as_its_task()
    {
        var read = ProposalParser.ParseForReward(CompactFormat.Proposal("convert_length", Given.Task())).ToTask()!;
        read.Question.ShouldBe(Given.Task().Question);
        MenuReader.ToCompactJson(read.Menu).ShouldBe(MenuReader.ToCompactJson(Given.Task().Menu));
        Calls.SameMultiset(read.Gold, Given.Task().Gold).ShouldBeTrue();
    }

    [Theory]
    [InlineData(TaskContext.SingleTurn, "self-contained")]
    [InlineData(TaskContext.MultiTurn, "\"User:\" and \"Agent:\"")]
    public void The_papers_Generator_prompt_states_the_spec_and_its_rules(TaskContext context, string rule)
    {
        var messages = GeneratorPrompt.Render(new TaskSpec("legal", context, 7, 1), Presets.Paper.Prompts);
        messages.Select(m => m.Role).ShouldBe(["system", "user"]);
        messages[1].Content.ShouldContain("domain: legal");
        messages[1].Content.ShouldContain("exactly 7 tools");
        messages[1].Content.ShouldContain("exactly 1 call(s)");
        messages[1].Content.ShouldContain(rule);
        messages[1].Content.ShouldNotContain("{");
        foreach (var tag in Tags.OfProposal)
            messages[0].Content.ShouldContain($"<{tag}>");
    }

    [Fact]
    public void The_papers_Solver_prompt_carries_question_and_menu()
    {
        var messages = SolverPrompt.Render(Given.Task(), Presets.Paper.Prompts);
        messages[0].Content.ShouldContain("<think>");
        messages[1].Content.ShouldContain(Given.Task().Question);
        messages[1].Content.ShouldContain(MenuReader.ToJson(Given.Task().Menu));
    }

    [Fact]
    public void An_echo_of_the_prompt_is_a_placeholder()
    {
        foreach (var (_, content) in GeneratorPrompt.Render(Given.Spec, Presets.Paper.Prompts))
            Placeholder.EchoesPrompt(content).ShouldBeTrue();
    }

    [Fact]
    public void Tasks_are_found_in_stored_facts()
    {
        var proposed = Given.Proposed(Given.Proposal("the first question") + Given.Proposal("the last question"), "nothing");
        TaskSource.Resolve(new TaskRef("group/r/1/generator/0/0", 0), proposed)!.Question.ShouldBe("the last question");
        TaskSource.Resolve(new TaskRef("task/r/1/0", 0), proposed)!.Question.ShouldBe("the first question");
        TaskSource.Resolve(new TaskRef("task/r/1/0", 1), proposed).ShouldBeNull();
        TaskSource.Resolve(new TaskRef("task/r/1/0", 2), proposed).ShouldBeNull();

        object[] parts = [Part(0, 100), Part(100, 30)];
        TaskSource.Resolve(new TaskRef("heldout/x", 129), parts)!.Question.ShouldBe("question 129");
        TaskSource.Resolve(new TaskRef("heldout/x", 5), parts)!.Question.ShouldBe("question 5");
        TaskSource.Resolve(new TaskRef("heldout/x", 130), parts).ShouldBeNull();

        static HeldOutRegistered Part(int from, int count) => new(
            "seen", [.. Enumerable.Range(from, count).Select(i => new HeldOutItem($"{i}", "c", Given.Task(question: $"question {i}")))]);
    }
}
