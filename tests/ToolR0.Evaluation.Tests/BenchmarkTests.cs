using ToolR0.Contracts;
using ToolR0.Evaluation.Benchmarks;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;

namespace ToolR0.Evaluation.Tests;

public sealed class BenchmarkTests : IDisposable
{
    private const string Packed = """
        [
          {
            "query": "Book two seats for Hamlet and tell Ann.",
            "tools": [
              { "name": "book", "description": "Books seats", "parameters": { "play": {
              "type": "str", "description": "", "required": true }, "seats": { "type": "int", "description": "" } } },
              { "name": "tell", "description": "Sends a message", "parameters": { "to": { "type": "str", "description": "" } } }
            ],
            "answers": [{ "name": "book", "arguments": { "play": "Hamlet", "seats": 2 } }, { "name": "tell", "arguments": { "to": "Ann" } }]
          },
          {
            "query": [{ "role": "user", "content": "Tell her." }, { "role": "agent", "content": "Whom?" }, { "role": "user", "content": "Eve" }],
            "tools": [{ "name": "tell", "description": "Sends a message", "parameters": { "to": { "type": "str", "description": "" } } }],
            "answers": [{ "name": "tell", "arguments": { "to": "Eve" } }]
          }
        ]
        """;

    private const string Function =
        """{"name":"geo.area","description":"Area","parameters":{"type":"dict","properties":{"base":{"type":"integer"},"height":{"type":"float"},"unit":{"type":"string"},"sides":{"type":"array","items":{"type":"string"}},"where":{"type":"dict"},"exact":{"type":"boolean"}},"required":["base"]}}""";

    private const string Truth =
        """{"geo.area":{"base":[10],"height":[5.0],"unit":["sq. cm","",""],"sides":[["Left Side","b"],""],"where":[{"city":["New York","NYC"],"zone":["",1]},""],"exact":["",true]}}""";

    private static readonly string Simple =
        $$"""{"id":"simple_python_0","question":[[{"role":"user","content":"How large?"}]],"function":[{{Function}}]}""";

    private static readonly string Parallel =
        $$$"""{"id":"parallel_0","question":[[{"role":"user","content":"How large are both?"}]],"function":[{{{Function}}},{"name":"len","description":"","parameters":{"type":"dict","properties":{"x":{"type":"any"}},"required":["x"]}}]}""";

    private const string Snips = """
        {
          "BookTable": [
            { "data": [{ "text": "a table for " }, { "text": "two", "entity": "size" }, { "text": " in " }, { "text": "Bern ", "entity": "city" }] },
            { "data": [{ "text": "eat in " }, { "text": "Bern", "entity": "city" }, { "text": " or " }, { "text": "Basel", "entity": "city" }] }
          ],
          "Play": [{ "data": [{ "text": "play " }, { "text": "jazz", "entity": "genre" }] }]
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-benchmark-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Benchmark Read(string text, string? answers = null, string name = "set.json")
    {
        File.WriteAllText(Path.Combine(_folder, name), text);
        if (answers is not null)
        {
            Directory.CreateDirectory(Path.Combine(_folder, "possible_answer"));
            File.WriteAllText(Path.Combine(_folder, "possible_answer", name), answers);
        }

        return BenchmarkReader.Read(Path.Combine(_folder, name));
    }

    private Benchmark ReadSimple() => Read(Simple, $$"""{"id":"simple_python_0","ground_truth":[{{Truth}}]}""");

    private Benchmark ReadParallel() => Read(Parallel, $$$"""{"id":"parallel_0","ground_truth":[{{{Truth}}},{"len":{"x":["abc"]}}]}""");

    private static string? Score(Benchmark benchmark, string completion, int item = 0)
    {
        var error = BenchmarkScorer.Score(benchmark.Items[item], Predictions.OfText("x", $"<tool_call_answer>{completion}</tool_call_answer>").Calls);
        return error is null ? null : $"{error.Class}/{error.Kind}";
    }

    private static void GoldIsRight(Benchmark benchmark)
    {
        var gold = Predictions.Read("gold", Predictions.Gold(benchmark.Items), benchmark.Items);
        var result = BenchmarkResult.Of(benchmark, benchmark.Items, "gold", gold);
        result.Answers.Where(answer => !answer.Right).Select(answer => $"{answer.Id} {answer.Error} {answer.Detail}").ShouldBeEmpty();
        result.Completed.Accuracy.ShouldBe(1);
    }

    [Fact]
    public void Gold_answers_score_100_percent_in_every_format()
    {
        GoldIsRight(Read(Packed));
        GoldIsRight(ReadSimple());
        GoldIsRight(ReadParallel());
        GoldIsRight(Read(Simple.Replace("simple_python", "irrelevance"), name: "BFCL_irrelevance.json"));
        GoldIsRight(Read(Snips));
    }

    [Theory]
    [InlineData("toolalpaca.json", 114)]
    [InlineData("apibank_l1.json", 399)]
    [InlineData("BFCL_v4_simple_python.json", 400)]
    [InlineData("BFCL_v4_irrelevance.json", 240)]
    public void Gold_answers_score_100_percent_on_the_public_files(string file, int items)
    {
        var path = Path.Combine(Environment.GetEnvironmentVariable("TOOLR0_BENCHMARKS") ?? "none", file);
        Assert.SkipUnless(File.Exists(path), "TOOLR0_BENCHMARKS names no folder with the public sets");
        var benchmark = BenchmarkReader.Read(path);
        benchmark.Items.Count.ShouldBe(items);
        GoldIsRight(benchmark);
    }

    [Theory]
    [InlineData("ToolToy")]
    [InlineData("tooltoy.json")]
    [InlineData("tooltoy")]
    public void A_set_is_found_by_its_name_in_any_letter_case(string name)
    {
        Read(Packed, name: "tooltoy.json");
        var before = Environment.GetEnvironmentVariable("TOOLR0_BENCHMARKS");
        Environment.SetEnvironmentVariable("TOOLR0_BENCHMARKS", _folder);
        try
        {
            BenchmarkReader.Load(name, _folder).Name.ShouldBe("tooltoy");
            Should.Throw<UserErrorException>(() => BenchmarkReader.Load("tool", _folder)).Message.ShouldContain("there is no such file");
        }
        finally
        {
            Environment.SetEnvironmentVariable("TOOLR0_BENCHMARKS", before);
        }
    }

    [Fact]
    public void A_conversation_is_told_with_who_speaks() => Read(Packed).Items[1].Task.Question.ShouldBe("User: Tell her.\nAgent: Whom?\nUser: Eve");

    [Fact]
    public void The_prompt_tells_all_that_the_set_says_about_parameters()
    {
        const string function =
            """{"name":"trip.plan","description":"Plans","parameters":{"type":"dict","properties":{"by":{"type":"string","enum":["rail","bus"],"default":"rail","description":"How"},"stops":{"type":"array","items":{"type":"dict","properties":{"city":{"type":"string"},"nights":{"type":"float","default":1.0}}}}},"required":["stops"]}}""";
        var item = Read(
            $$"""{"id":"simple_python_0","question":[[{"role":"user","content":"Where to?"}]],"function":[{{function}}]}""",
            """{"id":"simple_python_0","ground_truth":[{"trip.plan":{"stops":[[{"city":["Bern"]}]]}}]}""").Items[0];

        SolverPrompt.Render(item.Task, Presets.Paper.Prompts, item.Tools)[1].Content.ShouldContain(
            """[{"name":"trip.plan","description":"Plans","parameters":{"by":{"type":"string","description":"How","enum":["rail","bus"],"default":"rail"},"stops":{"type":"array","items":{"type":"dict","properties":{"city":{"type":"string"},"nights":{"type":"float","default":1.0}}}}},"required":["stops"]}]""");
        SolverPrompt.Render(item.Task, ShippedPresets.Nano.Prompts,
            item.Tools)[0].Content.ShouldContain("""[{"name":"trip.plan","parameters":{"by":"string?","stops":"array"}}]""");

        // A set that says no more than the task looks as any menu does.
        var packed = Read(Packed).Items[0];
        SolverPrompt.Render(packed.Task, Presets.Paper.Prompts, packed.Tools).ShouldBe(SolverPrompt.Render(packed.Task, Presets.Paper.Prompts));
    }

    [Theory]
    [InlineData("""[{"name":"tell","arguments":{"to":" Ann"}},{"name":"book","arguments":{"seats":"2.0","play":"Hamlet"}}]""", null)]
    [InlineData("""[{"name":"book","arguments":{"play":"Hamlet","seats":2}}]""", "structural/call_count")]
    [InlineData("""[{"name":"book","arguments":{"play":"Hamlet","seats":2}},{"name":"call","arguments":{"to":"Ann"}}]""", "structural/wrong_tool")]
    [InlineData("""[{"name":"book","arguments":{"play":"Hamlet"}},{"name":"tell","arguments":{"to":"Ann"}}]""", "structural/missing_argument")]
    [InlineData("""[{"name":"book","arguments":{"play":"Hamlet","seats":2}},{"name":"tell","arguments":{"to":"Ann","by":"mail"}}]""",
        "structural/extra_argument")]
    [InlineData("""[{"name":"book","arguments":{"play":"Macbeth","seats":2}},{"name":"tell","arguments":{"to":"Ann"}}]""", "semantic/wrong_value")]
    [InlineData("book Hamlet", "format/not_parsed")]
    public void A_packed_set_wants_the_gold_calls_in_any_order(string completion, string? error) => Score(Read(Packed), completion).ShouldBe(error);

    [Theory]
    [InlineData("string", "\"02134\"", "\"2134\"", "semantic/wrong_value")]
    [InlineData("string", "\"02134\"", "2134", "semantic/wrong_value")]
    [InlineData("string", "\"+15550100\"", "\"15550100\"", "semantic/wrong_value")]
    [InlineData("string", "\"1e5\"", "\"100000\"", "semantic/wrong_value")]
    [InlineData("str", "\"1.10\"", "\"1.1\"", "semantic/wrong_value")]
    [InlineData("str, optional", "\"000\"", "\"0\"", "semantic/wrong_value")]
    [InlineData("string", "\"02134\"", "\" 02134\"", null)]
    [InlineData("string", "\"5\"", "5", null)]
    [InlineData("string", "5", "\"5\"", null)]
    [InlineData("array", "[\"02134\"]", "[\"2134\"]", "semantic/wrong_value")]
    [InlineData("integer", "5", "\"5.0\"", null)]
    [InlineData("number", "\"1.10\"", "1.1", null)]
    [InlineData("", "\"02134\"", "\"2134\"", null)]
    public void A_text_that_looks_like_a_number_is_a_text_where_its_type_says_so(string type, string gold, string given, string? error) => Score(
        Read($$"""[{"query":"q","tools":[{"name":"f","description":"d","parameters":{"x":{"type":"{{type}}"} } }],"answers":[{"name":"f","arguments":{"x":{{gold}} } }]}]"""),
        $$"""[{"name":"f","arguments":{"x":{{given}} } }]""").ShouldBe(error);

    [Theory]
    [InlineData("integer", "[9007199254740992]", "9007199254740993", "semantic/wrong_value")]
    [InlineData("integer", "[9007199254740993]", "9007199254740993", null)]
    [InlineData("integer", "[1234567890123456789]", "1234567890123456800", "semantic/wrong_value")]
    [InlineData("integer", "[18446744073709551616]", "18446744073709551617", "semantic/wrong_value")]
    [InlineData("integer", "[18446744073709551616]", "18446744073709551616", null)]
    [InlineData("integer", "[-9007199254740992]", "-9007199254740993", "semantic/wrong_value")]
    [InlineData("array", "[[9007199254740992]]", "[9007199254740993]", "semantic/wrong_value")]
    [InlineData("array", "[[9007199254740993]]", "[9007199254740993]", null)]
    [InlineData("dict", """[{"a":[9007199254740992]}]""", """{"a":9007199254740993}""", "semantic/wrong_value")]
    [InlineData("dict", """[{"a":[{"b":9007199254740992}]}]""", """{"a":{"b":9007199254740993}}""", "semantic/wrong_value")]
    [InlineData("dict", """[{"a":[{"b":1}]}]""", """{"a":{"b":1.0}}""", null)]
    [InlineData("float", "[9007199254740992.0]", "9007199254740993", null)] // Python's rule: an integer is made a float first
    [InlineData("float", "[0.1]", "0.10", null)]
    [InlineData("float", "[5]", "5.0", null)]
    [InlineData("integer", "[5]", "5.0", "semantic/wrong_type")]
    [InlineData("integer", "[1]", "true", "semantic/wrong_type")]
    public void Numbers_compare_as_python_compares_them(string type, string allowed, string given, string? error)
    {
        var benchmark = Read(
            $$$"""{"id":"simple_0","question":[[{"role":"user","content":"q"}]],"function":[{"name":"f","description":"d","parameters":{"type":"dict","properties":{"x":{"type":"{{{type}}}"}},"required":["x"]}}]}""",
            $$"""{"id":"simple_0","ground_truth":[{"f":{"x":{{allowed}} } }]}""");
        Score(benchmark, $$"""[{"name":"f","arguments":{"x":{{given}} } }]""").ShouldBe(error);
    }

    [Theory]
    [InlineData("BFCL_v4_simple_java.json", "simple_java_0")]
    [InlineData("set.json", "java_7")]
    [InlineData("set.json", "live_simple_javascript_3-1-0")]
    [InlineData("simple_javascript.json", "x_0")]
    public void Categories_of_other_languages_are_refused_by_name(string name, string id)
    {
        var error = Should.Throw<UserErrorException>(() =>
            Read(Simple.Replace("simple_python_0", id), $$"""{"id":"{{id}}","ground_truth":[{{Truth}}]}""", name)).Message;
        error.ShouldContain(name);
        error.ShouldContain(name.Contains("javascript") || id.Contains("javascript") ? "category javascript is not supported"
            : "category java is not supported");
    }

    [Theory]
    [InlineData("""[{"name":"tell","arguments":{"to":"Wait..."}}]""", null)]
    [InlineData("""[{"name":"tell","arguments":"{\"to\":\"Wait...\"}"}]""", null)]
    [InlineData("[{'name': 'tell', 'arguments': {'to': 'Wait...'}}]", null)]
    [InlineData("""[{"name":"tell","arguments":{"to":"Wait.."}}]""", "semantic/wrong_value")]
    [InlineData("""[{"name":"tell","arguments":{...}}]""", "format/not_parsed")]
    [InlineData("...", "format/not_parsed")]
    public void Dots_may_stand_in_an_argument_of_a_benchmark(string completion, string? error)
    {
        var benchmark = Read(Packed.Replace("\"Eve\"", "\"Wait...\""));
        Score(benchmark, completion, 1).ShouldBe(error);
        SelfPlay.Parsing.SolverAnswer.Parse($"<tool_call_answer>{completion}</tool_call_answer>",
            requireThink: false).Parses.ShouldBe(completion.Contains("Wait..\""));
    }

    [Theory]
    [InlineData("""{"id":"set-2","completion":"a\ud83d"}""", "not_parsed")]
    [InlineData("""{"id":"set-2","completion":"<tool_call_answer>[{\"name\":\"tell\",\"arguments\":{\"to\":\"Eve\"}}]</tool_call_answer>\udc00"}""", null)]
    [InlineData("""{"id":"set-2","calls":[{"name":"tell","arguments":{"to":"\ud83d"}}]}""", "wrong_value")]
    [InlineData("""{"id":"set-2","calls":[{"name":"tell","arguments":{"\ud83d":"Eve"}}]}""", "missing_argument")]
    [InlineData("""{"id":"set-2","calls":[{"name":"\udbff","arguments":{"to":"Eve"}}],"\ud83d":1}""", "wrong_tool")]
    public void Half_a_surrogate_pair_is_a_replacement_character_and_the_rest_is_scored(string line, string? error)
    {
        var benchmark = Read(Packed);
        var gold = Predictions.Gold(benchmark.Items).Split('\n')[0];
        var result = BenchmarkResult.Of(benchmark, benchmark.Items, "x", Predictions.Read("p", $"{gold}\n{line}\n", benchmark.Items));
        result.Answers.Select(answer => answer.Error).ShouldBe([null, error]);
        result.ToJson().ShouldNotBeEmpty();
    }

    [Fact]
    public void A_function_without_properties_is_called_without_arguments()
    {
        var benchmark = Read(
            """{"id":"simple_0","question":[[{"role":"user","content":"q"}]],"function":[{"name":"ping","description":"d","parameters":{"type":"dict"}}]}""",
            """{"id":"simple_0","ground_truth":[{"ping":{}}]}""");
        GoldIsRight(benchmark);
        Score(benchmark, """[{"name":"ping","arguments":""}]""").ShouldBeNull();
        Score(benchmark, """[{"name":"ping","arguments":{"x":1}}]""").ShouldBe("structural/extra_argument");
    }

    [Theory]
    [InlineData("""{"base":10,"height":5}""", null)]
    [InlineData("""{"base":10,"height":5.0,"unit":"SQ CM","sides":["left-side","B"],"exact":true}""", null)]
    [InlineData("""{"base":10,"height":5,"where":{"city":"new york"}}""", null)]
    [InlineData("""{"base":10,"height":5,"where":{"city":"nyc","zone":1}}""", null)]
    [InlineData("""{"base":10}""", "structural/missing_argument")]
    [InlineData("""{"height":5}""", "structural/missing_argument")]
    [InlineData("""{"base":10,"height":5,"colour":"red"}""", "structural/extra_argument")]
    [InlineData("""{"base":11,"height":5}""", "semantic/wrong_value")]
    [InlineData("""{"base":10.0,"height":5}""", "semantic/wrong_type")]
    [InlineData("""{"base":"10","height":5}""", "semantic/wrong_type")]
    [InlineData("""{"base":10,"height":5,"unit":"metre"}""", "semantic/wrong_value")]
    [InlineData("""{"base":10,"height":5,"sides":["b","Left Side"]}""", "semantic/wrong_value")]
    [InlineData("""{"base":10,"height":5,"sides":[1,2]}""", "semantic/wrong_value")]
    [InlineData("""{"base":10,"height":5,"where":{"zone":1}}""", "semantic/wrong_value")]
    [InlineData("""{"base":10,"height":5,"where":{"city":"NYC","state":"NY"}}""", "semantic/wrong_value")]
    [InlineData("""{"base":10,"height":5,"exact":false}""", "semantic/wrong_value")]
    public void The_leaderboards_rules_hold(string arguments, string? error) =>
        Score(ReadSimple(), $$"""[{"name":"geo.area","arguments":{{arguments}}}]""").ShouldBe(error);

    [Theory]
    [InlineData("""[{"name":"len","arguments":{"x":"abc"}},{"name":"geo.area","arguments":{"base":10,"height":5}}]""", null)]
    [InlineData("""[{"name":"geo.area","arguments":{"base":10,"height":5}},{"name":"geo.area","arguments":{"base":10,"height":5}}]""",
        "structural/wrong_tool")]
    [InlineData("""[{"name":"geo_area","arguments":{"base":10,"height":5}},{"name":"len","arguments":{"x":"abc"}}]""", "structural/wrong_tool")]
    [InlineData("""[{"name":"len","arguments":{"x":"abc"}}]""", "structural/call_count")]
    public void Parallel_calls_match_in_any_order_and_each_once(string completion, string? error) =>
        Score(ReadParallel(), completion).ShouldBe(error);

    [Theory]
    [InlineData("[]", null)]
    [InlineData("I can not help with that", null)]
    [InlineData("""[{"name":"geo.area","arguments":{"base":10}}]""", "structural/call_count")]
    public void Where_no_tool_fits_only_a_call_is_wrong(string completion, string? error) =>
        Score(Read(Simple.Replace("simple_python", "irrelevance"), name: "BFCL_irrelevance.json"), completion).ShouldBe(error);

    [Fact]
    public void Utterances_become_calls_of_their_intent_with_all_intents_on_the_menu()
    {
        var items = Read(Snips).Items;
        items.Select(item => item.Class).ShouldBe(["BookTable", "BookTable", "Play"]);
        items[0].Task.Question.ShouldBe("a table for two in Bern");
        items[0].Task.Menu.Select(tool => tool.Name).ShouldBe(["BookTable", "Play"]);
        Score(Read(Snips), """[{"name":"BookTable","arguments":{"size":"two","city":"Bern"}}]""").ShouldBeNull();
        Score(Read(Snips), """[{"name":"BookTable","arguments":{"city":["Bern","Basel"]}}]""", 1).ShouldBeNull();
        Score(Read(Snips), """[{"name":"Play","arguments":{"genre":"rock"}}]""", 2).ShouldBe("semantic/wrong_value");
    }

    [Fact]
    public void A_folder_of_intents_is_one_set()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "Play"));
        File.WriteAllText(Path.Combine(_folder, "Play", "validate_Play.json"), """{"Play":[{"data":[{"text":"play"}]}]}""");
        File.WriteAllText(Path.Combine(_folder, "validate_Stop.json"), """{"Stop":[{"data":[{"text":"stop"}]}]}""");
        var benchmark = BenchmarkReader.Read(_folder);
        benchmark.Items.Count.ShouldBe(2);
        benchmark.Items.ShouldAllBe(item => item.Task.Menu.Count == 2);
    }

    [Theory]
    [InlineData("""[{"tools":[],"answers":[]}]""", "item 1: query: is missing")]
    [InlineData("""[{"query":"q","tools":[{"name":"a","parameters":{}}],"answers":{}}]""", "item 1: answers: must be a list")]
    [InlineData("""[{"query":"q","tools":[],"answers":[]}]""", "item 1: tools: must be a list of tools with names")]
    [InlineData("[1", "the file: the list: is not JSON")]
    [InlineData("[]", "has no items")]
    [InlineData("""{"id":"simple_1","question":[[{"role":"user","content":"q"}]],"function":[{"name":"a","parameters":{"properties":{}}}]}""",
        "line 1: id: 'simple_1' has no ground_truth")]
    [InlineData("""{"id":"irrelevance_1","question":[[{"role":"user","content":"q"}]],"function":[{"name":"a","parameters":{"properties":[]}}]}""",
        "line 1: parameters.properties: must be an object")]
    [InlineData("""{"Play":[{"data":[{"txt":"x"}]}]}""", "Play 1: text: is missing")]
    public void A_malformed_file_is_told_by_place_and_field(string text, string message) =>
        Should.Throw<UserErrorException>(() => Read(text)).Message.ShouldContain(message);

    [Theory]
    [InlineData("""{"id":"set-9","calls":[]}""", "line 1: id: 'set-9' is not an item of the benchmark")]
    [InlineData("""{"id":"set-1"}""", "line 1: completion or calls: is missing")]
    [InlineData("{\"id\":\"set-1\",\"calls\":[]}\n{\"calls\":[]}", "line 2: id: is missing")]
    [InlineData("{\"calls\":[]}\n{\"id\":\"set-2\",\"calls\":[]}", "line 2: id: must stand on every line or on none")]
    [InlineData("{\"calls\":[]}\n{\"calls\":[]}\n{\"calls\":[]}", "line 3: id: is missing, and there are more predictions than the 2 items")]
    [InlineData("""{"calls":[]}""", "1 of 2 items have no prediction: set-2")]
    [InlineData("""{"id":"set-1","calls":[]}""", "1 of 2 items have no prediction: set-2")]
    [InlineData("nothing", "line 1: the prediction: is not JSON")]
    public void A_malformed_prediction_is_told_by_line_and_field(string text, string message) =>
        Should.Throw<UserErrorException>(() => Predictions.Read("p.jsonl", text, Read(Packed).Items)).Message.ShouldContain(message);

    [Fact]
    public void Without_ids_answers_stand_in_the_items_order_and_only_those_of_the_items_asked_for_count()
    {
        var items = Read(Packed).Items;
        var gold = Predictions.Gold(items);
        var unnamed = string.Join('\n', gold.Split('\n').Select(line => line.Replace("\"id\":\"set-1\",", "").Replace("\"id\":\"set-2\",", "")));
        unnamed.ShouldNotContain("set-");
        Predictions.Read("p.jsonl", unnamed, items).Select(p => p.Id).ShouldBe(["set-1", "set-2"]);
        foreach (var text in new[] { gold, unnamed })
        {
            var first = Predictions.Read("p.jsonl", text, [items[0]], items).ShouldHaveSingleItem();
            BenchmarkScorer.Score(items[0], first.Calls).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("[3]", "format/not_parsed")]
    [InlineData("null", "format/not_parsed")]
    [InlineData("\"I would call tell\"", "format/not_parsed")]
    [InlineData("""[{"to":"Eve"}]""", "format/not_parsed")]
    [InlineData("\"[{'name': 'tell', 'arguments': {'to': 'Eve'}}]\"", null)]
    [InlineData("""[{"function":{"name":"tell","arguments":"{\"to\":\"Eve\"}"}}]""", null)]
    public void Calls_from_elsewhere_that_are_no_calls_are_an_error_of_format_and_stop_nothing(string calls, string? error)
    {
        var items = Read(Packed).Items;
        var prediction = Predictions.Read("p.jsonl", $"{{\"id\":\"set-2\",\"calls\":{calls}}}", [items[1]]).Single();
        var found = BenchmarkScorer.Score(items[1], prediction.Calls);
        (found is null ? null : $"{found.Class}/{found.Kind}").ShouldBe(error);
    }

    [Fact]
    public void A_tool_that_a_menu_repeats_and_an_argument_without_allowed_values_are_read_and_an_answer_given_twice_is_not()
    {
        const string tool = """{"name":"a","description":"","parameters":{"type":"dict","properties":{"x":{"type":"string"}},"required":[]}}""";
        const string item = $$"""{"id":"live_multiple_1-0-0","question":[[{"role":"user","content":"q"}]],"function":[{{tool}},{{tool}}]}""";
        const string truth = """{"id":"live_multiple_1-0-0","ground_truth":[{"a":{"x":[]}}]}""";
        var read = Read(item, truth).Items.Single();
        read.Class.ShouldBe("live_multiple");
        read.Task.Gold.Single().Arguments.ShouldBeEmpty();
        Should.Throw<UserErrorException>(() =>
            Read(item, truth + "\n" + truth)).Message.ShouldContain("line 2: id: 'live_multiple_1-0-0' occurs twice");
    }

    [Fact]
    public void Results_are_counted_by_class_and_by_error()
    {
        var benchmark = Read(Packed);
        var result = BenchmarkResult.Of(benchmark, benchmark.Items, "me",
            [new Prediction("set-1", "?", null), new Prediction("set-2", null, benchmark.Items[1].Task.Gold)]);
        result.Completed.Accuracy.ShouldBe(0.5);
        result.Completed.ByClass.ShouldBe(new Dictionary<string, double> { ["1 call"] = 1, ["2 calls"] = 0 });
        result.Completed.Errors.ShouldBe(new Dictionary<string, int> { ["format/not_parsed"] = 1 });
    }
}
