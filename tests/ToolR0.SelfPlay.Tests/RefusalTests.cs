using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Specs;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>Tasks in which no tool fits: the spec asks for n = 0 calls and the gold answer is the empty list.</summary>
public sealed class RefusalTests
{
    private const string Question = "Please sing me to sleep for 3 minutes";

    private static readonly TaskSpec None = Given.Spec with { Calls = 0 };

    private static readonly ToolTask Task = Given.Task("[]", Question);

    [Fact]
    public void Specs_ask_for_no_calls_as_often_as_their_weight_says_with_menus_like_those_for_one_call()
    {
        var options = Presets.Paper.Specs with { MultiTurn = 0.1, Calls = new Dictionary<int, double> { [0] = 1, [1] = 2, [2] = 1 } };
        var drawn = Enumerable.Range(0, 20_000).Select(i => SpecSampler.Sample(options, Seeds.Derive(1, $"{i}"))).ToList();
        var none = drawn.Where(spec => spec.Calls == 0).ToList();
        ((double)none.Count / drawn.Count).ShouldBe(0.9 * 0.25, 0.01);
        none.ShouldAllBe(spec => spec.Context == TaskContext.SingleTurn && spec.MenuSize >= 2 && spec.MenuSize <= 8);
        ((double)none.Count(spec => spec.MenuSize <= 4) / none.Count).ShouldBe(0.4, 0.02);
    }

    [Fact]
    public void The_papers_preset_asks_for_none() => Presets.Paper.Specs.Calls.Keys.ShouldBe([1, 2]);

    [Fact]
    public void The_Generators_prompt_says_that_no_tool_may_fit()
    {
        var user = GeneratorPrompt.Render(None, Presets.Paper.Prompts)[1].Content;
        user.ShouldContain("number of calls: 0");
        user.ShouldContain("no tool of the menu can serve the question");
        user.ShouldNotContain("every required argument");
        GeneratorPrompt.Render(Given.Spec, Presets.Paper.Prompts)[1].Content
            .ShouldContain("2. The answer makes exactly 1 call(s), each to a tool of the menu, with every required argument.\n3.");
        GeneratorPrompt.Render(None, ShippedPresets.Nano.Prompts)[0].Content.ShouldContain("calls=0<");
    }

    [Fact]
    public void The_Solver_is_told_that_it_may_refuse_only_where_the_option_says_so()
    {
        var off = SolverPrompt.Render(Task, Presets.Paper.Prompts);
        var on = SolverPrompt.Render(Task, Presets.Paper.Prompts with { OfferRefusal = true });
        off[0].Content.ShouldNotContain("[]");
        on[0].Content.ShouldStartWith(off[0].Content);
        on[0].Content.ShouldContain("<tool_call_answer>[]</tool_call_answer>");
        on[1].ShouldBe(off[1]);
        SolverPrompt.Render(Task, ShippedPresets.Nano.Prompts with { OfferRefusal = true })
            .ShouldBe(SolverPrompt.Render(Task, ShippedPresets.Nano.Prompts));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.5812)]
    [InlineData(4, 1)]
    [InlineData(8, 0.1142)]
    public void A_refusal_that_was_asked_for_is_well_formed_valid_and_as_difficult_as_its_pass_rate_says(int right, double difficulty)
    {
        foreach (var options in new[] { Given.Options, ShippedPresets.Nano })
        {
            var score = Score(Given.Proposal(Question, gold: "[]"), None, options, Given.Probes(right, gold: "[]"));
            (score.Format, score.Validity, score.PassRate).ShouldBe((1.0, 1.0, right / 8.0));
            score.Difficulty.ShouldBe(difficulty, 1e-4);
            score.Reasons.ShouldBeEmpty();
        }
    }

    [Fact]
    public void A_refusal_that_was_not_asked_for_is_no_task()
    {
        var group = Given.Proposed(Given.Spec, Given.Sample(Given.Proposal(Question, gold: "[]")));
        GeneratorReward.Probeable(group, Given.AllRan(group), Given.Options).ShouldBe([null]);
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [null], [], 1, Given.Options).Single();
        (score.Format, score.Validity, score.Difficulty, score.Void).ShouldBe((2.0 / 3, 0.0, 0.0, false));
        score.Reasons.ShouldBe([Reasons.GoldNotParsed]);
    }

    [Fact]
    public void Calling_something_where_a_refusal_was_asked_for_disobeys_the_spec()
    {
        var text = Given.Proposal();
        var obedient = Score(text, None, ShippedPresets.Nano, Given.Probes(4));
        (obedient.Format, obedient.Validity).ShouldBe((0.0, 0.5));
        obedient.Reasons.ShouldBe([Reasons.CallCountDiffers]);
        Score(text, None, Given.Options, Given.Probes(4)).Format.ShouldBe(1, 1e-9);
    }

    [Fact]
    public void A_refusal_goes_to_the_probes_because_nothing_has_to_run()
    {
        var group = Given.Proposed(None, Given.Sample(Given.Proposal(Question, gold: "[]")));
        var task = GeneratorReward.Probeable(group, new ToolCallsExecuted("r", [new SampleExecution(0, [])]), Given.Options).Single()
            .ShouldNotBeNull();
        task.Gold.ShouldBeEmpty();
        task.Menu.Count.ShouldBe(2);
        Should.NotThrow(() => SolverPrompt.Render(task, Presets.Paper.Prompts));
        TaskSource.Resolve(new TaskRef("group/r/1/generator/0/0", 0), group)!.Gold.ShouldBeEmpty();
    }

    [Fact]
    public void Only_an_answer_that_says_so_agrees_with_calling_nothing()
    {
        string[] answers = [Given.Answer("[]"), Given.Answer(" [ ] "), Given.Answer("```json\n[]\n```"), Given.Answer("null"), Given.Answer("{}"),
            Given.Answer(""), "no tool fits", Given.Answer()];
        var result = Difficulty.Probe([], Given.Attempted(AttemptPurpose.Probe, answers).Samples);
        (result.PassRate, result.Consistency, result.GoldIsMode).ShouldBe((3 / 8.0, 3 / 8.0, true));
        CandidateFacts.Verify(Task, Given.Attempted(AttemptPurpose.Verify, answers)).ShouldBe(new Agreement(3 / 8.0, 3 / 8.0, true));

        // And the other way round: a refusal never agrees with a gold call.
        CandidateFacts.Verify(Given.Task(), Given.Attempted(AttemptPurpose.Verify, answers)).ShouldBe(new Agreement(1 / 8.0, 1 / 8.0, false));
    }

    [Fact]
    public void A_refusal_is_a_candidate_only_where_the_spec_asks_for_one()
    {
        var text = Given.Proposal(Question, gold: "[]");
        Judge(text, None).Survives.ShouldBeTrue();
        Judge(text, None).Task!.Gold.ShouldBeEmpty();
        Judge(text, Given.Spec).Reason.ShouldBe(Rejections.NoCalls);
        Judge(Given.Proposal("sing 3", gold: "[]"), None).Reason.ShouldBe(Rejections.PlaceholderQuestion);
        Judge(Given.Proposal("Sing me to sleep", gold: "[]"), None).Reason.ShouldBe(Rejections.TrivialQuestion);
        Judge(Given.Proposal(Question, "[3]", "[]"), None).Reason.ShouldBe(Rejections.ToolNotObject);
        Judge(Given.Proposal(Question, gold: "none"), None).Reason.ShouldBe(Rejections.CallsNotJson);
        Judge(text, None, new SampleExecution(0, [], "executor down")).Reason.ShouldBe(Rejections.VoidExecution);
    }

    [Fact]
    public void Refusals_of_one_question_over_one_menu_are_duplicates_and_the_same_question_with_a_call_is_another_task()
    {
        TestVerdict[] verdicts =
        [
            .. Curricula.Filter(
                [
                    Candidate(0, Given.Proposal(Question, gold: "[]"), None),
                    Candidate(1, Given.Proposal(Question.ToUpperInvariant(), gold: "[ ]"), None),
                    Candidate(2, Given.Proposal(Question, gold: """[{"name":"add_numbers","arguments":{"first":3}}]"""), Given.Spec),
                ],
                HeldOutGuard.None,
                Given.Options),
        ];
        verdicts.Select(v => v.Reason).ShouldBe([null, Rejections.Duplicate, null]);
    }

    [Fact]
    public void Refusals_are_verified_labelled_and_selected_like_any_task()
    {
        var verdict = Judge(Given.Proposal(Question, gold: "[]"), None);
        foreach (var compare in new[] { VerifyCompare.Names, VerifyCompare.Calls })
        {
            var options = Given.Options with { Curriculum = Given.Options.Curriculum with { Compare = compare } };
            Select(4).Tasks.Single().ShouldBe(new SelectedTask(verdict.Candidate.Task, "units", "medium", 0.5, verdict.Fingerprint!));
            Select(0).Rejected.Single().Reason.ShouldBe(Rejections.LowAgreement);

            CurriculumSelection Select(int right) => Curricula.Select([new TestVerified(verdict, Given.Probes(right, gold: "[]"))], 1, options);
        }
    }

    [Fact]
    public void A_right_refusal_earns_everything_and_a_call_no_accuracy()
    {
        var right = Solve(Task, Given.Answer("[]"));
        (right.Format, right.Accuracy, right.Total, right.Exact).ShouldBe((1.0, 1.0, 2.0, true));
        right.Reasons.ShouldBeEmpty();

        var wrong = Solve(Task, Given.Answer());
        (wrong.Format, wrong.Accuracy, wrong.Exact).ShouldBe((1.0, 0.0, false));
        wrong.ExtraCallFactor.ShouldBe(1 / 1.25);
        wrong.Reasons.ShouldBe([Reasons.NotRefused]);
    }

    [Fact]
    public void A_wrong_refusal_earns_no_accuracy_and_not_the_term_for_a_call()
    {
        var score = Solve(Given.Task(), Given.Answer("[]"));
        (score.Format, score.Accuracy, score.Exact).ShouldBe((0.6, 0.0, false));
        score.Reasons.ShouldBe([Reasons.NoCalls]);
    }

    [Theory]
    [InlineData("no tool fits")]
    [InlineData("<think>x</think><tool_call_answer></tool_call_answer>")]
    [InlineData("<think>x</think><tool_call_answer>none</tool_call_answer>")]
    [InlineData("<think>x</think><tool_call_answer>[</tool_call_answer>")]
    [InlineData("<think>x</think><tool_call_answer>{}</tool_call_answer>")]
    [InlineData("<think>x</think><tool_call_answer>null</tool_call_answer>")]
    public void Saying_nothing_that_can_be_read_is_no_refusal(string text)
    {
        var score = Solve(Task, text);
        (score.Exact, score.Accuracy).ShouldBe((false, 0.0));
        score.Format.ShouldBeLessThan(1);
        score.Reasons.ShouldNotBeEmpty();
    }

    [Fact]
    public void Evaluation_counts_refusals_by_class_like_any_item()
    {
        var answers = new (string Class, AttemptScore Score)[]
        {
            ("refusal", Solve(Task, Given.Answer("[]"))),
            ("refusal", Solve(Task, "no tool fits")),
            ("refusal", Solve(Task, Given.Answer())),
            ("units", Solve(Given.Task(), Given.Answer("[]"))),
            ("units", Solve(Given.Task(), Given.Answer())),
        };
        var evaluated = StepMetrics.Evaluated("r", 1, "refusal", "p", answers);
        evaluated.Accuracy.ShouldBe(0.4);
        evaluated.ByClass.ShouldBe(new Dictionary<string, double> { ["refusal"] = 1 / 3.0, ["units"] = 0.5 });
    }

    private static ProposalScore Score(string text, TaskSpec spec, RunOptions options, TaskAttempted probes)
    {
        var group = Given.Proposed(spec, Given.Sample(text));
        return GeneratorReward.ScoreGroup(group, Given.AllRan(group), [probes], [], 1, options).Single();
    }

    private static AttemptScore Solve(ToolTask task, string text) => SolverReward.Score(0, task, text, Given.Options.Solver);

    private static TestCandidate Candidate(int index, string text, TaskSpec spec, SampleExecution? execution = null)
    {
        var gold = ProposalParser.ParseForCurriculum(text).ToTask(spec)?.Gold ?? [];
        return new TestCandidate(
            new TaskRef($"task/r/1/{index}", 0),
            index,
            spec,
            Given.Sample(text),
            execution ?? new SampleExecution(0, [.. gold.Select(call => new CallOutcome(call, CallStatus.Succeeded, "1", null))]));
    }

    private static TestVerdict Judge(string text, TaskSpec spec, SampleExecution? execution = null) =>
        Curricula.Filter([Candidate(0, text, spec, execution)], HeldOutGuard.None, Given.Options).Single();
}
