using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Audit;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>The frozen Solver asked as a judge: coherence of proposals, difficulty of candidates.</summary>
public sealed class JudgeTests
{
    private static readonly JudgeOptions Void = new();
    private static readonly JudgeOptions Middle = new() { OnFailure = JudgeFailure.Middle };

    [Theory]
    [InlineData("It is fine. <score>4</score>", 4)]
    [InlineData("<SCORE> 5 </Score>", 5)]
    [InlineData("<score>2</score> no, <score>3.</score>", 3)]
    [InlineData("<score>4/5</score>", 4)]
    [InlineData("1", 1)]
    [InlineData(" 3. ", 3)]
    [InlineData("<score>0</score>", null)]
    [InlineData("<score>6</score>", null)]
    [InlineData("<score>digit</score>", null)]
    [InlineData("<score>45</score>", null)]
    [InlineData("<score>4", null)]
    [InlineData("I would say 4", null)]
    [InlineData("", null)]
    public void A_score_is_a_digit_from_1_to_5(string text, int? score)
    {
        Judge.ScoreIn(text).ShouldBe(score);
        Judge.IsReadable(AttemptPurpose.Judge, text).ShouldBe(score is not null);
    }

    [Theory]
    [InlineData("One tool. <difficulty>easy</difficulty>", "easy")]
    [InlineData("<Difficulty>Hard.</Difficulty>", "hard")]
    [InlineData("medium", "medium")]
    [InlineData("<difficulty>word</difficulty>", null)]
    [InlineData("<difficulty>very hard</difficulty>", null)]
    [InlineData("4", null)]
    public void A_label_is_one_of_three_words(string text, string? label)
    {
        Judge.LabelIn(text).ShouldBe(label);
        Judge.IsReadable(AttemptPurpose.Label, text).ShouldBe(label is not null);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0.5)]
    [InlineData(4, 0.75)]
    [InlineData(5, 1)]
    public void Coherence_is_the_score_brought_to_the_unit_interval(int score, double coherence)
    {
        Judge.Coherence(score).ShouldBe(coherence);
        var scored = Score(Said($"<score>{score}</score>"), Presets.Paper);
        scored.Coherence.ShouldBe(coherence);

        // p̂ = 1/2: 0.5 · 1 + 0.5 · coherence.
        scored.Curriculum.ShouldBe(0.5 + 0.5 * coherence, 1e-12);
        scored.Total.ShouldBe(2.5 + 0.5 * coherence, 1e-12);
    }

    [Fact]
    public void The_first_answer_that_can_be_read_counts()
    {
        Judge.Score(Said("hm", "<score>2</score>", "<score>5</score>"), Void).ShouldBe(2);
        Judge.Label(Said("hm", "easy", "hard"), Void).ShouldBe("easy");
    }

    [Fact]
    public void A_judge_that_says_nothing_makes_the_proposal_void_and_is_never_a_3_unless_the_options_say_so()
    {
        var silent = Said("hm", "fine", "good");
        var score = Score(silent, Presets.Paper);
        (score.Void, score.Total, score.Advantage).ShouldBe((true, 0, 0));
        score.Reasons.ShouldBe([Reasons.VoidJudge]);
        Score(Given.Attempted(AttemptPurpose.Judge, Given.Void()), Presets.Paper).Reasons.ShouldBe([Reasons.VoidJudge]);
        Score(silent, Presets.Paper with { Judge = Middle }).Coherence.ShouldBe(0.5);
        Judge.Label(silent, Void).ShouldBeNull();
        Judge.Label(null, Void).ShouldBeNull();
        Judge.Label(silent, Middle).ShouldBe("medium");
    }

    [Fact]
    public void A_proposal_that_should_have_been_judged_and_was_not_is_void() => Score(null, Presets.Paper).Reasons.ShouldBe([Reasons.NotJudged]);

    [Fact]
    public void A_task_too_long_for_the_judges_prompt_is_not_coherent()
    {
        var score = Score(Given.Attempted(AttemptPurpose.Judge, Given.Void() with { VoidCause = VoidCauses.PromptTooLong }), Presets.Paper);
        (score.Void, score.Coherence, score.Difficulty).ShouldBe((false, 0.0, 1.0));
        score.Reasons.ShouldBe([Reasons.PromptTooLong]);
    }

    [Fact]
    public void Without_weight_nobody_is_asked()
    {
        Score(null, Given.Options).Coherence.ShouldBeNull();
        Score(Said("<score>1</score>"), Given.Options).Coherence.ShouldBeNull();
    }

    [Fact]
    public void A_void_judgement_leaves_the_groups_statistics()
    {
        var group = Given.Proposed(Given.Proposal(), Given.Proposal(), Given.Proposal());
        var scores = GeneratorReward.ScoreGroup(
            group, Given.AllRan(group), [Given.Probes(4), Given.Probes(4), Given.Probes(4)], [Said("5"), Said("hm"), Said("1")], 1, Presets.Paper);

        // 3 and 2.5 count: mean 2.75, std 0.35355.
        scores.Select(s => s.Advantage).ShouldBe([0.25 / (0.3535534 + 1e-4), 0, -0.25 / (0.3535534 + 1e-4)], 1e-5);
    }

    [Fact]
    public void Labels_come_from_the_judge_where_the_option_says_so_and_decide_the_order()
    {
        var options = Presets.Paper with { Curriculum = Presets.Paper.Curriculum with { LabelBy = LabelBy.Judge } };
        string[] said = ["<difficulty>hard</difficulty>", "<difficulty>easy</difficulty>", "no idea", "medium"];
        var verified = said.Select((text, i) => new TestVerified(Survivor(i), Given.Probes(8), Said(text))).ToList();

        var selection = Curricula.Select(verified, 1, options);
        selection.Tasks.Select(task => task.Label).ShouldBe(["easy", "medium", "hard"]);
        selection.Rejected.ShouldHaveSingleItem().ShouldBe(new RejectedCandidate(verified[2].Verdict.Candidate.Task, Rejections.VoidJudge, null));
        Curricula.Select(verified, 1, options with { Judge = Middle }).Tasks.Count(task => task.Label == "medium").ShouldBe(2);
        Curricula.Select([verified[0] with { Judged = null }], 1, options).Rejected.Single().Reason.ShouldBe(Rejections.VoidJudge);
        var tooLong = Given.Attempted(AttemptPurpose.Label, Given.Void() with { VoidCause = VoidCauses.PromptTooLong });
        Curricula.Select([verified[0] with { Judged = tooLong }], 1,
            options with { Judge = Middle }).Rejected.Single().Reason.ShouldBe(Rejections.PromptTooLong);
        Curricula.Select(verified, 1, Presets.Paper).Tasks.ShouldAllBe(task => task.Label == "easy");
    }

    [Fact]
    public void Only_what_verification_keeps_is_worth_asking_for()
    {
        Curricula.Passes(Survivor(0), Given.Probes(2), 1, Presets.Paper).ShouldBeTrue();
        Curricula.Passes(Survivor(0), Given.Probes(1), 1, Presets.Paper).ShouldBeFalse();
        Curricula.Passes(Survivor(0), Given.Attempted(AttemptPurpose.Verify, Given.Void()), 1, Presets.Paper).ShouldBeFalse();
    }

    [Theory]
    [InlineData(AttemptPurpose.Judge, "<score>digit</score>")]
    [InlineData(AttemptPurpose.Label, "<difficulty>word</difficulty>")]
    public void The_judge_is_shown_the_whole_task_and_told_how_to_answer(AttemptPurpose purpose, string form)
    {
        var task = Given.Task(question: "How long is {menu}?");
        var paper = SolverPrompt.Of(task, purpose, Presets.Paper.Prompts);
        paper.Select(turn => turn.Role).ShouldBe(["system", "user"]);
        foreach (var part in new[] { task.Question, MenuReader.ToJson(task.Menu), Calls.ToJson(task.Gold), form })
            paper[1].Content.ShouldContain(part);
        Judge.IsReadable(purpose, paper[1].Content).ShouldBeFalse();
        var compact = SolverPrompt.Of(task, purpose, ShippedPresets.Nano.Prompts).ShouldHaveSingleItem().Content;
        compact.ShouldContain(Calls.ToJson(task.Gold));
        compact.Length.ShouldBeLessThan(paper[1].Content.Length / 2);
        SolverPrompt.Of(task, AttemptPurpose.Train, Presets.Paper.Prompts).ShouldBe(SolverPrompt.Render(task, Presets.Paper.Prompts));
    }

    [Fact]
    public async Task A_judged_run_audits_and_an_altered_judgement_is_found()
    {
        var options = SimulatedRun.Options with
        {
            Generator = SimulatedRun.Options.Generator with { Reward = SimulatedRun.Options.Generator.Reward with { CoherenceWeight = 0.5 } },
            Curriculum = SimulatedRun.Options.Curriculum with { LabelBy = LabelBy.Judge },
        };
        var facts = SimulatedRun.Facts(options);
        (await Audit(facts)).ShouldBeEmpty();
        facts.Select(f => f.Fact).OfType<ProposalsScored>().SelectMany(s => s.Scores).ShouldContain(s => s.Coherence == 0.75);
        facts.Select(f => f.Fact).OfType<CurriculumSelected>().SelectMany(s => s.Tasks).ShouldAllBe(t => t.Label == "hard");

        await Found(AttemptPurpose.Judge, attempt => [Text(attempt.Samples[0], "<score>1</score>")], "scores[0].coherence");
        await Found(AttemptPurpose.Judge, attempt => [attempt.Samples[0], attempt.Samples[0]], "samples.count");
        await Found(AttemptPurpose.Judge, attempt => [Text(attempt.Samples[0], "hm")], "samples.count");
        await Found(AttemptPurpose.Label, attempt => [Text(attempt.Samples[0], "easy")], "tasks[0]");

        async Task Found(AttemptPurpose purpose, Func<TaskAttempted, Trajectory[]> alter, string field)
        {
            var altered = facts.ToList();
            var at = altered.FindIndex(f => f.Fact is TaskAttempted attempt && attempt.Purpose == purpose);
            var attempt = (TaskAttempted)altered[at].Fact;
            var samples = alter(attempt);
            altered[at] = altered[at] with { Fact = attempt with { Samples = samples, Digest = Digests.OfGroup(attempt.PromptTokens, samples) } };
            (await Audit(altered)).ShouldContain(f => f.Field.StartsWith(field, StringComparison.Ordinal));
        }
    }

    private static Trajectory Text(Trajectory sample, string text) =>
        sample with { Text = text, Tokens = [.. text.Select(c => (int)c)], LogProbs = [.. text.Select(_ => -1f)] };

    private static TaskAttempted Said(params string[] texts) => Given.Attempted(AttemptPurpose.Judge, texts);

    private static ProposalScore Score(TaskAttempted? judged, RunOptions options)
    {
        var group = Given.Proposed(Given.Proposal());
        return GeneratorReward.ScoreGroup(group, Given.AllRan(group), [Given.Probes(4)], [judged], 1, options).Single();
    }

    private static TestVerdict Survivor(int index)
    {
        var sample = Given.Sample(Given.Proposal($"Please convert 3 mile of road {(char)('a' + index)}"));
        var candidate = new TestCandidate(
            new TaskRef($"task/r/1/{index}", 0), index, Given.Spec, sample,
                new SampleExecution(0, [new CallOutcome(Given.Call(Given.Gold), CallStatus.Succeeded, "1", null)]));
        return Curricula.Filter([candidate], HeldOutGuard.None, Given.Options).Single(v => v.Survives);
    }

    private static async Task<List<AuditFinding>> Audit(IEnumerable<StoredFact> facts)
    {
        var findings = new List<AuditFinding>();
        await foreach (var finding in RunAudit.CheckAsync(
            facts.ToAsyncEnumerable(), SimulatedRun.Decode, SimulatedRun.EncodePrompt, SimulatedRun.HeldOut,
            cancellation: TestContext.Current.CancellationToken))
        {
            findings.Add(finding);
        }

        return findings;
    }
}
