using System.Diagnostics;
using System.Text;
using System.Text.Json;
using ToolR0.Evaluation.Scoring;

namespace ToolR0.Cli.Tests;

/// <summary><c>toolr0 score</c> as a user runs it: the built command, files and pipes.</summary>
public sealed class ScoreTests : IDisposable
{
    private const string Gold = """[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}}]""";
    private const string Question = "Please convert 3 mile to kilometres";
    private const string Tools =
        """[{"name":"convert_length","description":"Converts a length","parameters":{"value":{"type":"number"},"unit":{"type":"string"}},"required":["value","unit"]},{"name":"add_numbers","description":"Adds two numbers","parameters":{"first":{"type":"integer"}}}]""";

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-score-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Solver_completions_get_every_component_by_name()
    {
        var scored = await ScoreAsync(
            "solver",
            Case(Answer(Gold), Gold),
            Case(Answer("""[{"name":"convert_length","arguments":{"value":3,"unit":"yard"}}]"""), Gold),
            Case(Answer("""[{"name":"convert_length","arguments":{"unit":"mile","value":"3.0"}},{"name":"x","arguments":{}}]"""), Gold),
            Case(Answer("[]"), Gold),
            Case(Answer("[]"), "[]"),
            Case("no idea", "[]"));

        scored.ExitCode.ShouldBe(0, scored.Errors);
        scored.Errors.ShouldBeEmpty();
        scored.Records[0].ToString().ShouldBe(
            """{"line":1,"id":"a","format":1,"validity":null,"difficulty":null,"coherence":null,"curriculum":null,"accuracy":1,"name":1,"keys":1,"values":1,"extraCallFactor":1,"exact":true,"total":2,"reasons":[]}""");
        Numbers(scored, "accuracy").ShouldBe([1, 0.75, 0.8, 0, 1, 0]);
        Numbers(scored, "format").ShouldBe([1, 1, 1, 0.6, 1, 0]);
        Numbers(scored, "extraCallFactor").ShouldBe([1, 1, 0.8, 1, 1, 1]);
        scored.Records.Select(record => record.GetProperty("exact").GetBoolean()).ShouldBe([true, false, false, false, true, false]);
        scored.Records.Select(Reasons).ShouldBe(["", "wrong_values", "extra_calls", "no_calls", "", "no_answer_tag,no_think"]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.5812)]
    [InlineData(2, 1)]
    [InlineData(7, 0.5812)]
    [InlineData(8, 0.1142)]
    public async Task A_proposals_difficulty_follows_from_the_answers_given_with_it(int right, double difficulty)
    {
        var answers = Enumerable.Range(0, 8).Select(i => i < right ? Gold : i % 2 == 0 ? "null" : "[]");
        var scored = await ScoreAsync(
            "generator", $$"""{"spec":{"domain":"units","menuSize":2,"calls":1},"completion":{{Json(Proposal())}},"solverCalls":[{{string.Join(',', answers)}}],"judge":4}""");

        var record = scored.Records.ShouldHaveSingleItem();
        record.EnumerateObject().Select(member => member.Name)
            .ShouldBe(["line", "format", "validity", "difficulty", "coherence", "curriculum", "accuracy", "name", "keys", "values",
                "extraCallFactor", "passRate", "consistency", "total", "reasons"]);
        Number(record, "passRate").ShouldBe(right / 8.0);
        Number(record, "difficulty").ShouldBe(difficulty, 0.0001);
        (Number(record, "format"), Number(record, "validity"), Number(record, "coherence")).ShouldBe((1.0, 1.0, 0.75));
        Number(record, "curriculum").ShouldBe(0.5 * difficulty + 0.5 * 0.75, 0.0001);
        Number(record, "total").ShouldBe(2 + 0.5 * difficulty + 0.5 * 0.75, 0.0001);
    }

    [Fact]
    public async Task What_is_not_given_about_a_proposal_is_null_and_counts_nothing()
    {
        var scored = await ScoreAsync(
            "generator",
            $$"""{"completion":{{Json(Proposal())}}}""",
            $$"""{"completion":{{Json(Proposal(gold: "[]"))}},"spec":{"menuSize":2,"calls":0},"solverCalls":[[],[],null,{{Gold}}],"judge":null}""",
            $$"""{"completion":{{Json(Proposal(gold: "[]"))}}}""",
            """{"completion":"the generated user question here"}""");

        scored.Records[0].ToString().ShouldBe(
            """{"line":1,"format":1,"validity":1,"difficulty":0,"coherence":null,"curriculum":0,"accuracy":null,"name":null,"keys":null,"values":null,"extraCallFactor":null,"passRate":null,"consistency":null,"total":2,"reasons":["not_probed"]}""");
        Number(scored.Records[1], "passRate").ShouldBe(0.5);
        Number(scored.Records[1], "total").ShouldBe(2.5);
        Reasons(scored.Records[2]).ShouldBe("gold_not_parsed");
        Reasons(scored.Records[3]).ShouldBe("placeholder_question");
        Number(scored.Records[3], "total").ShouldBe(0);
    }

    [Fact]
    public async Task What_is_given_about_a_proposal_counts_even_where_a_block_is_missing_if_there_is_part_credit()
    {
        var oneInEight = $"""[{Gold},{string.Join(',', Enumerable.Repeat("null", 7))}]""";
        var scored = await ScoreAsync(
            ["--role", "generator", "--set", "generator.reward.strictGate=false"],
            $$"""{"completion":{{Json(Proposal().Replace("<think>t</think>", ""))}},"solverCalls":{{oneInEight}},"judge":5.0}""",
            $$"""{"completion":{{Json(Proposal(gold: "none"))}},"solverCalls":{{oneInEight}},"judge":3}""",
            $$"""{"completion":{{Json(Proposal(gold: "[]"))}},"solverCalls":[[],[]],"judge":1}""",
            $$"""{"completion":{{Json(Proposal().Replace(Question, "3 mile"))}},"solverCalls":{{oneInEight}},"judge":5}""");

        scored.ExitCode.ShouldBe(0, scored.Errors);
        Numbers(scored, "format").Select(format => Math.Round(format, 4)).ShouldBe([0.6667, 0.6667, 0.6667, 0]);
        Numbers(scored, "validity").ShouldBe([1, 0, 0, 0]);
        Numbers(scored, "difficulty").Select(difficulty => Math.Round(difficulty, 4)).ShouldBe([0.5813, 0, 0, 0]);
        Numbers(scored, "coherence").ShouldBe([1, 0.5, 0, 0]);
        Numbers(scored, "curriculum").Select(curriculum => Math.Round(curriculum, 4)).ShouldBe([0.7906, 0.25, 0, 0]);
        Numbers(scored, "total").Select(total => Math.Round(total, 4)).ShouldBe([2.4573, 0.9167, 0.6667, 0]);
        scored.Records.Select(Reasons).ShouldBe(["missing_tags", "gold_not_parsed", "gold_not_parsed", "placeholder_question"]);
    }

    [Theory]
    [InlineData("void", null)]
    [InlineData("middle", 0.5)]
    public async Task A_judge_that_said_nothing_counts_as_the_options_say(string onFailure, double? coherence)
    {
        var scored = await Toolr0Async(
            $$"""{"completion":{{Json(Proposal())}},"solverCalls":[{{Gold}},null],"judge":null}""",
                ["score", "--role", "generator", "--set", $"judge.onFailure={onFailure}"]);
        var said = scored.Records.ShouldHaveSingleItem().GetProperty("coherence");
        (said.ValueKind == JsonValueKind.Null ? (double?)null : said.GetDouble()).ShouldBe(coherence);
        Number(scored.Records[0], "total").ShouldBe(2 + 0.5 + 0.5 * (coherence ?? 0), 1e-9);
    }

    [Fact]
    public async Task A_spec_needs_its_numbers_only_where_it_is_to_be_obeyed()
    {
        var line = $$"""{"completion":{{Json(Proposal())}},"spec":{"domain":"units" } }""";
        var scored = await ScoreAsync("generator", line);
        Number(scored.Records.ShouldHaveSingleItem(), "total").ShouldBe(2);
        scored = await Toolr0Async(line, ["score", "--role", "generator", "--preset", "nano"]);
        scored.ExitCode.ShouldBe(1);
        scored.Records.Single().GetProperty("error").GetString().ShouldBe("spec.menuSize: is missing: must be an integer of at least 1");
    }

    [Fact]
    public async Task The_rules_are_those_of_the_file_and_the_environment_where_no_flag_names_others()
    {
        var line = Case("""<tool_call_answer>[{"name":"f","arguments":{"x":1}}]</tool_call_answer>""", """[{"name":"f","arguments":{"x":1}}]""");
        var file = Path.Combine(_folder, "nano.json");
        await File.WriteAllTextAsync(file, """{"preset":"nano"}""", TestContext.Current.CancellationToken);
        async Task<double> Total(params string[] flags) => Number((await ScoreAsync(["--role", "solver", .. flags], line)).Records[0], "total");
        (await Total()).ShouldBe(1); // the paper's: accuracy needs a think block
        (await Total("--options", file)).ShouldBe(2);
        (await Total("--options", file, "--preset", "paper")).ShouldBe(1);
        (await Total("--options", file, "--set", "solver.requireThink=true")).ShouldBe(1);
        var start = new[] { "TOOLR0_SOLVER__REQUIRETHINK=false", "TOOLR0_PRESET=nano" };
        foreach (var variable in start)
            Number((await Toolr0Async(line, ["score", "--role", "solver"], variable)).Records[0], "total").ShouldBe(2, variable);
        var misspelled = await Toolr0Async(line, ["score", "--role", "solver"], "TOOLR0_PRESSET=nano");
        misspelled.Errors.ShouldContain("toolr0: TOOLR0_PRESSET is not a setting or option; the nearest is TOOLR0_PRESET");
        Number(misspelled.Records[0], "total").ShouldBe(1);
    }

    [Fact]
    public async Task An_id_is_passed_on_as_it_is_written()
    {
        var scored = await ScoreAsync(
            "solver",
            """{"id":{"set":"a","n":1.50},"completion":"x","gold":[]}""",
            """{"gold":[],"id":7}""",
            """{"id":8,"completion":}""");
        scored.Records[0].ToString().ShouldStartWith("""{"line":1,"id":{"set":"a","n":1.50},"format":0,""");
        scored.Records[1].ToString().ShouldBe("""{"line":2,"id":7,"error":"completion: is missing: must be a text"}""");
        scored.Records[2].TryGetProperty("id", out _).ShouldBeFalse();
        scored.Records[2].GetProperty("error").GetString().ShouldEndWith("(byte 22 of the line)");
    }

    [Fact]
    public async Task A_malformed_line_gives_an_error_with_its_number_and_the_rest_still_scores()
    {
        var scored = await ScoreAsync(
            "solver",
            Case(Answer(Gold), Gold),
            "",
            "{not json",
            "[1]",
            """{"gold":[]}""",
            """{"completion":7,"gold":[]}""",
            """{"completion":"x"}""",
            """{"completion":"x","gold":"none"}""",
            """{"completion":"x","gold":[3]}""",
            "{\"completion\":\"\\ud800\",\"gold\":[]}",
            Case(Answer(Gold), Gold));

        scored.ExitCode.ShouldBe(1);
        scored.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem().ShouldContain("8 of 10 lines could not be scored");
        scored.Records.Select(record => record.GetProperty("line").GetInt64()).ShouldBe([1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        scored.Records.Skip(1).SkipLast(1).Select(record => record.GetProperty("error").GetString()!).ShouldBe(
        [
            scored.Records[1].GetProperty("error").GetString()!,
            "the line is a list: must be a JSON object",
            "completion: is missing: must be a text",
            "completion: is a number: must be a text",
            "gold: is missing: must be a list of calls",
            "gold: is a text: must be a list of calls",
            "gold[0]: is not a call: must have a name and an object of arguments",
            "completion: holds half a surrogate pair: must be Unicode text",
        ]);
        scored.Records[1].GetProperty("error").GetString().ShouldStartWith("not JSON: ");
        Number(scored.Records[^1], "total").ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"completion":"x","judge":6}""", "judge: 6 must be an integer from 1 to 5, or null")]
    [InlineData("""{"completion":"x","solverCalls":{}}""", "solverCalls: is an object: must be a list of lists of calls")]
    [InlineData("""{"completion":"x","solverCalls":[[],[1]]}""", "solverCalls[1][0]: is not a call: must have a name and an object of arguments")]
    [InlineData("""{"completion":"x","judge":2.5}""", "judge: 2.5 must be an integer from 1 to 5, or null")]
    [InlineData("""{"completion":"x","spec":{"menuSize":0,"calls":1}}""", "spec.menuSize: 0 must be an integer of at least 1")]
    [InlineData("""{"completion":"x","spec":{"menuSize":2,"calls":-1}}""", "spec.calls: -1 must be an integer of at least 0")]
    [InlineData("""{"completion":"x","spec":{"menuSize":2,"calls":1,"context":"sideways"}}""",
        "spec.context: \"sideways\" must be single_turn or multi_turn")]
    public async Task A_generator_case_that_is_none_is_named_with_its_field(string line, string error)
    {
        var scored = await ScoreAsync("generator", line);
        scored.ExitCode.ShouldBe(1);
        scored.Records.Single().GetProperty("error").GetString().ShouldBe(error);
    }

    [Fact]
    public async Task Files_are_read_and_written_and_options_change_the_rules()
    {
        var (cases, scores) = (Path.Combine(_folder, "cases.jsonl"), Path.Combine(_folder, "scores.jsonl"));
        await File.WriteAllTextAsync(cases, "\uFEFF" + Case($"<tool_call_answer>{Gold}</tool_call_answer>", Gold) + "\r\n", new UTF8Encoding(false),
            TestContext.Current.CancellationToken);

        (await Toolr0Async("", ["score", "--role", "solver", "--in", cases, "--out", scores])).ExitCode.ShouldBe(0);
        Records(await File.ReadAllTextAsync(scores, TestContext.Current.CancellationToken)).Select(Reasons).ShouldBe(["no_think"]);

        (await Toolr0Async("",
            ["score", "--role", "solver", "--in", cases, "--out", scores, "--set", "solver.requireThink=false", "--set",
            "solver.tagWeight=0.5"])).ExitCode.ShouldBe(0);
        var record = Records(await File.ReadAllTextAsync(scores, TestContext.Current.CancellationToken)).Single();
        (Number(record, "accuracy"), Math.Round(Number(record, "format"), 9)).ShouldBe((1.0, 1.2));
        Directory.GetFiles(_folder).Length.ShouldBe(2);
    }

    [Theory]
    [InlineData(new[] { "score", "--role", "judge" }, "--role judge: must be generator or solver")]
    [InlineData(new[] { "score", "--role", "solver", "--in", "/no/such.jsonl" }, "--in /no/such.jsonl: there is no such file")]
    [InlineData(new[] { "score", "--role", "solver", "--out", "/no/such/folder/x" }, "/no/such/folder")]
    [InlineData(new[] { "score", "--role", "solver", "--set", "solver.thinks=1" }, "solver.thinks")]
    [InlineData(new[] { "score" }, "--role")]
    public async Task Bad_flags_are_one_line(string[] arguments, string message)
    {
        var scored = await Toolr0Async("", arguments);
        scored.ExitCode.ShouldNotBe(0);
        scored.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem().ShouldContain(message);
    }

    [Fact]
    public async Task Lines_are_read_whatever_their_length_and_ends()
    {
        var text = "a\r\n\n  \nbb\n" + new string('x', 200_000) + "\nccc\n" + new string('y', 70_000);
        var lines = new List<(long Number, int? Length)>();
        await foreach (var (number, line) in CaseLines.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), limit: 100_000,
            TestContext.Current.CancellationToken))
            lines.Add((number, line?.Length));
        lines.ShouldBe([(1, 1), (4, 2), (5, null), (6, 3), (7, 70_000)]);
    }

    private static string Answer(string calls) => $"<think>it is a length</think><tool_call_answer>{calls}</tool_call_answer>";

    private static string Proposal(string gold = Gold) =>
        $"<think>t</think><question>{Question}</question><available_tools>{Tools}</available_tools><tool_call_answer>{gold}</tool_call_answer>";

    private static string Case(string completion, string gold) => $$"""{"id":"a","completion":{{Json(completion)}},"gold":{{gold}}}""";

    private static string Json(string text) => JsonSerializer.Serialize(text);

    private static double Number(JsonElement record, string name) => record.GetProperty(name).GetDouble();

    private static IEnumerable<double> Numbers(Scored scored, string name) => scored.Records.Select(record => Math.Round(Number(record, name), 9));

    private static string Reasons(JsonElement record) =>
        string.Join(',', record.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()));

    private static IReadOnlyList<JsonElement> Records(string output) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static Task<Scored> ScoreAsync(string role, params string[] lines) => ScoreAsync(["--role", role], lines);

    private static Task<Scored> ScoreAsync(string[] flags, params string[] lines) =>
        Toolr0Async(string.Join('\n', lines), ["score", "--in", "-", "--out", "-", .. flags]);

    private static async Task<Scored> Toolr0Async(string input, string[] arguments, string? variable = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "toolr0.dll"), .. arguments])
            start.ArgumentList.Add(argument);
        if (variable?.Split('=') is [var name, var value])
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, errors) =
            (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new Scored(process.ExitCode, process.ExitCode is 0 or 1 ? Records(await output) : [], await errors);
    }

    private sealed record Scored(int ExitCode, IReadOnlyList<JsonElement> Records, string Errors);
}
