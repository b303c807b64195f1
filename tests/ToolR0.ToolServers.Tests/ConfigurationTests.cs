using ToolR0.Contracts;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Tests;

/// <summary>Configurations as clients write them.</summary>
public sealed class ConfigurationTests
{
    private static readonly Dictionary<string, string> Environment = new() { ["SET"] = "value-of-set", ["HOME"] = "/home/ann" };

    private static ToolSource Read(string text, string file = "/home/ann/space/mcp.json") => ToolSourceReader.Parse(text, file, Environment);

    private static ServerDefinition Only(string entry, string root = "mcpServers") => Read($$"""{"{{root}}":{"s":{{entry}} } }""").Servers.Single();

    [Theory]
    [InlineData("mcpServers")]
    [InlineData("servers")]
    [InlineData("context_servers")]
    [InlineData("mcp")]
    public void Every_root_key_is_read(string root)
    {
        var server = Only("""{"command":"node","args":["a b.js",7],"env":{"A":"1"}}""", root);
        (server.Command, server.Transport, server.Enabled).ShouldBe(("node", ServerTransport.Stdio, true));
        server.Arguments.ShouldBe(["a b.js", "7"]);
        server.Environment["A"].ShouldBe("1");
    }

    [Fact]
    public void Comments_trailing_commas_and_a_byte_order_mark_are_read() =>
        Read("\uFEFF// a comment\r\n{ \"servers\": { /* one */ \"s\": { \"command\": \"x\", }, }, }").Servers.Single().Command.ShouldBe("x");

    [Theory]
    [InlineData("${SET}", "value-of-set")]
    [InlineData("a${SET}b", "avalue-of-setb")]
    [InlineData("${env:SET}", "value-of-set")]
    [InlineData("${NONE:-else}", "else")]
    [InlineData("${NONE:-}", "")]
    [InlineData("${SET:-else}", "value-of-set")]
    [InlineData("$SET", "$SET")]
    [InlineData("{env:SET}", "{env:SET}")]
    [InlineData("${workspaceFolder}", "/home/ann/space")]
    [InlineData("${workspaceFolderBasename}", "space")]
    [InlineData("a${/}b", "a/b")]
    [InlineData("%APPDATA%", "%APPDATA%")]
    public void Variables_are_replaced(string text, string value) =>
        Only($$"""{"command":"x","args":["{{text}}"]}""").Arguments.ShouldBe([value]);

    [Theory]
    [InlineData("${NONE}", "the variable NONE is not set")]
    [InlineData("${env:NONE}", "the variable NONE is not set")]
    [InlineData("${input:key}", "the input 'key' is not among the file's inputs")]
    [InlineData("${file:x}", "${file:x} is no variable that is known here")]
    public void A_variable_without_a_value_is_named_and_never_empty(string text, string reason)
    {
        var source = Read("""{"mcpServers":{"bad":{"command":"x","env":{"KEY":"TEXT"}},"good":{"command":"y"}}}""".Replace("TEXT", text));
        source.Servers[0].NotStartable.ShouldBe($"env.KEY: {reason}");
        source.Problems.Single().ToString().ShouldBe($"mcp.json: bad.env.KEY: {reason}");
        source.Servers[1].NotStartable.ShouldBe("");
    }

    [Fact]
    public void An_input_has_its_value_from_a_variable_or_its_default()
    {
        const string Text = """
            {"inputs":[{"type":"promptString","id":"set"},{"type":"pickString","id":"region","default":"eu"},
             {"type":"command","id":"branch","command":"c"}],
             "servers":{"a":{"command":"x","args":["${input:set}","${input:region}"]},"b":{"command":"x","args":["${input:branch}"]}}}
            """;
        var source = Read(Text, "/home/ann/space/.vscode/mcp.json");
        source.Servers[0].Arguments.ShouldBe(["value-of-set", "eu"]);
        source.Servers[1].NotStartable.ShouldContain("'branch' is a command of an editor");
    }

    [Theory]
    [InlineData("""{"command":"npx -y \"my server\" --x"}""", "npx", "-y|my server|--x")]
    [InlineData("""{"command":["npx","-y","cclsp"]}""", "npx", "-y|cclsp")]
    [InlineData("""{"command":{"path":"node","args":["s.js"],"env":{"A":"1"}}}""", "node", "s.js")]
    [InlineData("""{"command":"C:\\Program Files\\node.exe","args":["x"]}""", "C:\\Program Files\\node.exe", "x")]
    [InlineData("""{"command":"cmd","args":["/c","npx","-y","m"]}""", "npx", "-y|m")]
    [InlineData("""{"command":"npx","args":["mcp-remote","u","--header","Authorization:${AUTH}"]}""", "npx",
        "mcp-remote|u|--header|Authorization:${AUTH}")]
    [InlineData("""{"command":"./bin/x"}""", "/home/ann/space/bin/x", "")]
    [InlineData("""{"command":"x","args":["${OWN}"],"env":{"OWN":"1"}}""", "x", "${OWN}")]
    public void A_command_is_read_in_every_form(string entry, string command, string arguments)
    {
        var server = Only(entry);
        (server.Command, string.Join('|', server.Arguments), server.NotStartable).ShouldBe((command, arguments, ""));
    }

    [Theory]
    [InlineData("""{"url":"https://h.invalid/mcp"}""", ServerTransport.Http)]
    [InlineData("""{"serverUrl":"https://h.invalid/mcp"}""", ServerTransport.Http)]
    [InlineData("""{"type":"streamableHttp","url":"https://h.invalid/mcp"}""", ServerTransport.Http)]
    [InlineData("""{"type":"streamable-http","url":"https://h.invalid/mcp"}""", ServerTransport.Http)]
    [InlineData("""{"type":"sse","url":"https://h.invalid/sse"}""", ServerTransport.Sse)]
    [InlineData("""{"transport":"sse","url":"https://h.invalid/sse"}""", ServerTransport.Sse)]
    [InlineData("""{"url":"https://h.invalid/sse","trust":true}""", ServerTransport.Sse)]
    [InlineData("""{"httpUrl":"https://h.invalid/mcp"}""", ServerTransport.Http)]
    public void An_address_says_how_it_is_talked_to(string entry, ServerTransport transport) => Only(entry).Transport.ShouldBe(transport);

    [Theory]
    [InlineData("""{"url":"unix:///tmp/s.sock#/mcp","type":"http"}""", "url: must begin with http:// or https://, not unix://")]
    [InlineData("""{"type":"http"}""", "type: needs a url")]
    [InlineData("""{"source":"extension"}""", "source: is an editor's extension, which has no command to start")]
    [InlineData("""{}""", "command: must name a program, or url an address")]
    [InlineData("""{"command":7}""", "command: must name a program, or url an address")]
    [InlineData("""{"command":"x","env":{"A":[1]}}""", "env.A: must be text")]
    [InlineData("""{"command":"x","envFile":"none.env"}""", "envFile: none.env is not there")]
    [InlineData("""{"command":"x","disabled":"no"}""", "disabled: must be true or false")]
    [InlineData("\"x\"", "must be an object")]
    public void What_is_wrong_is_named_with_its_field(string entry, string reason) => Only(entry).NotStartable.ShouldBe(reason);

    [Theory]
    [InlineData("60", 60)]
    [InlineData("60000", 60)]
    [InlineData("15000", 15)]
    [InlineData("0.5", 0.5)]
    [InlineData("\"x\"", 0)]
    public void A_timeout_is_in_seconds_or_milliseconds(string timeout, double seconds) =>
        Only($$"""{"command":"x","timeout":{{timeout}}}""").TimeoutSeconds.ShouldBe(seconds);

    [Fact]
    public void Lists_of_tools_and_switches_are_read()
    {
        var server = Only(
            """{"command":"x","disabled":true,"alwaysAllow":["a"],"disabledTools":["b"],"includeTools":["c"],"excludeTools":["d"]}""");
        server.Enabled.ShouldBeFalse();
        server.ApprovedTools.ShouldBe(["a"]);
        server.HiddenTools.ShouldBe(["d", "b"]);
        server.OnlyTools.ShouldBe(["c"]);
        Only("""{"command":"x","enabled":false}""").Enabled.ShouldBeFalse();
    }

    [Fact]
    public void What_the_entry_says_wins_over_its_environment_file_and_both_are_secret()
    {
        var folder = Directory.CreateTempSubdirectory("toolr0-tools-").FullName;
        File.WriteAllText(Path.Combine(folder, ".env"), "# comment\nexport A=\"from file\"\nB=2\n");
        var source = Read("""{"servers":{"s":{"command":"x","envFile":".env","env":{"B":"3"}}}}""", Path.Combine(folder, "mcp.json"));
        var server = source.Servers.Single();
        (server.Environment["A"], server.Environment["B"]).ShouldBe(("from file", "3"));
        server.Redact("it was from file.").ShouldBe("it was ***.");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void No_secret_is_in_a_servers_text()
    {
        var server = Only("""{"command":"/bin/x","args":["TOKEN=REPLACE_ME"],"env":{"K":"REPLACE_ME"}}""");
        server.ToString().ShouldBe("s: x with 1 arguments");
        server.Redact("bad key REPLACE_ME").ShouldBe("bad key ***");
        Only("""{"url":"https://u:pw@h.invalid/mcp?key=1","headers":{"Authorization":"Bearer REPLACE_ME"}}""").Redact("REPLACE_ME").ShouldBe("***");
    }

    [Theory]
    [InlineData("{", "is no JSON")]
    [InlineData("{}", "holds no tools")]
    [InlineData("7", "holds no tools")]
    public void A_file_that_is_none_is_refused(string text, string reason) =>
        Should.Throw<UserErrorException>(() => Read(text)).Message.ShouldContain(reason);

    [Fact]
    public void Functions_in_every_form_are_tools_of_which_the_schema_is_known()
    {
        var source = Read("""
            [{"type":"function","function":{"name":"a","description":"A","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}},
             {"name":"b"},{"description":"nameless"},7,{"name":"c","inputSchema":{"type":"object"}}]
            """);
        source.Functions.Select(f => f.GetProperty("name").GetString()).ShouldBe(["a", "b", "c"]);
        source.Functions[0].GetProperty("inputSchema").GetProperty("properties").TryGetProperty("x", out _).ShouldBeTrue();
        source.Problems.Select(p => p.Field).ShouldBe(["[2]", "[3]"]);
    }
}
