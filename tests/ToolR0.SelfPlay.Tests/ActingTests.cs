using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Specs;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class ActingTests
{
    private static readonly RunOptions Options = ShippedPresets.NanoAgent;
    private static readonly ToolCall Add = Given.Call("add_numbers", """{"first":12,"second":30}""");
    private static readonly ToolCall Hex = Given.Call("binary_digits", """{"number":42}""");

    private static readonly ToolTask Task = new(
        "add 12 and 30 then digits of that",
        [WorldCatalog.Find("add_numbers")!.ToSpec(), WorldCatalog.Find("binary_digits")!.ToSpec()],
        [Add, Hex],
        ["42", "\"101010\""]);

    [Fact]
    public void A_trajectory_is_one_sequence_and_its_mask_covers_what_was_sampled()
    {
        var whole = Attempts.Of(Played([Add], [Hex], "101010"))!;
        var sample = whole.Attempted.Samples[0];
        sample.Tokens.ShouldBe([1, 2, 90, 3, 4, 90, 5, 6]);
        sample.LogProbs.ShouldBe([-1, -1, 0, -1, -1, 0, -1, -1]);
        Attempts.MaskOf(sample).ShouldBe([true, true, false, true, true, false, true, true]);
        Attempts.SampledTokens(sample).ShouldBe(6);
        whole.Executed!.Samples[0].Calls.Select(call => call.Call.Name).ShouldBe(["add_numbers", "binary_digits"]);
    }

    [Fact]
    public void Where_trajectories_take_one_turn_nothing_is_changed()
    {
        var attempted = Attempted(CompactFormat.Answer([Add]));
        var whole = Attempts.Of([attempted])!;
        whole.Attempted.ShouldBeSameAs(attempted);
        Attempts.MaskOf(whole.Attempted.Samples[0]).ShouldBeNull();
    }

    [Fact]
    public void A_trajectory_goes_on_only_where_its_calls_returned_something()
    {
        var attempted = Attempted("a", "b", "c", "d", "e") with
        {
            Samples = [.. Attempted("a", "b", "c", "d", "e").Samples.Select((s, i) => i == 3 ? s with { Finish = FinishReason.Length } : s)],
        };
        var executed = new ToolCallsExecuted("r",
        [
            new SampleExecution(0, [new CallOutcome(Add, CallStatus.Succeeded, "42", null)]),
            new SampleExecution(1, [new CallOutcome(Add, CallStatus.SchemaChecked, null, null)]),
            new SampleExecution(2, [new CallOutcome(Add, CallStatus.InvalidArguments, null, "argument 'x' is missing")]),
            new SampleExecution(3, [new CallOutcome(Add, CallStatus.Succeeded, "42", null)]),
            new SampleExecution(4, []),
        ]);
        var open = Attempts.Open([attempted, executed]);
        open.Select(of => of.Sample).ShouldBe([0, 2]);
        open[0].Results.ShouldBe(["42"]);
        open[1].Results.ShouldHaveSingleItem().ShouldContain("is missing");
    }

    [Fact]
    public void A_void_execution_makes_its_trajectory_void()
    {
        List<object> facts = [.. Played([Add], [Hex], "101010")];
        facts[3] = new ToolCallsExecuted("r", [new SampleExecution(0, [], "the server is gone")]);
        var whole = Attempts.Of(facts)!.Attempted;
        whole.Samples[0].Finish.ShouldBe(FinishReason.Void);
        whole.Samples[0].VoidCause.ShouldBe("the server is gone");

        var advantages = Advantages.Compute([1, 1, 0, 0], [false, true, false, false], 1e-4);
        advantages[0].ShouldBeGreaterThan(0);
        advantages[1].ShouldBe(0);
    }

    [Fact]
    public void Calls_of_all_turns_are_scored_together()
    {
        var score = Score(Played([Add], [Hex], "it is 101010"));
        (score.Format, score.Accuracy, score.Exact).ShouldBe((1.0, 1.0, true));
        score.Acting.ShouldBe(new ActingScore(2, 2, 1, 1, true));

        Score(Played([Add], [Add], "42")).Exact.ShouldBeFalse();
        var broken = SolverReward.Score(0, Task, [CompactFormat.Answer([Add]), "<tool_call_answer>[oops</tool_call_answer>"], Options.Solver);
        broken.Format.ShouldBe((1 + 0.3) / 2, 1e-9);
        broken.Accuracy.ShouldBe(0.5, 1e-9);
        broken.Exact.ShouldBeFalse();
    }

    [Fact]
    public void Plain_words_are_an_answer_only_after_a_turn_with_calls()
    {
        SolverReward.Score(0, Task, ["42"], Options.Solver).Format.ShouldBe(0);
        SolverReward.Score(0, Task, [CompactFormat.Answer([Add]), "42"], Options.Solver).Format.ShouldBe(1);
    }

    [Fact]
    public void What_was_obtained_and_said_is_rewarded()
    {
        var weights = Options.Solver with { SuccessWeight = 0.1, OutcomeWeight = 0.5, AnswerWeight = 0.25 };
        var options = Options with { Solver = weights };
        var right = Score(Played([Add], [Hex], "101010"), options);
        right.Total.ShouldBe(2 + 0.1 + 0.5 + 0.25, 1e-9);

        // Another path to the first result, and nothing said of the last.
        var other = Score(Played([Given.Call("add_numbers", """{"first":30,"second":12}""")], [], "42"), options);
        other.Acting!.Outcome.ShouldBe(0.5);
        other.Acting.Answer.ShouldBe(false);
    }

    [Fact]
    public void Superfluous_calls_and_turns_have_a_price()
    {
        var free = Score(Played([Add, Add], [Hex], "101010"));
        var options = Plain with { Solver = Plain.Solver with { CallPrice = 0.2, TurnPrice = 0.3 } };
        Score(Played([Add, Add], [Hex], "101010"), options).Total.ShouldBe(free.Total - 0.2, 1e-9);
        var one = Task with { Gold = [Hex], Results = ["\"101010\""] };
        var long1 = Score(Played([Add], [Hex], "101010"), options, one);
        long1.Total.ShouldBe(Score(Played([Add], [Hex], "101010"), Plain, one).Total - 0.2 - 0.3, 1e-9);
    }

    [Theory]
    [InlineData("42", "integer", "42")]
    [InlineData("\"42\"", "integer", "42")]
    [InlineData("42", "string", "\"42\"")]
    [InlineData("{\"meters\":3.5}", "number", "3.5")]
    [InlineData("\"abc\"", "string", "\"abc\"")]
    [InlineData("[1,2]", "string", "[1,2]")]
    public void A_reference_takes_the_result_of_its_call(string result, string type, string value)
    {
        var tool = new ToolSpec("f", "", [new ToolParameter("x", type)], ["x"]);
        var resolved = GoldReferences.Resolve(Given.Call("f", """{"x":"$1"}"""), [result], tool, out var problem);
        problem.ShouldBeNull();
        resolved.Arguments["x"].GetRawText().ShouldBe(value);
    }

    [Fact]
    public void A_reference_to_nothing_is_a_problem()
    {
        GoldReferences.Resolve(Given.Call("f", """{"x":"$2"}"""), ["1"], null, out var problem);
        problem.ShouldBe("f.x: call 2 has no result");
        GoldReferences.AreToEarlier([Given.Call("f", """{"x":"$1"}""")]).ShouldBeFalse();
        GoldReferences.AreToEarlier([Add, Given.Call("f", """{"x":"$1"}""")]).ShouldBeTrue();
        GoldReferences.Of(JsonDocument.Parse("\"$10\"").RootElement).ShouldBeNull();
    }

    [Fact]
    public void A_proposed_task_takes_over_what_its_gold_calls_returned()
    {
        var written = Task with { Gold = [Add, Given.Call("binary_digits", """{"number":"$1"}""")], Results = null };
        var spec = new TaskSpec("math", TaskContext.SingleTurn, 2, 2, Chained: true);
        var proposed = new TasksProposed("r", spec, "p", [], [Sample(CompactFormat.Proposal("x", written))], "");
        var executed = new ToolCallsExecuted("r",
        [
            new SampleExecution(0, [
                new CallOutcome(Add, CallStatus.Succeeded, "42", null), new CallOutcome(Hex, CallStatus.Succeeded, "\"101010\"", null),
            ]),
        ]);
        var task = TaskSource.Resolve(new TaskRef("group/r/1/generator/0/0", 0), [proposed, executed])!;
        task.Gold[1].Arguments["number"].GetRawText().ShouldBe("42");
        task.Results.ShouldBe(["42", "\"101010\""]);
        SpecObedience.ObeysChain(spec, written.Gold).ShouldBeTrue();
        SpecObedience.ObeysChain(spec, [Add, Hex]).ShouldBeFalse();
        Grounding.AllGrounded(Task.Question, written.Gold, chained: true).ShouldBeTrue();
        Grounding.AllGrounded(Task.Question, written.Gold).ShouldBeFalse();
    }

    [Fact]
    public void Chained_specs_are_drawn_only_where_the_options_say_so()
    {
        var drawn = Enumerable.Range(0, 400).Select(seed => SpecSampler.Sample(Options.Specs, seed)).ToList();
        drawn.Where(spec => spec.Chained).ShouldAllBe(spec => spec.Calls > 1);
        drawn.Count(spec => spec.Chained).ShouldBeGreaterThan(100);
        var none = Options.Specs with { Chained = 0 };
        Enumerable.Range(0, 400).Select(seed => SpecSampler.Sample(none, seed)).ShouldAllBe(spec => !spec.Chained);
        Enumerable.Range(0, 400).Select(seed => SpecSampler.Sample(none, seed) with { Chained = false })
            .ShouldBe(drawn.Select(spec => spec with { Chained = false }));
        GeneratorPrompt.Render(drawn.First(spec => spec.Chained), Options.Prompts)[0].Content.ShouldContain("context=chained");
    }

    /// <summary>A group of one trajectory: two turns with calls and an answer.</summary>
    private static List<object> Played(IReadOnlyList<ToolCall> first, IReadOnlyList<ToolCall> second, string last) =>
    [
        Attempted(CompactFormat.Answer(first)),
        Executed(first),
        Taken(2, CompactFormat.Answer(second), 3, 4),
        Executed(second),
        Taken(3, last, 5, 6),
        new ToolCallsExecuted("r", [new SampleExecution(0, [])]),
    ];

    private static AttemptScore Score(List<object> facts, RunOptions? options = null, ToolTask? task = null)
    {
        var whole = Attempts.Of(facts)!;
        return SolverReward.ScoreGroup(task ?? Task, whole.Attempted, whole.Executed!, options ?? Plain)[0];
    }

    private static RunOptions Plain { get; } = Options with { Solver = Options.Solver with { OutcomeWeight = 0, AnswerWeight = 0 } };

    private static TaskAttempted Attempted(params string[] texts) => new(
        "r", new TaskRef("task/r/1/0", 0), AttemptPurpose.Train, "p", [9], [.. texts.Select(Sample)], "");

    private static TurnTaken Taken(int turn, string text, params int[] tokens) => new(
        "r", turn, "p", [new TurnSample(0, [90], new Trajectory(1, tokens, [.. tokens.Select(_ => -1f)], text, FinishReason.Stop))], "");

    private static Trajectory Sample(string text) => new(1, [1, 2], [-1, -1], text, FinishReason.Stop);

    private static ToolCallsExecuted Executed(IReadOnlyList<ToolCall> calls) => new("r",
        [new SampleExecution(0, [.. calls.Select(call =>
            new CallOutcome(call, CallStatus.Succeeded, call.Name == "add_numbers" ? "42" : "\"101010\"", null))])]);
}
