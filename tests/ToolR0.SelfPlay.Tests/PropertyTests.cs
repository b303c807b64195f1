using System.Globalization;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

public sealed class PropertyTests
{
    private static readonly SolverOptions Options = Presets.Paper.Solver;

    private static readonly Gen<JsonElement> Values = Gen.OneOf(
        Gen.Choose(-1000, 1000).Select(n => Given.Json(n.ToString(CultureInfo.InvariantCulture))),
        Gen.Choose(-1000, 1000).Select(n => Given.Json((n / 8.0).ToString("R", CultureInfo.InvariantCulture))),
        Gen.Elements("true", "false", "null", "\"\"", "\"New York\"", "\"a\\\"b\"", "\"3\"").Select(Given.Json));

    private static readonly Gen<ToolCall> AnyCall =
        from name in Gen.Elements("add", "convert", "find_item")
        from keys in Gen.SubListOf("a", "b", "c", "unit")
        from values in Values.ArrayOf(4)
        select new ToolCall(name, keys.Select((key, i) => (key, values[i])).ToDictionary(p => p.key, p => p.Item2));

    private static readonly Gen<ToolCall[]> AnyCalls = Gen.Choose(1, 3).SelectMany(AnyCall.ArrayOf);

    [Fact]
    public void Predicting_the_gold_calls_in_any_order_is_exact_and_the_order_of_keys_and_white_space_do_not_matter() =>
        Holds(
            from gold in AnyCalls
            from shuffled in Gen.Shuffle(gold)
            from seed in Gen.Choose(0, int.MaxValue)
            select (gold, shuffled, seed),
            x =>
            {
                var text = Spaced(x.shuffled, new Random(x.seed));
                var score = SolverReward.Score(0, new ToolTask("q", [], x.gold), Given.Answer(text), Options);
                return score.Exact && score.Format > 0.999;
            });

    [Fact]
    public void Scores_do_not_depend_on_the_order_of_keys_or_on_white_space() =>
        Holds(
            from gold in AnyCalls
            from predicted in AnyCalls
            from seed in Gen.Choose(0, int.MaxValue)
            select (gold, predicted, seed),
            x =>
            {
                var task = new ToolTask("q", [], x.gold);
                var plain = SolverReward.Score(0, task, Given.Answer(Calls.ToJson(x.predicted)), Options);
                var spaced = SolverReward.Score(0, task, Given.Answer(Spaced(x.predicted, new Random(x.seed))), Options);
                return plain.Total == spaced.Total && plain.Exact == spaced.Exact && plain.Values == spaced.Values;
            });

    [Fact]
    public void An_irrelevant_extra_call_never_raises_accuracy() =>
        Holds(
            from gold in AnyCalls
            from predicted in AnyCalls
            from at in Gen.Choose(0, 3)
            select (gold, predicted, at),
            x =>
            {
                var irrelevant = new ToolCall("weather_on_mars", new Dictionary<string, JsonElement> { ["sol"] = Given.Json("17") });
                ToolCall[] more = [.. x.predicted.Take(x.at), irrelevant, .. x.predicted.Skip(x.at)];
                return SolverReward.Match(x.gold, more, Options).Accuracy <= SolverReward.Match(x.gold, x.predicted, Options).Accuracy + 1e-12;
            });

    [Fact]
    public void Accuracy_is_between_0_and_1_and_1_exactly_for_matching_calls() =>
        Holds(
            from gold in AnyCalls
            from predicted in AnyCalls
            select (gold, predicted),
            x => SolverReward.Match(x.gold, x.predicted, Options).Accuracy is >= 0 and <= 1 + 1e-12
                && Math.Abs(SolverReward.Match(x.gold, x.gold, Options).Accuracy - 1) < 1e-12);

    [Fact]
    public void Calls_read_back_as_they_were_written() =>
        Holds(
            AnyCalls,
            calls => Calls.SameMultiset(Given.CallsOf(Calls.ToJson(calls)), calls)
                && Calls.ToJson(Given.CallsOf(Calls.ToJson(calls))) == Calls.ToJson(calls)
                && Calls.CanonicalSet(Given.CallsOf(Calls.CanonicalSet(calls))) == Calls.CanonicalSet(calls));

    [Fact]
    public void Values_match_symmetrically_and_each_itself() =>
        Holds(
            from a in Values
            from b in Values
            select (a, b),
            x => SolverReward.ValuesMatch(x.a, x.b) == SolverReward.ValuesMatch(x.b, x.a) && SolverReward.ValuesMatch(x.a, x.a));

    [Fact]
    public void Advantages_sum_to_nothing_and_keep_the_order_of_rewards() =>
        Holds(
            from rewards in Gen.Choose(0, 300).Select(n => n / 100.0).ArrayOf(8)
            from voids in Gen.Elements(true, false, false, false).ArrayOf(8)
            select (rewards, voids),
            x =>
            {
                var a = Advantages.Compute(x.rewards, x.voids, 1e-4);
                var counted = Enumerable.Range(0, 8).Where(i => !x.voids[i]).ToList();
                return Math.Abs(counted.Sum(i => a[i])) < 1e-9
                    && Enumerable.Range(0, 8).Where(i => x.voids[i]).All(i => a[i] == 0)
                    && counted.All(i => counted.All(j => x.rewards[i] <= x.rewards[j] ? a[i] <= a[j] + 1e-12 : a[i] >= a[j] - 1e-12));
            });

    [Fact]
    public void Quotas_give_all_there_is_to_give_and_no_more_than_there_is() =>
        Holds(
            from total in Gen.Choose(0, 200)
            from weights in Gen.Choose(0, 5).ArrayOf(6)
            from capacities in Gen.Choose(0, 60).ArrayOf(6)
            select (total, weights, capacities),
            x =>
            {
                var counts = Quotas.Split(x.total, [.. x.weights.Select((w, i) => new Quota($"{i}", w, x.capacities[i]))]);
                return counts.Values.Sum() == Math.Min(x.total, x.capacities.Sum())
                    && Enumerable.Range(0, 6).All(i => counts[$"{i}"] >= 0 && counts[$"{i}"] <= x.capacities[i]);
            });

    [Fact]
    public void Questions_are_grounded_in_themselves() =>
        Holds(
            from words in Gen.Elements("alpha", "Beta", "7", "1,500", "twenty", "3.5", "O'Neil", "ﬁn").ArrayOf(5)
            from at in Gen.Choose(0, 4)
            select (words, at),
            x => Grounding.IsGrounded(string.Join(' ', x.words), JsonSerializer.SerializeToElement(x.words[x.at])));

    private static void Holds<T>(Gen<T> cases, Func<T, bool> property) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(cases.ToArbitrary(), property));

    /// <summary>The calls with keys in another order and white space wherever JSON allows it.</summary>
    private static string Spaced(IEnumerable<ToolCall> calls, Random random)
    {
        return S("[") + string.Join(S(","), calls.Select(One)) + S("]");

        string One(ToolCall call)
        {
            var arguments = call.Arguments.OrderBy(_ => random.Next())
                .Select(a => S($"\"{a.Key}\"") + S(":") + S(a.Value.GetRawText()));
            string[] members = [$"\"name\"{S(":")}\"{call.Name}\"", $"\"arguments\"{S(":")}{{{S("")}{string.Join(S(","), arguments)}}}"];
            return S("{") + string.Join(S(","), members.OrderBy(_ => random.Next())) + S("}");
        }

        string S(string text) => " \n\t  "[..random.Next(4)] + text + " \r\n"[..random.Next(3)];
    }
}
