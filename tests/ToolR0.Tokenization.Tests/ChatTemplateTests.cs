using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Testing;

namespace ToolR0.Tokenization.Tests;

public sealed class ChatTemplateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Templates => ["qwen2.5", "qwen3", "llama3.2"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Templates))]
    public void Conversations_are_written_as_transformers_writes_them(string name)
    {
        var tokenizer = WithTemplate(File.ReadAllText(Golden.Path($"templates/{name}.jinja")));
        var cases = Golden.Read<Conversation[]>("conversations.golden.json").Where(c => c.template == name).ToList();
        cases.Count.ShouldBeGreaterThan(6);
        foreach (var conversation in cases)
        {
            var variables = conversation.variables;
            var messages = variables["messages"].EnumerateArray().Select(Message).ToList();
            var options = new ChatOptions
            {
                AddGenerationPrompt = variables["add_generation_prompt"].GetBoolean(),
                Tools = variables["tools"].ValueKind == JsonValueKind.Null ? null : [.. variables["tools"].EnumerateArray()],
                Variables = variables.Where(v => v.Key is not ("messages" or "tools" or "add_generation_prompt")).ToDictionary(),
            };
            Rendered(() => tokenizer.RenderChat(messages, options)).ShouldBe(conversation.text, conversation.name);
        }
    }

    [Theory]
    [InlineData("constructs")]
    [InlineData("library")]
    public void Constructs_are_rendered_as_jinja_renders_them(string name)
    {
        var constructs = Golden.Read<JsonObject>($"{name}.json");
        foreach (var construct in Golden.Read<Construct[]>($"{name}.golden.json"))
        {
            var variables = constructs["variables"]![construct.variables].Deserialize<Dictionary<string, JsonElement>>()!;
            Rendered(() => WithTemplate(construct.template).RenderChat([], new ChatOptions { Variables = variables }))
                .ShouldBe(construct.text, construct.template);
        }
    }

    [Fact]
    public void Chatml_has_no_system_turn_of_its_own()
    {
        WithTemplate(ChatTemplates.ChatMl).RenderChat([new ChatMessage("user", " 1 < 2\n"), new ChatMessage("assistant", "yes")])
            .ShouldBe("<|im_start|>user\n 1 < 2\n<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n<|im_start|>assistant\n");
    }

    [Fact]
    public void A_message_without_content_has_none()
    {
        var nothing = JsonDocument.Parse("null").RootElement;
        WithTemplate("{% for m in messages %}{{ m.content is defined }} {{ 'content' in m }} {{ m.content is none }};{% endfor %}").RenderChat(
            [
                new ChatMessage("assistant", null),
                new ChatMessage("assistant", null) { Fields = new Dictionary<string, JsonElement> { ["content"] = nothing } },
                new ChatMessage("assistant", ""),
            ]).ShouldBe("False False False;True True True;True True False;");
    }

    [Fact]
    public void The_ids_of_a_conversation_are_those_of_its_text()
    {
        var tokenizer = Tokenizer.Load(Golden.Path("qwen"));
        var messages = new[] { new ChatMessage("user", "Convert 3 miles") };
        tokenizer.EncodeChat(messages).ShouldBe(tokenizer.Encode("<|im_start|>user\nConvert 3 miles<|im_end|>\n<|im_start|>assistant\n"));
        tokenizer.EncodeChat(messages, addGenerationPrompt: false).ShouldBe(tokenizer.Encode("<|im_start|>user\nConvert 3 miles<|im_end|>\n"));
    }

    [Fact]
    public void The_date_is_the_templates_own_unless_the_caller_says_what_time_it_is()
    {
        var tokenizer = WithTemplate("{{ strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' }}");
        tokenizer.RenderChat([]).ShouldBe("26 Jul 2024");
        tokenizer.RenderChat([], new ChatOptions { Now = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero) }).ShouldBe("01 Mar 2026");
    }

    [Fact]
    public void A_template_file_goes_before_the_configuration()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "chat_template.jinja"), "from the file, {{ eos_token }}\n");
        WithTemplate("from the configuration").RenderChat([]).ShouldBe("from the file, <|im_end|>");
    }

    [Fact]
    public void Of_several_templates_the_default_is_used()
    {
        var config = HandMadeTokenizer.Config();
        config["chat_template"] = JsonNode.Parse("""[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]""");
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), config).RenderChat([]).ShouldBe("d");
    }

    [Theory]
    [InlineData("""[{"name":"default","template":"D{{ messages|length }}"},{"name":"tool_use","template":"TOOLS{{ tools|length }}"}]""", "D1",
        "TOOLS1", "TOOLS0")]
    [InlineData("""{"default":"D","tool_use":"T"}""", "D", "T", "T")]
    [InlineData("""[{"name":"default","template":"D"},{"name":"rag","template":"{% broken"}]""", "D", "D", "D")]
    [InlineData("""[{"name":"tool_use","template":"T"}]""", null, "T", "T")]
    [InlineData("\"one for all\"", "one for all", "one for all", "one for all")]
    public void Where_tools_are_given_the_template_for_them_is_used(string templates, string? without, string with, string withNone)
    {
        var config = HandMadeTokenizer.Config();
        config["chat_template"] = JsonNode.Parse(templates);
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), config);
        var tool = JsonDocument.Parse("""{"type":"function","function":{"name":"f"}}""").RootElement;
        string? Written(IReadOnlyList<JsonElement>? tools) =>
            Rendered(() => tokenizer.RenderChat([new ChatMessage("user", "A")], new ChatOptions { Tools = tools }));
        (Written(null), Written([tool]), Written([])).ShouldBe((without, with, withNone));
        tokenizer.HasChatTemplate.ShouldBeTrue();
        if (without is null)
            Should.Throw<InvalidDataException>(() =>
                tokenizer.RenderChat([])).Message.ShouldContain("chat_template has no template named default; it has tool_use");
    }

    [Fact]
    public void Further_templates_are_files_of_their_own_and_copied_with_the_others()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "chat_template.jinja"), "D");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "additional_chat_templates"));
        File.WriteAllText(Path.Combine(_folder.Path, "additional_chat_templates", "tool_use.jinja"), "T");
        using var copy = new TemporaryFolder();
        var tokenizer = WithTemplate("from the configuration");
        tokenizer.CopyTo(copy.Path);
        foreach (var read in (Tokenizer[])[tokenizer, Tokenizer.Load(copy.Path)])
        {
            read.RenderChat([]).ShouldBe("D");
            read.RenderChat([], new ChatOptions { Tools = [] }).ShouldBe("T");
        }
    }

    [Fact]
    public void Without_a_template_the_error_says_so()
    {
        var tokenizer = HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer());
        tokenizer.HasChatTemplate.ShouldBeFalse();
        var error = Should.Throw<InvalidDataException>(() => tokenizer.EncodeChat([new ChatMessage("user", "Hi")]));
        error.Message.ShouldContain("tokenizer_config.json: chat_template is missing");
    }

    [Theory]
    [InlineData("\n{% include 'x' %}", "line 2: the statement 'include' is not supported")]
    [InlineData("{{ x | wordwrap }}", "the filter 'wordwrap' is not supported")]
    [InlineData("{{ x is escaped }}", "the test 'escaped' is not supported")]
    [InlineData("{{ f(*x) }}", "unpacked arguments are not supported")]
    [InlineData("{% for x in y recursive %}{% endfor %}", "'recursive' is not supported")]
    [InlineData("{% block x %}{% endblock %}", "the statement 'block' is not supported")]
    [InlineData("{% raw %}{{ x", "'endraw' is missing")]
    [InlineData("{% call 1 %}{% endcall %}", "'call' needs a call of a macro")]
    [InlineData("{{ '<'|e }}", "the filter 'e' is not supported")]
    [InlineData("{{ {[1]: 2} }}", "a list cannot be a key")]
    [InlineData("{{ nothing|int }}", "'nothing' is undefined")]
    [InlineData("{{ [3, 'a']|sort }}", "int and str have no order")]
    [InlineData("{{ '%s %s' % 'a' }}", "needs more values")]
    [InlineData("{{ '%y' % 1 }}", "the format '%y' is not supported")]
    [InlineData("{{ m.update({}) }}", "'m' is undefined")]
    [InlineData("{{ {}.update({}) }}", "update changes a dict")]
    [InlineData("{% if x %}", "'endif' is missing")]
    [InlineData("{% endfor %}", "'endfor' closes nothing")]
    [InlineData("{{ 'x }}", "a string is not closed")]
    [InlineData("{{ x ", "a tag is not closed")]
    [InlineData("{{ nothing.at.all }}", "line 1: 'nothing' is undefined")]
    [InlineData("{{ messages[3].role }}", "has no element 3' is undefined")]
    [InlineData("{{ raise_exception('Roles must alternate') }}", "Roles must alternate")]
    [InlineData("{{ 1 // 0 }}", "division by zero")]
    [InlineData("{{ 10 ** 999999999 }}", "too large")]
    public void What_a_template_may_not_do_is_named(string template, string message) =>
        Should.Throw<InvalidDataException>(() => WithTemplate(template).RenderChat([])).Message.ShouldContain(message);

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [InlineData("{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{{ 'x' * 9999999999 }}")]
    [InlineData("{{ [1] * 9999999999 }}")]
    [InlineData("{% set ns = namespace(x=7) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}")]
    [InlineData("{{ '%999999999d' % 1 }}")]
    [InlineData("{{ '{:999999999}'.format(1) }}")]
    [InlineData("{{ 'x'.center(999999999) }}")]
    public void A_template_that_would_never_end_is_stopped(string template)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Should.Throw<InvalidDataException>(() => WithTemplate(template).RenderChat([]));
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void A_template_that_is_nested_without_end_is_refused()
    {
        foreach (var template in (string[])
            [
                $"{{{{ {new string('(', 50_000)}1{new string(')', 50_000)} }}}}",
                $"{{{{ a{string.Concat(Enumerable.Repeat(".b", 100_000))} }}}}",
                $"{{{{ 1{string.Concat(Enumerable.Repeat("+1", 100_000))} }}}}",
                $"{{{{ 'a'{string.Concat(Enumerable.Repeat("|trim", 100_000))} }}}}",
                $"{{{{ {string.Concat(Enumerable.Repeat("not ", 100_000))}1 }}}}",
                string.Concat(Enumerable.Repeat("{% if 1 %}", 50_000)),
            ])
        {
            Should.Throw<InvalidDataException>(() => WithTemplate(template).RenderChat([]));
        }
    }

    [Fact]
    public void A_chain_without_end_is_refused_however_large_the_stack()
    {
        Exception? refused = null;
        var thread = new Thread(
            () => refused = Record.Exception(() => WithTemplate($"{{{{ a{string.Concat(Enumerable.Repeat("|trim", 20_000))} }}}}").RenderChat([])),
                512 << 20);
        thread.Start();
        thread.Join();
        refused.ShouldBeOfType<InvalidDataException>().Message.ShouldContain("more than 1000 expressions inside each other");
        WithTemplate($"{{{{ 'a'{string.Concat(Enumerable.Repeat("|trim", 900))} }}}}").RenderChat([]).ShouldBe("a");
    }

    private static string? Rendered(Func<string> render)
    {
        try
        {
            return render();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static ChatMessage Message(JsonElement json) =>
        new(json.GetProperty("role").GetString()!, json.TryGetProperty("content", out var content) ? content.GetString() : null)
        {
            Fields = json.EnumerateObject().Where(p => p.Name is not ("role" or "content")).ToDictionary(p => p.Name, p => p.Value),
        };

    private Tokenizer WithTemplate(string template) =>
        HandMadeTokenizer.Load(_folder, HandMadeTokenizer.Tokenizer(), HandMadeTokenizer.Config(template));

#pragma warning disable IDE1006 // the names of the JSON files
    private sealed record Conversation(string name, string template, Dictionary<string, JsonElement> variables, string? text);

    private sealed record Construct(string template, int variables, string? text);
#pragma warning restore IDE1006
}
