using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Tests;

/// <summary>Whole files in the forms of eight clients.</summary>
public sealed class RealConfigurationTests
{
    private static Dictionary<string, ServerDefinition> Read(string file, params (string Name, string Value)[] environment) => ToolSourceReader
        .Read(OutsideTools.Find($"configs/{file}"), environment.Append(("HOME", "/home/ann")).ToDictionary())
        .Servers.ToDictionary(server => server.Name);

    [Fact]
    public void Claude_desktop()
    {
        var servers = Read("01-claude-desktop.json");
        servers.Keys.ShouldBe(["filesystem", "github", "Weather Station (py)", "remote-via-bridge"]);
        servers.Values.ShouldAllBe(server => server.NotStartable == "");
        servers["remote-via-bridge"].Arguments[^1].ShouldBe("Authorization:${AUTH_HEADER}");
        servers["filesystem"].Arguments[^1].ShouldBe("/Users/anna/Téléchargements");
    }

    [Fact]
    public void Claude_code()
    {
        var servers = Read("02-claude-code.mcp.json", ("DOCS_TOKEN", "token-1"));
        servers["docs"].Endpoint!.ToString().ShouldBe("https://docs.example.invalid/mcp");
        servers["docs"].Headers["Authorization"].ShouldBe("Bearer token-1");
        servers["legacy-events"].Transport.ShouldBe(ServerTransport.Sse);
        servers["db"].NotStartable.ShouldBe("env.UNSET_ONE: the variable NO_SUCH_VARIABLE is not set");
        servers["db"].Arguments.ShouldBe(["--dsn", "sqlite:///tmp/dev.db", "--literal", "$NOT_EXPANDED"]);
        (servers["db"].Command, servers["db"].TimeoutSeconds).ShouldBe(("/home/ann/bin/db-mcp", 20));
        servers["url-without-type"].Notes.Single().ShouldContain("url without type");
        Read("02-claude-code.mcp.json")["docs"].NotStartable.ShouldBe("headers.Authorization: the variable DOCS_TOKEN is not set");
    }

    [Fact]
    public void Visual_studio_code()
    {
        var servers = Read("03-vscode.mcp.jsonc", ("API_KEY", "key-1"), ("USER", "ann"));
        servers["searchTool"].Arguments.ShouldBe(["-y", "tavily-mcp@latest", "--region", "eu"]);
        servers["searchTool"].NotStartable.Length.ShouldBeGreaterThan(0);
        servers["remote"].Headers["Authorization"].ShouldBe("Bearer key-1");
        servers["overSocket"].NotStartable.ShouldContain("not unix://");
        servers["noType"].Arguments[0].ShouldEndWith("/build/index.js");
    }

    [Fact]
    public void Cursor()
    {
        var servers = Read("04-cursor.mcp.json", ("EXAMPLE_TOKEN", "token-1"));
        servers["remote-no-type"].Transport.ShouldBe(ServerTransport.Http);
        servers["local"].NotStartable.ShouldNotBeEmpty();
        servers["one-line-command"].Arguments.ShouldBe(["-y", "@modelcontextprotocol/server-memory"]);
        servers["oauth-remote"].Notes.ShouldContain(note => note.Contains("auth is not supported"));
    }

    [Fact]
    public void Zed()
    {
        var servers = Read("05-zed.settings.jsonc");
        servers["current-form"].Command.ShouldBe("npx");
        servers["with-source"].Enabled.ShouldBeFalse();
        var old = servers["old-form"];
        (old.Command, old.Arguments.Single(), old.Environment["A"]).ShouldBe(("node", "server.js", "1"));
        servers["from-extension"].NotStartable.ShouldContain("extension");
        servers["remote"].NotStartable.ShouldBe("");
    }

    [Fact]
    public void Cline_roo_and_windsurf()
    {
        var servers = Read("06-cline-roo-windsurf.json", ("TOKEN", "token-1"));
        (servers["cline-local"].TimeoutSeconds, servers["cline-local"].ApprovedTools.Single()).ShouldBe((60, "read_file"));
        var local = servers["roo-local"];
        (local.Enabled, local.HiddenTools.Single(), local.WorkingFolder).ShouldBe((false, "write_file", "/srv"));
        servers["cline-remote"].Transport.ShouldBe(ServerTransport.Http);
        servers["roo-remote"].ApprovedTools.ShouldBe(["*"]);
        servers["windsurf-remote"].Headers["Authorization"].ShouldBe("Bearer token-1");
        servers["old-transport-key"].Transport.ShouldBe(ServerTransport.Sse);
    }

    [Fact]
    public void Gemini_and_opencode()
    {
        var servers = Read("07-gemini-opencode.json", ("DB_URL", "db-1"), ("EXTERNAL_API_KEY", "key-1"), ("A_VALUE", "a-1"), ("TOKEN", "token-1"));
        (servers["gemini-stdio"].Environment["DATABASE_URL"], servers["gemini-stdio"].Environment["API_KEY"]).ShouldBe(("db-1", "key-1"));
        (servers["gemini-stdio"].OnlyTools.Single(), servers["gemini-stdio"].HiddenTools.Single()).ShouldBe(("safe_tool", "drop_table"));
        servers["gemini-stdio"].WorkingFolder.ShouldEndWith("/servers/py");
        servers["gemini-sse"].Transport.ShouldBe(ServerTransport.Sse);
        (servers["gemini-http"].Transport, servers["gemini-http"].TimeoutSeconds).ShouldBe((ServerTransport.Http, 5));
        servers["opencode-local"].Environment["A"].ShouldBe("a-1");
        servers["opencode-local"].Arguments.ShouldBe(["-y", "cclsp"]);
        (servers["opencode-remote"].Enabled, servers["opencode-remote"].Headers["Authorization"]).ShouldBe((false, "Bearer token-1"));
    }

    [Fact]
    public void Claude_desktop_on_windows()
    {
        var servers = Read("08-windows-claude-desktop.json");
        servers["memory"].Environment["MEMORY_FILE_PATH"].ShouldBe("%APPDATA%\\memory.jsonl");
        servers["memory"].Arguments[^1].ShouldBe("@modelcontextprotocol/server-memory");
        servers["filesystem"].Command.ShouldBe("C:\\Program Files\\nodejs\\node.exe");
        servers["filesystem"].Arguments[1].ShouldBe("C:\\Users\\Anna Müller\\Desktop");
        servers["wsl"].ToString().ShouldNotContain("REPLACE_ME");
    }
}
