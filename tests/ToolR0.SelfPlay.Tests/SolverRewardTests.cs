using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class SolverRewardTests
{
    private const string Two =
        """[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}},{"name":"add_numbers","arguments":{"first":1,"second":2}}]""";

    [Fact]
    public void The_gold_calls_earn_everything()
    {
        var score = Score(Given.Answer());
        (score.Format, score.Accuracy, score.Total, score.Exact).ShouldBe((1.0, 1.0, 2.0, true));
        score.Reasons.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("nothing", 0, Reasons.NoAnswerTag)]
    [InlineData("<think>x</think><tool_call_answer></tool_call_answer>", 0, Reasons.NoAnswerTag)]
    [InlineData("<think>x</think><tool_call_answer>[oops</tool_call_answer>", 0.3, Reasons.NotParsed)]
    [InlineData("<think>x</think><tool_call_answer>7</tool_call_answer>", 0.6, Reasons.NotNormalised)]
    [InlineData("<think>x</think><tool_call_answer>[]</tool_call_answer>", 0.6, Reasons.NoCalls)]
    public void Format_is_earned_step_by_step(string text, double format, string reason)
    {
        var score = Score(text);
        score.Format.ShouldBe(format, 1e-9);
        score.Accuracy.ShouldBe(0);
        score.Reasons.ShouldContain(reason);
    }

    [Fact]
    public void Without_the_think_block_there_is_accuracy_only_where_it_is_not_demanded()
    {
        var text = $"<tool_call_answer>{Given.Gold}</tool_call_answer>";
        var demanded = Score(text);
        (demanded.Format, demanded.Accuracy, demanded.Exact).ShouldBe((1.0, 0.0, true));
        demanded.Reasons.ShouldBe([Reasons.NoThink]);
        Score(text, options: ShippedPresets.Nano.Solver).Accuracy.ShouldBe(1);
    }

    [Theory]

    // Wrong name: 0.3 + 0.5.
    [InlineData("""[{"name":"x","arguments":{"value":3,"unit":"mile"}}]""", 0.8)]

    // One of two keys: F1 = 2·1/(2+1) = 2/3; the common one matches.
    [InlineData("""[{"name":"convert_length","arguments":{"value":3}}]""", 0.2 + 0.3 * 2 / 3 + 0.5)]

    // One of two values.
    [InlineData("""[{"name":"convert_length","arguments":{"value":3,"unit":"yard"}}]""", 0.2 + 0.3 + 0.25)]

    // No common key.
    [InlineData("""[{"name":"convert_length","arguments":{"x":3}}]""", 0.2)]

    // An extra call: 1 / 1.25; two: 1 / 1.5.
    [InlineData("""[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}},{"name":"x"}]""", 0.8)]
    [InlineData("""[{"name":"y"},{"name":"convert_length","arguments":{"value":"3.0","unit":" mile "}},{"name":"x"}]""", 1 / 1.5)]
    public void Accuracy_is_the_weighted_pair_score_times_the_penalty_for_extra_calls(string calls, double accuracy) =>
        Score(Given.Answer(calls)).Accuracy.ShouldBe(accuracy, 1e-9);

    [Fact]
    public void Two_gold_calls_take_their_best_unused_predictions()
    {
        Score(Given.Answer(Two), Two).Accuracy.ShouldBe(1);
        var missing = Score(Given.Answer(Given.Gold), Two);
        missing.Accuracy.ShouldBe(0.5);
        missing.Reasons.ShouldContain(Reasons.MissingCalls);

        // The same right call twice: the second gold call gets the second copy: wrong name, no common keys.
        Score(Given.Answer(Given.Gold[..^1] + "," + Given.Gold[1..]), Two).Accuracy.ShouldBe(0.5);
    }

    [Theory]
    [InlineData("3", "3.0", true)]
    [InlineData("3", "\"3\"", true)]
    [InlineData("\"3.50\"", "3.5", true)]
    [InlineData("\"a  b \"", "\"a b\"", true)]
    [InlineData("\"A\"", "\"a\"", false)]
    [InlineData("true", "true", true)]
    [InlineData("true", "\"true\"", false)]
    [InlineData("true", "1", false)]
    [InlineData("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", true)]
    [InlineData("null", "null", true)]
    [InlineData("12345678901234567890", "12345678901234567891", false)]
    public void Values_match_by_meaning(string a, string b, bool match)
    {
        SolverReward.ValuesMatch(Given.Json(a), Given.Json(b)).ShouldBe(match);
        SolverReward.ValuesMatch(Given.Json(b), Given.Json(a)).ShouldBe(match);
    }

    [Fact]
    public void Where_nothing_is_to_be_called_only_calling_nothing_scores()
    {
        var none = new ToolTask("What a day", Given.Task().Menu, []);
        var right = SolverReward.Score(0, none, Given.Answer("[]"), Given.Options.Solver);
        (right.Format, right.Accuracy, right.Exact).ShouldBe((1.0, 1.0, true));
        SolverReward.Score(0, none, Given.Answer(), Given.Options.Solver).Accuracy.ShouldBe(0);
    }

    [Fact]
    public void A_void_attempt_or_execution_is_void_and_leaves_the_group()
    {
        var attempt = Given.Attempted(
            AttemptPurpose.Train, Given.Sample(Given.Answer()), Given.Void(), Given.Sample("nothing"), Given.Sample(Given.Answer()));
        var executed = new ToolCallsExecuted(
            "r", [new SampleExecution(0, []), new SampleExecution(1, []), new SampleExecution(2, []), new SampleExecution(3, [], "executor down")]);
        var scores = SolverReward.ScoreGroup(Given.Task(), attempt, executed, Given.Options);
        scores.Select(s => s.Void).ShouldBe([false, true, false, true]);

        // 2 and 0: mean 1, std 1.41421.
        scores[0].Advantage.ShouldBe(1 / (Math.Sqrt(2) + 1e-4), 1e-9);
        scores[2].Advantage.ShouldBe(-1 / (Math.Sqrt(2) + 1e-4), 1e-9);
        scores[3].Advantage.ShouldBe(0);
    }

    [Fact]
    public void The_random_control_draws_its_reward_from_the_seed_and_only_in_training()
    {
        var control = Given.Options with { Solver = Given.Options.Solver with { Control = SolverControl.RandomReward } };
        var samples = Enumerable.Range(0, 200).Select(i => Given.Sample(Given.Answer(), 1000 + i)).ToArray();
        var scores = SolverReward.ScoreGroup(Given.Task(), Given.Attempted(AttemptPurpose.Train, samples), Given.NothingRan(200), control);
        scores.ShouldAllBe(s => s.Total >= 0 && s.Total < 1);
        scores.Average(s => s.Total).ShouldBe(0.5, 0.1);
        scores.Select(s => s.Total).Distinct().Count().ShouldBe(200);
        SolverReward.ScoreGroup(Given.Task(), Given.Attempted(AttemptPurpose.Evaluate, samples), Given.NothingRan(200), control)
            .ShouldAllBe(s => s.Total == 2);
    }

    [Fact]
    public void Advantages_are_deviations_in_units_of_the_groups_spread()
    {
        // mean 2.5, std (n - 1) 1.29099.
        Advantages.Compute([1, 2, 3, 4], [false, false, false, false], 1e-4)
            .ShouldBe([-1.161806, -0.387269, 0.387269, 1.161806], 1e-5);
        Advantages.Compute([0.1, 0.1, 0.1], [false, false, false], 1e-4).ShouldBe([0, 0, 0]);
        Advantages.Compute([5, 1], [false, true], 1e-4).ShouldBe([0, 0]);
        Advantages.Compute([], [], 1e-4).ShouldBeEmpty();
    }

    private static AttemptScore Score(string text, string gold = Given.Gold, SolverOptions? options = null) =>
        SolverReward.Score(0, Given.Task(gold), text, options ?? Given.Options.Solver);
}
