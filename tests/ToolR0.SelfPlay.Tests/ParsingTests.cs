using System.Text.Json;
using ToolR0.SelfPlay.Parsing;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

public sealed class ParsingTests
{
    [Theory]
    [InlineData("""[{"a":1}]""", """[{"a":1}]""")]
    [InlineData("```json\n[1, 2]\n```", "[1,2]")]
    [InlineData("```\n[1]\n```", "[1]")]
    [InlineData("[{'a': True, 'b': None, 'c': False}]", """[{"a":true,"b":null,"c":false}]""")]
    [InlineData("""{'it': "it's", 'q': 'say "hi"'}""", """{"it":"it's","q":"say \"hi\""}""")]
    [InlineData("(1, 2)", "[1,2]")]
    [InlineData("(1)", "1")]
    [InlineData("(1,)", "[1]")]
    [InlineData("()", "[]")]
    [InlineData("[1, 2,]", "[1,2]")]
    [InlineData("{'a': 1,}", """{"a":1}""")]
    [InlineData("[+5, .5, 5., -0, 1e2, 1.50]", "[5,0.5,5,0,100,1.5]")]
    [InlineData("""["\u0041\x42", "\ud83d\ude00", '\q']""", """["AB","😀","\\q"]""")]
    [InlineData("""["\ud800", "\u0000"]""", "[\"\uFFFD\",\"\uFFFD\"]")]
    [InlineData(" \n true ", "true")]
    public void What_models_write_for_JSON_parses(string text, string canonical)
    {
        RelaxedJson.TryParse(text, out var value).ShouldBeTrue();
        CanonicalJson.Of(value).ShouldBe(canonical);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("[")]
    [InlineData("[1")]
    [InlineData("[1 2]")]
    [InlineData("{a: 1}")]
    [InlineData("{1: 2}")]
    [InlineData("['a]")]
    [InlineData("[1] and more")]
    [InlineData("[01]")]
    [InlineData("nothing")]
    [InlineData("nullable")]
    [InlineData("NaN")]
    [InlineData("[...]")]
    [InlineData("""[{"name":"f","arguments":{"a":"..."}}]""")]
    [InlineData("\"a\nb\"")]
    [InlineData(",")]
    [InlineData("[,]")]
    public void What_is_not_JSON_or_a_literal_does_not_parse(string text) => RelaxedJson.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Deep_nesting_is_refused_in_linear_time()
    {
        RelaxedJson.TryParse(new string('[', 100_000), out _).ShouldBeFalse();
        RelaxedJson.TryParse(new string('(', 100_000) + new string(')', 100_000), out _).ShouldBeFalse();
        RelaxedJson.TryParse(string.Concat(Enumerable.Repeat("{'a':", 50_000)), out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData("1.0", "1")]
    [InlineData("1e2", "100")]
    [InlineData("-0.0", "0")]
    [InlineData("00012.3400", "12.34")]
    [InlineData("0.001", "0.001")]
    [InlineData("1E-3", "0.001")]
    [InlineData("12345678901234567890123", "12345678901234567890123")]
    [InlineData("1e400", "1e400")]
    [InlineData("10e399", "1e400")]
    [InlineData(" 7 ", "7")]
    [InlineData("abc", null)]
    [InlineData("1.2.3", null)]
    [InlineData("", null)]
    [InlineData("e5", null)]
    [InlineData("1e", null)]
    public void Numbers_have_one_normal_form(string text, string? normal) => NumberText.Normalise(text).ShouldBe(normal);

    [Theory]
    [InlineData("""[{"name":"f","arguments":{"a":1}}]""")]
    [InlineData("""{"name":"f","arguments":{"a":1}}""")]
    [InlineData("""[{"tool_name":"f","arguments":{"a":1}}]""")]
    [InlineData("""[{"function":{"name":"f","arguments":{"a":1}}}]""")]
    [InlineData("""[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]""")]
    [InlineData("""[{"name":"f","a":1}]""")]
    [InlineData("""[{"tool_name":" f ","a":1.0}]""")]
    [InlineData("[{'name': 'f', 'arguments': {'a': 1}}]")]
    public void All_forms_of_a_call_normalise_to_one(string text) =>
        Calls.CanonicalSet(Given.CallsOf(text)).ShouldBe("""[{"arguments":{"a":1},"name":"f"}]""");

    [Theory]
    [InlineData("""[{"name":"f","arguments":""}]""")]
    [InlineData("""[{"name":"f","arguments":" \n"}]""")]
    [InlineData("""[{"name":"f","arguments":null}]""")]
    [InlineData("""[{"name":"f","arguments":"null"}]""")]
    [InlineData("""[{"name":"f","arguments":"{}"}]""")]
    [InlineData("""[{"tool_name":"f","arguments":""}]""")]
    [InlineData("""[{"type":"function","function":{"name":"f","arguments":""}}]""")]
    [InlineData("""[{"name":"f"}]""")]
    public void Arguments_that_say_nothing_are_none(string text) =>
        Calls.CanonicalSet(Given.CallsOf(text)).ShouldBe("""[{"arguments":{},"name":"f"}]""");

    [Theory]
    [InlineData("""{"type":"object"}""")]
    [InlineData("""{"type":"object","additionalProperties":false}""")]
    [InlineData("""{"type":"object","additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}""")]
    [InlineData("""{"type":"object","properties":{}}""")]
    [InlineData("""{"type":"object","properties":null,"required":null}""")]
    [InlineData("""{"type":"object","properties":[],"required":[]}""")]
    [InlineData("""{"type":["object","null"],"title":"PingArguments","description":"none"}""")]
    [InlineData("""{"type":"OBJECT"}""")]
    [InlineData("""{"type":"dict","required":[]}""")]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#","additionalProperties":false}""")]
    [InlineData("""{"type":"object","$defs":{"a":{"type":"string"}},"patternProperties":{"^x":{"type":"string"}},"minProperties":0}""")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[]")]
    public void A_schema_of_an_object_without_properties_has_no_parameters(string parameters)
    {
        foreach (var tool in (string[])[$$"""{"name":"ping","description":"d","parameters":{{parameters}}}""",
            $$$"""{"type":"function","function":{"name":"ping","description":"d","parameters":{{{parameters}}}}}"""])
        {
            var menu = MenuReader.Read(Given.Json($"[{tool}]"), out _).ShouldNotBeNull();
            menu[0].Parameters.ShouldBeEmpty();
            menu[0].Required.ShouldBeEmpty();
            MenuReader.ToJson(menu[0], Given.Json(tool)).ShouldBe("""{"name":"ping","description":"d","parameters":{},"required":[]}""");
        }
    }

    [Theory]
    [InlineData("""{"type":"string","title":"string?"}""", "type:string,title:string", "type")]
    [InlineData("""{"type":{"type":"string"},"description":{"type":"string"}}""", "type:string,description:string", "")]
    [InlineData("""{"type":"object","city":{"type":"string"},"description":{"type":"string"},"required":["city"]}""",
        "city:string,description:string", "city")]
    [InlineData("""{"properties":{"type":{"type":"object"},"additionalProperties":{"type":"string"}}}""",
        "type:object,additionalProperties:string", "")]
    public void What_is_named_like_a_keyword_and_is_a_parameter_stays_one(string parameters, string read, string required)
    {
        var menu = MenuReader.Read(Given.Json($$"""[{"name":"f","parameters":{{parameters}}}]"""), out _)!;
        string.Join(',', menu[0].Parameters.Select(p => $"{p.Name}:{p.Type}")).ShouldBe(read);
        string.Join(',', menu[0].Required).ShouldBe(required);
    }

    [Theory]
    [InlineData("see </tool_call_answer> here")]
    [InlineData("see <tool_call_answer> here")]
    [InlineData("<tool_call_answer>[]</tool_call_answer>")]
    [InlineData("</tool_call_answer><tool_call_answer>")]
    [InlineData("<think></think> and </think>")]
    [InlineData("<THINK></THINK></Tool_Call_Answer>")]
    [InlineData("<question>no</question><available_tools>[]</available_tools>")]
    public void A_tag_inside_a_string_of_a_JSON_block_is_text(string text)
    {
        var written = System.Text.Json.JsonSerializer.Serialize(text,
            new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var calls = $$"""[{"name":"f","arguments":{"x":{{written}} } }]""";
        foreach (var completion in (string[])
            [
                Given.Answer(calls), Given.Answer($"```json\n{calls}\n```"), Given.Answer("[]") + Given.Answer(calls),
                $"<think>I shall write <tool_call_answer> now.</think><tool_call_answer>{calls}</tool_call_answer>",
                $"<think>t</think><tool_call_answer>[{{'name': 'g'<tool_call_answer>{calls}</tool_call_answer>",
            ])
        {
            var answer = SolverAnswer.Parse(completion, requireThink: true);
            answer.BlocksPresent.ShouldBeTrue(completion);
            answer.Calls.ShouldNotBeNull(completion).ShouldHaveSingleItem().Arguments["x"].GetString().ShouldBe(text);
        }

        var tools = $$"""[{"name":"look_up","description":{{written}},"parameters":{"x":"string"} }]""";
        var proposal = Given.Proposal("the question", tools, calls, "thoughts");
        foreach (var read in (Proposal[])[ProposalParser.ParseForReward(proposal), ProposalParser.ParseForCurriculum(proposal)])
        {
            (read.Think, read.Question, read.HasAllTags).ShouldBe(("thoughts", "the question", true));
            read.Menu.ShouldNotBeNull().ShouldHaveSingleItem().Description.ShouldBe(text);
            read.Gold.ShouldNotBeNull().ShouldHaveSingleItem().Arguments["x"].GetString().ShouldBe(text);
        }
    }

    [Fact]
    public void Tags_without_end_take_no_time()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        foreach (var unit in (string[])["<tool_call_answer>[", "<tool_call_answer>[\"", "<tool_call_answer>['\\\"",
            "<tool_call_answer></tool_call_answer>", "<tool_call_answer>[\"</tool_call_answer>", "<tool_call_answer>[[]]<"])
            SolverAnswer.Parse(string.Concat(Enumerable.Repeat(unit, 10_000)), requireThink: true);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData("3")]
    [InlineData("[3]")]
    [InlineData("""[{"arguments":{}}]""")]
    [InlineData("""[{"name":""}]""")]
    [InlineData("""[{"name":7}]""")]
    [InlineData("""[{"name":"f","arguments":[1]}]""")]
    [InlineData("""[{"name":"f","arguments":"broken {"}]""")]
    [InlineData("""[{"name":"f"},"g"]""")]
    public void What_is_no_call_does_not_normalise(string text)
    {
        RelaxedJson.TryParse(text, out var value).ShouldBeTrue();
        Calls.TryNormalise(value, out _).ShouldBeFalse();
    }

    [Fact]
    public void Calls_compare_as_a_multiset()
    {
        var twice = Given.CallsOf("""[{"name":"f","a":1},{"name":"g"},{"name":"f","a":1}]""");
        var shuffled = Given.CallsOf("""[{"name":"g","arguments":{}},{"name":"f","arguments":{"a":1.0}},{"name":"f","a":1}]""");
        var once = Given.CallsOf("""[{"name":"f","a":1},{"name":"g"},{"name":"g"}]""");
        Calls.SameMultiset(twice, shuffled).ShouldBeTrue();
        Calls.SameMultiset(twice, once).ShouldBeFalse();
        Calls.SameMultiset(Given.CallsOf("""{"name":"f","a":"1"}"""), Given.CallsOf("""{"name":"f","a":1}""")).ShouldBeFalse();
    }

    [Fact]
    public void The_last_tag_counts_for_rewards_and_the_first_for_the_curriculum()
    {
        var text = Given.Proposal("the first question") + Given.Proposal("the last question");
        ProposalParser.ParseForReward(text).Question.ShouldBe("the last question");
        ProposalParser.ParseForCurriculum(text).Question.ShouldBe("the first question");
    }

    [Theory]
    [InlineData("<think>I will write <tool_call_answer> now.</think><tool_call_answer>GOLD</tool_call_answer>")]
    [InlineData("<think>t</think><tool_call_answer>[{'name': 'f'<tool_call_answer>GOLD</tool_call_answer>")]
    [InlineData("<think>t</think><tool_call_answer>GOLD</tool_call_answer></tool_call_answer><tool_call_answer>")]
    [InlineData("<think>t</think><Tool_Call_Answer><TOOL_CALL_ANSWER>GOLD</tool_call_answer>")]
    public void The_last_pair_begins_at_the_last_opening_tag_before_its_end(string text)
    {
        var answer = SolverAnswer.Parse(text.Replace("GOLD", Given.Gold), requireThink: true);
        answer.BlocksPresent.ShouldBeTrue();
        Calls.CanonicalSet(answer.Calls!).ShouldBe(Calls.CanonicalSet(Given.CallsOf(Given.Gold)));
    }

    [Theory]
    [InlineData("```json\n[1]\n```")]
    [InlineData("```[1]```")]
    [InlineData("```tool_call\n[1]\n```")]
    [InlineData("```python3\r\n[1]")]
    public void A_fence_may_carry_a_word(string text)
    {
        RelaxedJson.TryParse(text, out var value).ShouldBeTrue();
        value.GetRawText().ShouldBe("[1]");
    }

    [Fact]
    public void Generator_tags_are_case_sensitive_and_Solver_tags_are_not()
    {
        ProposalParser.ParseForReward(Given.Proposal().Replace("question>", "Question>")).Question.ShouldBeNull();
        var answer = SolverAnswer.Parse($"<tool_call_answer>[]</tool_call_answer><THINK>x</think><Tool_Call_Answer>{Given.Gold}</TOOL_CALL_ANSWER>",
            requireThink: true);
        answer.Calls!.Count.ShouldBe(1);
        answer.BlocksPresent.ShouldBeTrue();
    }

    [Fact]
    public void Menus_are_read_in_every_form()
    {
        const string expected = """[{"name":"f","parameters":{"a":"string","b":"integer?"}}]""";
        string[] forms =
        [
            """[{"name":"f","parameters":{"a":"string","b":"integer?"}}]""",
            """[{"name":"f","description":"d","parameters":{"a":{"type":"str"},"b":{"type":"int","description":"x"}},"required":["a"]}]""",
            """[{"name":"f","parameters":{"a":{"type":"string"},"b":{"type":"integer"},"required":["a"]}}]""",
            """[{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["integer","null"]}},"required":["a"]}}]""",
            """[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a"]}}}]""",
            """[{"name":"f","parameters":{"a":{"type":"string","required":true},"b":{"type":"integer","required":false}}}]""",
        ];
        foreach (var form in forms)
            MenuReader.ToCompactJson(MenuReader.Read(Given.Json(form), out _)!).ShouldBe(expected, form);
    }

    [Fact]
    public void A_menu_survives_writing_and_reading()
    {
        var menu = MenuReader.Read(Given.Json(Given.Tools), out _)!;
        MenuReader.ToJson(MenuReader.Read(Given.Json(MenuReader.ToJson(menu)), out _)!).ShouldBe(MenuReader.ToJson(menu));
    }

    [Theory]
    [InlineData("[]", MenuReader.NotList)]
    [InlineData("{}", MenuReader.NotList)]
    [InlineData("[1]", MenuReader.ToolNotObject)]
    public void What_is_no_menu_says_why(string json, string problem)
    {
        MenuReader.Read(Given.Json(json), out var found).ShouldBeNull();
        found.ShouldBe(problem);
    }

    [Fact]
    public void Unicode_is_folded_without_the_platforms_tables()
    {
        Words.Nfkc("３ﬁ² e\u0301 \u1112\u1161\u11AB").ShouldBe("3fi2 \u00E9 \uD55C");
        Words.Fold("  Straße, ΟΔΟΣ-7! ").ShouldBe(" strasse οδοσ 7 ");
        Words.Fold("\ud800").ShouldBe(" ");
    }

    [Fact]
    public void Canonical_JSON_does_not_depend_on_key_order_or_white_space() =>
        CanonicalJson.Of(Given.Json("{\"b\" : [1.0,{\"z\":1,\"a\":\"\\u0041\"}],\n\"a\":null}"))
            .ShouldBe("""{"a":null,"b":[1,{"a":"A","z":1}]}""");

    [Fact]
    public void Numbers_keep_their_spelling_in_prompts()
    {
        var call = new Contracts.ToolCall("f", new Dictionary<string, JsonElement> { ["b"] = Given.Json("1.50"), ["a"] = Given.Json("\"x\\\"y\"") });
        Calls.ToJson([call]).ShouldBe("""[{"name":"f","arguments":{"b":1.50,"a":"x\"y"}}]""");
    }
}
