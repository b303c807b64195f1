using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class GeneratorRewardTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.5812)]
    [InlineData(2, 1)]
    [InlineData(4, 1)]
    [InlineData(6, 1)]
    [InlineData(7, 0.5812)]
    [InlineData(8, 0.1142)]
    public void Difficulty_rewards_what_the_Solver_answers_sometimes(int right, double reward)
    {
        var group = Given.Proposed(Given.Proposal());
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [Given.Probes(right)], [], 1, Given.Options).Single();
        score.PassRate.ShouldBe(right / 8.0);
        score.Difficulty.ShouldBe(reward, 0.0001);
        score.Format.ShouldBe(1, 1e-9);
        score.Validity.ShouldBe(1, 1e-9);
        score.Curriculum.ShouldBe(reward / 2, 0.0001);
        score.Coherence.ShouldBeNull();
        score.Total.ShouldBe(2 + reward / 2, 0.0001);
    }

    [Fact]
    public void With_the_strict_gate_a_missing_block_leaves_nothing_and_the_curriculum_part_needs_both_lists()
    {
        Presets.Paper.Generator.Reward.StrictGate.ShouldBeTrue();
        ShippedPresets.Nano.Generator.Reward.StrictGate.ShouldBeFalse();
        var strict = Given.Options.Generator.Reward with { StrictGate = true, CoherenceWeight = 0.5 };
        var probes = new ProbeResult(0.5, 0.5, true, 8);
        ProposalScore Score(string text, GeneratorRewardOptions options) =>
            GeneratorReward.Compose(0, ProposalParser.ParseForReward(text), Given.Spec, probes, 8, 1, 1, options);

        Score(Given.Proposal(), strict).Total.ShouldBe(3, 1e-9);
        foreach (var tag in Tags.OfProposal)
        {
            foreach (var text in (string[])[Without(tag), Emptied(tag)])
            {
                var score = Score(text, strict);
                (score.Format, score.Validity, score.Curriculum, score.Total).ShouldBe((0, 0, 0, 0), text);
                if (tag != Tags.Question)
                    (Score(text, strict with { StrictGate = false }).Total > 0).ShouldBeTrue(text);
            }
        }

        var noTools = Score(Given.Proposal(tools: "none"), strict);
        (noTools.Format, noTools.Curriculum).ShouldBe((2.0 / 3, 0));
        var noGold = Score(Given.Proposal(gold: "[1]"), strict);
        (noGold.Format, noGold.Validity, noGold.Curriculum).ShouldBe((2.0 / 3, 0, 0));
        Score(Given.Proposal(tools: "none"), strict with { StrictGate = false }).Curriculum.ShouldBe(1);

        static string Without(string tag) => System.Text.RegularExpressions.Regex.Replace(Given.Proposal(), $"<{tag}>.*</{tag}>", "");
        static string Emptied(string tag) =>
            System.Text.RegularExpressions.Regex.Replace(Given.Proposal(), $"<{tag}>.*</{tag}>", $"<{tag}> </{tag}>");
    }

    [Fact]
    public void Probe_answers_agree_whatever_the_order_and_spelling()
    {
        var probes = Given.Attempted(
            AttemptPurpose.Probe,
            Given.Answer("""[{"arguments": {"unit": "mile", "value": 3.0}, "name": "convert_length"}]"""),
            Given.Answer("""{"tool_name":"convert_length","unit":"mile","value":3}"""),
            Given.Answer("""[{"name":"convert_length","arguments":{"value":"3","unit":"mile"}}]"""),
            "no answer");
        var result = Difficulty.Probe(Given.CallsOf(Given.Gold), probes.Samples);
        result.PassRate.ShouldBe(0.5);
        result.Consistency.ShouldBe(0.5);
        result.GoldIsMode.ShouldBeTrue();
    }

    [Fact]
    public void Void_probes_do_not_count()
    {
        var samples = Given.Probes(2, of: 4).Samples.Append(Given.Void()).ToArray();
        Difficulty.Probe(Given.CallsOf(Given.Gold), samples).PassRate.ShouldBe(0.5);
        var group = Given.Proposed(Given.Proposal());
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [Given.Attempted(AttemptPurpose.Probe, Given.Void())], [], 1,
            Given.Options).Single();
        score.Void.ShouldBeTrue();
        score.Reasons.ShouldBe([Reasons.VoidProbes]);
    }

    [Fact]
    public void A_task_too_long_for_the_Solvers_prompt_is_its_own_fault_and_no_void()
    {
        var group = Given.Proposed(Given.Proposal());
        var probes = Given.Attempted(AttemptPurpose.Probe, Given.Void() with { VoidCause = VoidCauses.PromptTooLong });
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [probes], [], 1, Given.Options).Single();
        (score.Void, score.PassRate, score.Difficulty, score.Validity).ShouldBe((false, null, 0.0, 1.0));
        score.Reasons.ShouldBe([Reasons.PromptTooLong]);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("the generated user question here")]
    [InlineData("These are the Rules to Satisfy, with 3 mile")]
    public void A_placeholder_earns_nothing(string question)
    {
        var group = Given.Proposed(Given.Proposal(question));
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [null], [], 1, ShippedPresets.Nano).Single();
        score.Total.ShouldBe(0);
        score.Void.ShouldBeFalse();
        score.Reasons.ShouldBe([Reasons.Placeholder]);
        GeneratorReward.Probeable(group, Given.AllRan(group), ShippedPresets.Nano).ShouldBe([null]);
    }

    [Fact]
    public void Each_format_indicator_counts_a_third()
    {
        Format(Given.Proposal(think: "")).ShouldBe(2.0 / 3, 1e-9);
        Format(Given.Proposal(tools: "[{")).ShouldBe(2.0 / 3, 1e-9);
        Format(Given.Proposal(gold: "[...]")).ShouldBe(2.0 / 3, 1e-9);
        Format(Given.Proposal(tools: "", gold: "")).ShouldBe(0, 1e-9);

        static double Format(string text) => Score(text).Format;
    }

    [Theory]
    [InlineData("""[{"name":"unknown","arguments":{"value":3,"unit":"mile"}}]""", 0.2)]
    [InlineData("""[{"name":"convert_length","arguments":{"value":3}}]""", 0.6)]
    [InlineData("""[{"name":"convert_length","arguments":{"value":4,"unit":"mile"}}]""", 0.8)]
    [InlineData("""[{"name":"add_numbers","arguments":{"first":3}}]""", 1)]
    [InlineData("""[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}},{"name":"unknown","arguments":{}}]""", 0.2)]
    public void Validity_looks_at_every_gold_call(string gold, double validity) =>
        Score(Given.Proposal(gold: gold)).Validity.ShouldBe(validity, 1e-9);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.125, 0)]
    [InlineData(0.25, 1)]
    [InlineData(0.5, 1)]
    [InlineData(0.75, 1)]
    [InlineData(0.875, 0)]
    [InlineData(1, 0)]
    public void A_hard_band_has_no_flanks(double passRate, double reward) =>
        Difficulty.Reward(passRate, 8, new GeneratorRewardOptions { HardBand = true }).ShouldBe(reward);

    [Fact]
    public void A_gold_call_that_failed_is_no_task()
    {
        var group = Given.Proposed(Given.Proposal());
        var failed = new ToolCallsExecuted("r",
            [new SampleExecution(0, [new CallOutcome(Given.Call(Given.Gold), CallStatus.Failed, null, "no such unit")])]);
        GeneratorReward.Probeable(group, failed, Given.Options).ShouldBe([null]);
        var score = GeneratorReward.ScoreGroup(group, failed, [null], [], 1, Given.Options).Single();
        score.Validity.ShouldBe(1);
        score.Difficulty.ShouldBe(0);
        score.PassRate.ShouldBeNull();
        score.Reasons.ShouldBe([Reasons.GoldNotExecutable]);
    }

    [Fact]
    public void A_failure_of_infrastructure_is_void_and_leaves_the_group()
    {
        var group = Given.Proposed(Given.Spec, Given.Sample(Given.Proposal()), Given.Void(), Given.Sample(Given.Proposal()), Given.Sample("nothing"));
        var executed = new ToolCallsExecuted(
            "r", [.. Given.AllRan(group).Samples.Take(2), new SampleExecution(2, [], VoidCause: "executor down"), new SampleExecution(3, [])]);
        var scores = GeneratorReward.ScoreGroup(group, executed, [Given.Probes(4), null, null, null], [], 1, Given.Options);
        scores.Select(s => s.Void).ShouldBe([false, true, true, false]);
        scores[1].Reasons.ShouldBe([Reasons.VoidSample]);
        scores[2].Reasons.ShouldBe([Reasons.VoidExecution]);
        scores[1].Advantage.ShouldBe(0);

        // Two count: 2.5 and 0; mean 1.25, std 1.7678.
        scores[0].Advantage.ShouldBe(1.25 / (1.767767 + 1e-4), 1e-5);
        scores[3].Advantage.ShouldBe(-1.25 / (1.767767 + 1e-4), 1e-5);
    }

    [Fact]
    public void A_task_that_should_have_been_probed_and_was_not_is_void()
    {
        var group = Given.Proposed(Given.Proposal());
        GeneratorReward.ScoreGroup(group, Given.AllRan(group), [null], [], 1, Given.Options).Single().Reasons.ShouldBe([Reasons.NotProbed]);
    }

    [Fact]
    public void Obedience_gives_format_only_with_matching_counts_and_halves_validity()
    {
        var options = ShippedPresets.Nano;
        var other = Given.Spec with { MenuSize = 3 };
        var obeyed = Score(Given.Proposal(), options);
        var disobeyed = Score(Given.Proposal(), options, other);
        (obeyed.Format, obeyed.Validity).ShouldBe((1.0, 1.0));
        (disobeyed.Format, disobeyed.Validity).ShouldBe((0.0, 0.5));
        disobeyed.Reasons.ShouldContain(Reasons.MenuSizeDiffers);

        var doubled = Given.Tools.Replace("add_numbers", "convert_length");
        Score(Given.Proposal(tools: doubled), options).Reasons.ShouldContain(Reasons.MenuSizeDiffers);
    }

    [Fact]
    public void From_an_iteration_on_the_gold_must_be_the_Solvers_most_frequent_answer()
    {
        var probes = Given.Attempted(
            AttemptPurpose.Probe,
            [.. Enumerable.Range(0, 8).Select(i => i < 3 ? Given.Answer() : Given.Answer("""[{"name":"add_numbers","arguments":{"first":3}}]"""))]);
        Score(Given.Proposal(), ShippedPresets.Nano, probes: probes, iteration: 1).Difficulty.ShouldBe(1);
        var later = Score(Given.Proposal(), ShippedPresets.Nano, probes: probes, iteration: 2);
        later.Difficulty.ShouldBe(0);
        later.PassRate.ShouldBe(3.0 / 8);
        later.Consistency.ShouldBe(5.0 / 8);
        later.Reasons.ShouldContain(Reasons.GoldNotMajority);
    }

    [Fact]
    public void Repetition_costs_the_share_of_the_batch_that_asks_the_same()
    {
        Repetition.Shares(["convert 3 miles to feet", "convert 4 miles to feet", "what a lovely day", null], 0.30)
            .ShouldBe([0.5, 0.5, 0.25, 0]);
        Repetition.Shares(["convert 3 miles to feet", "Convert 3 miles to feet ", "what a lovely day", "convert 3 miles to feet!"], 0.30)
            .ShouldBe([0.75, 0.75, 0.25, 0.75]);

        var group = Given.Proposed(Given.Proposal(), Given.Proposal());
        var score = GeneratorReward.ScoreGroup(group, Given.AllRan(group), [Given.Probes(4), Given.Probes(4)], [], 1, ShippedPresets.Nano)[0];
        score.Repetition.ShouldBe(1);
        score.Total.ShouldBe(3 - 0.2, 1e-9);
        score.Advantage.ShouldBe(0);
    }

    [Fact]
    public void A_question_is_repeated_within_the_step_or_within_its_group()
    {
        const string miles = "Please convert 3 mile to kilometres", dozen = "How many eggs make three dozen?";
        TasksProposed[] step =
        [
            Given.Proposed(Given.Proposal(miles), Given.Proposal(dozen)),
            Given.Proposed(Given.Spec, Given.Sample(Given.Proposal(miles + "!")), Given.Void(), Given.Sample(Given.Proposal(miles)),
                Given.Sample("no question")),
        ];
        var batch = new GeneratorRewardOptions { RepetitionWeight = 0.2 };

        // Five proposals count, three of them ask for miles; the void one is in no batch.
        Repetition.OfGroups(step, batch).ShouldBe([[3.0 / 5, 1.0 / 5], [3.0 / 5, 0, 3.0 / 5, 0]]);
        Repetition.OfGroups(step, batch with { RepetitionScope = RepetitionScope.Group }).ShouldBe([[1.0 / 2, 1.0 / 2], [2.0 / 3, 0, 2.0 / 3, 0]]);
        Repetition.OfGroups(step, batch with { RepetitionWeight = 0 }).ShouldBe([[0, 0], [0, 0, 0, 0]]);

        Total(batch).ShouldBe(2.5 - (0.2 * 3 / 5), 1e-9);
        Total(batch with { RepetitionScope = RepetitionScope.Group }).ShouldBe(2.5 - (0.2 / 2), 1e-9);

        double Total(GeneratorRewardOptions reward)
        {
            var options = Presets.Paper with { Generator = Presets.Paper.Generator with { Reward = reward with { CoherenceWeight = 0 } } };
            var shares = Repetition.OfGroups(step, reward);
            return GeneratorReward.ScoreGroup(step[0], Given.AllRan(step[0]), [Given.Probes(4), Given.Probes(4)], [], 1, options, shares[0])[0].Total;
        }
    }

    [Fact]
    public void Jaccard_distance_is_taken_over_character_3_grams()
    {
        // abcd: abc bcd; bcde: bcd cde; one of three in common.
        Repetition.Distance("abcd", "bcde").ShouldBe(2.0 / 3, 1e-12);
    }

    [Theory]
    [InlineData("3", "convert three miles", true)]
    [InlineData("\"seven\"", "add 7 and 8", true)]
    [InlineData("90", "turn by ninety degrees", true)]
    [InlineData("21", "twenty one", false)]
    [InlineData("1500", "pay 1,500 now", true)]
    [InlineData("\"1,500\"", "pay 1500 now", true)]
    [InlineData("1234567", "all of 1,234,567 people", true)]
    [InlineData("3.0", "exactly 3 miles", true)]
    [InlineData("2.5", "about 2.5 miles", true)]
    [InlineData("2.50", "about 2.5 miles", true)]
    [InlineData("2.50", "about 2.50 miles", true)]
    [InlineData("\"3.10\"", "python 3.1", false)]
    [InlineData("\"3,4\"", "lamps 3 and 34", false)]
    [InlineData("\"1,234,567\"", "all of 1234567 people", true)]
    [InlineData("\"1,23\"", "pay 123 now", false)]
    [InlineData("15", "pay 150 now", false)]
    [InlineData("\"New York\"", "fly to NEW-YORK!", true)]
    [InlineData("\"york\"", "the yorkshire pudding", false)]
    [InlineData("\"３\"", "exactly 3 miles", true)]
    [InlineData("\"cafe\u0301\"", "the café", true)]
    [InlineData("true", "nothing", true)]
    [InlineData("null", "nothing", true)]
    [InlineData("\"\"", "nothing", false)]
    [InlineData("\"+\"", "1 + 2", true)]
    [InlineData("\"+\"", "1 plus 2", false)]
    [InlineData("-5", "minus -5 degrees", true)]
    [InlineData("[3,\"x\"]", "3 of x", true)]
    [InlineData("[3,\"y\"]", "3 of x", false)]
    public void A_value_is_grounded_when_a_variant_of_it_stands_in_the_question(string value, string question, bool grounded) =>
        Grounding.IsGrounded(question, Given.Json(value)).ShouldBe(grounded);

    [Fact]
    public void Calling_nothing_is_right_only_where_the_spec_asks_for_it()
    {
        var refusal = Given.Spec with { Calls = 0 };
        ProposalParser.ParseForReward(Given.Proposal(gold: "[]")).ToTask(Given.Spec).ShouldBeNull();
        ProposalParser.ParseForReward(Given.Proposal(gold: "[]")).ToTask(refusal)!.Gold.ShouldBeEmpty();
        Score(Given.Proposal(gold: "[]"), spec: refusal).Validity.ShouldBe(1, 1e-9);
        Score(Given.Proposal(gold: "[]")).Validity.ShouldBe(0);
    }

    private static ProposalScore Score(
        string text, RunOptions? options = null, TaskSpec? spec = null, TaskAttempted? probes = null, int iteration = 1)
    {
        var group = Given.Proposed(spec ?? Given.Spec, Given.Sample(text));
        return GeneratorReward.ScoreGroup(group, Given.AllRan(group), [probes ?? Given.Probes(4)], [], iteration, options ?? Given.Options).Single();
    }
}
