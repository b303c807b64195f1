using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Evaluation.Scoring;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>Hundreds of thousands of damaged completions: no parser throws, and what parses is sound.</summary>
public sealed class FuzzTests
{
    private const int Inputs = 100_000;

    private static readonly string[] Corpus =
    [
        Given.Proposal(),
        Given.Proposal("Add 1,500 and twenty", """[{"name":"add","parameters":{"a":"integer","b":"integer?"}}]""",
            """[{"name":"add","arguments":{"a":1500,"b":20}}]"""),
        Given.Answer(),
        Given.Answer("[{'name': 'f', 'arguments': {'a': True, 'b': None, 'c': (1, 2.5e-3)}}]"),
        "<THINK>x</THINK><Tool_Call_Answer>```json\n[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]\n```</TOOL_CALL_ANSWER>",
        "[1, -2.50, 3e10, \"\\ud83d\\ude00\\x41\", {\"k\": [true, null]}]",
    ];

    private static readonly string[] Judgements =
    [
        "<score>4</score>", "<think>fine</think> <SCORE> 5/5. </score>", "3", "<score>4</score><score>2</score>", "<difficulty>Hard</difficulty>",
        "medium.",
        "I would say <difficulty> easy</Difficulty>", "The score is 4 of 5, so <score>four</score>",
    ];

    /// <summary>Lines as <c>toolr0 score</c> reads them.</summary>
    private static readonly string[] Cases =
    [
        $$"""{"completion":{{JsonSerializer.Serialize(Given.Answer())}},"gold":{{Given.Gold}}}""",
        $$"""{"completion":{{JsonSerializer.Serialize(Given.Answer("[]"))}},"gold":[],"id":7}""",
        $$"""{"completion":{{JsonSerializer.Serialize(Given.Proposal())}},"spec":{"domain":"units","context":"multi_turn","menuSize":2,"calls":1},"solverCalls":[{{Given.Gold}},null,[]],"judge":4}""",
        $$$"""{"completion":{{{JsonSerializer.Serialize(Given.Proposal(gold: "[]"))}}},"spec":{"menuSize":2,"calls":0},"solverCalls":[[{"function":{"name":"f","arguments":"{\"a\":1}"}}]],"judge":null}""",
        """{"completion":"<tool_call_answer>[]</tool_call_answer>","gold":[{"name":"f","a":{"b":[1,2.50,"\u00e9"]}}]}""",
    ];

    private static readonly string[] Pieces =
    [
        "<think>", "</think>", "<question>", "</question>", "<available_tools>", "</available_tools>", "<tool_call_answer>", "</tool_call_answer>",
        "```", "...",
        "\"", "'", "\\", "\\u", "\\ud800", "\\x", "[", "]", "{", "}", "(", ")", ",", ":", "null", "True", "1e999999999999", "-", ".", "0", "\0",
        "\ud800", "\udc00", "é", "３",
        "\"name\"", "\"arguments\"", "\"function\":", "\"parameters\":{", "\"properties\":", "\"required\":[", "\"type\":", "\n", "\t",
        "😀", "e", "+",
    ];

    [Fact]
    public void Relaxed_JSON_never_throws_and_what_it_accepts_is_stable() => Each(1, text =>
    {
        if (!RelaxedJson.TryParse(text, out var value))
            return;
        var canonical = CanonicalJson.Of(value);
        RelaxedJson.TryParse(canonical.Replace("...", "", StringComparison.Ordinal), out var again).ShouldBeTrue(text);
        CanonicalJson.Of(again).ShouldBe(canonical.Replace("...", "", StringComparison.Ordinal), text);
        Calls.TryNormalise(value, out var calls);
        Calls.CanonicalSet(calls);
        MenuReader.Read(value, out _);
    }, inside: true);

    [Fact]
    public void Strict_JSON_is_always_accepted() => Each(2, text =>
    {
        if (text.Contains("...", StringComparison.Ordinal) || text.Contains("\\u0000", StringComparison.Ordinal))
            return;
        try
        {
            using var strict = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 30 });
            RelaxedJson.TryParse(text, out var relaxed).ShouldBeTrue(text);
            CanonicalJson.Of(relaxed).Replace("\uFFFD", "").Length.ShouldBeGreaterThan(0);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
        }
    }, inside: true, count: 20_000);

    [Fact]
    public void The_Generators_parser_never_throws() => Each(3, text =>
    {
        var (first, last) = (ProposalParser.ParseForCurriculum(text), ProposalParser.ParseForReward(text));
        (first.HasAllTags == last.HasAllTags || text.Length > 0).ShouldBeTrue();
        if (last.ToTask() is { } task)
        {
            task.Menu.ShouldNotBeEmpty();
            task.Gold.ShouldNotBeEmpty();
            SolverPrompt.Render(task, ShippedPresets.Nano.Prompts).ShouldNotBeEmpty();
        }
    });

    [Fact]
    public void The_Solvers_parser_never_throws() => Each(4, text =>
    {
        var answer = SolverAnswer.Parse(text, requireThink: true);
        (answer.Calls is null || answer.Parses).ShouldBeTrue();
        (!answer.Parses || answer.HasTag).ShouldBeTrue();
    });

    [Fact]
    public void Numbers_never_throw_and_their_normal_form_is_stable() => Each(5, text =>
    {
        if (NumberText.Normalise(text) is { } normal)
            NumberText.Normalise(normal).ShouldBe(normal);
    }, numbers: true);

    [Fact]
    public void Rewards_stay_in_their_range_for_any_text() => Each(6, text =>
    {
        var group = Given.Proposed(text, Given.Proposal());
        var executed = Given.AllRan(group);
        var probes = GeneratorReward.Probeable(group, executed, ShippedPresets.Nano)
            .Select(task => task is null ? null : Given.Attempted(AttemptPurpose.Probe, text, Given.Answer(Calls.ToJson(task.Gold)))).ToList();
        foreach (var score in GeneratorReward.ScoreGroup(group, executed, probes, [], 2, ShippedPresets.Nano))
        {
            (score.Format is >= 0 and <= 1 + 1e-9 && score.Validity is >= 0 and <= 1 + 1e-9 && score.Difficulty is >= 0 and <= 1).ShouldBeTrue(text);
            (score.Total is >= -0.2 - 1e-9 and <= 3 + 1e-9 && double.IsFinite(score.Advantage)).ShouldBeTrue(text);
        }

        var attempt = SolverReward.Score(0, Given.Task(), text, ShippedPresets.Nano.Solver);
        (attempt.Format is >= 0 and <= 1 + 1e-9 && attempt.Accuracy is >= 0 and <= 1 + 1e-9 && attempt.ExtraCallFactor is > 0 and <= 1)
            .ShouldBeTrue(text);
        if (attempt.Exact)
            attempt.Accuracy.ShouldBe(1, 1e-9);
    }, count: 20_000);

    [Fact]
    public void Candidates_are_judged_whatever_they_say() => Each(7, text =>
    {
        var candidate = new TestCandidate(new TaskRef("task/r/1/0", 0), 0, Given.Spec, Given.Sample(text), new SampleExecution(0, []));
        Curricula.Filter([candidate], HeldOutGuard.None, ShippedPresets.Nano)[0].Reason.ShouldNotBeNull();
    }, count: 20_000);

    [Fact]
    public void Options_load_or_say_in_one_line_why_not()
    {
        var json = RunOptionsJson.Write(ShippedPresets.Nano);
        var random = new Random(8);
        for (var i = 0; i < 2_000; i++)
        {
            try
            {
                RunOptionsJson.Load(Mutate(json, random), ShippedPresets.All, "nano");
            }
            catch (OptionsException e)
            {
                e.Message.Contains('\n').ShouldBeFalse();
            }
        }
    }

    [Fact]
    public void What_a_judge_says_is_read_or_not() => Each(9, text =>
    {
        (Judge.ScoreIn(text) is null or >= Judge.LowestScore and <= Judge.HighestScore).ShouldBeTrue(text);
        (Judge.LabelIn(text) is null or CurriculumBuilder.Easy or CurriculumBuilder.Medium or CurriculumBuilder.Hard).ShouldBeTrue(text);
        foreach (var purpose in new[] { AttemptPurpose.Judge, AttemptPurpose.Label })
        {
            var judged = Given.Attempted(purpose, text);
            Judge.IsReadable(purpose, text)
                .ShouldBe(purpose == AttemptPurpose.Label ? Judge.Label(judged, Presets.Paper.Judge) is not null
                : Judge.Score(judged, Presets.Paper.Judge) is not null, text);
        }
    }, corpus: Judgements);

    [Fact]
    public void A_case_of_toolr0_score_is_scored_or_refused_in_one_line()
    {
        var (cases, scored) = (0, 0);
        Each(10, text =>
        {
            JsonDocument line;
            try
            {
                line = JsonDocument.Parse(text);
            }
            catch (Exception e) when (e is JsonException or ArgumentException)
            {
                // No JSON, or no text that UTF-8 could hold: the command says so before it scores.
                return;
            }

            using var document = line;
            cases++;
            try
            {
                var attempt = CaseScorer.Solver(document.RootElement, Presets.Paper.Solver);
                (attempt.Total is >= 0 and <= 2 + 1e-9).ShouldBeTrue(text);
                scored++;
            }
            catch (CaseException e)
            {
                e.Message.Contains('\n').ShouldBeFalse(text);
            }

            try
            {
                var proposal = CaseScorer.Generator(document.RootElement, ShippedPresets.Nano);
                (proposal.Total is >= 0 and <= 3 + 1e-9).ShouldBeTrue(text);
                scored++;
            }
            catch (CaseException e)
            {
                e.Message.Contains('\n').ShouldBeFalse(text);
            }
        }, count: 4 * Inputs, corpus: Cases);
        cases.ShouldBeGreaterThan(Inputs);
        scored.ShouldBeGreaterThan(Inputs / 2);
    }

    private static void Each(int seed, Action<string> check, bool inside = false, bool numbers = false, int count = Inputs, string[]? corpus = null)
    {
        var random = new Random(seed);
        corpus ??= Corpus;
        for (var i = 0; i < count; i++)
        {
            var text = corpus[random.Next(corpus.Length)];
            if (inside && text.IndexOf('[') is var start and >= 0)
                text = text[start..(text.LastIndexOf(']') + 1)];
            if (numbers)
                text = random.NextDouble().ToString(random.Next(2) == 0 ? "R" : "E5");
            check(Mutate(text, random, corpus));
        }
    }

    private static string Mutate(string text, Random random, string[]? corpus = null)
    {
        corpus ??= Corpus;
        var result = new StringBuilder(text);
        for (var n = random.Next(5); n > 0; n--)
        {
            var at = random.Next(result.Length + 1);
            var length = Math.Min(random.Next(1, 12), result.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    result.Remove(at, length);
                    break;
                case 1:
                    result.Insert(at, result.ToString(at, length));
                    break;
                case 2:
                    result.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 3 when at < result.Length:
                    result[at] = (char)random.Next(0, 0x2FF);
                    break;
                default:
                    var other = corpus[random.Next(corpus.Length)];
                    var from = random.Next(other.Length);
                    result.Insert(at, other.AsSpan(from, random.Next(other.Length - from)));
                    break;
            }
        }

        return result.ToString();
    }
}
