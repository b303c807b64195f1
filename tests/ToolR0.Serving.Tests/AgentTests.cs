using System.Diagnostics;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Serving.Agents;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.Serving.Tests;

/// <summary>The terminal agent with the tiny world's tools as a server.</summary>
public sealed class AgentTests : IDisposable
{
    private static readonly string Command = Path.Combine(AppContext.BaseDirectory, "toolr0.dll");

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_calls_read_only_tools_without_asking_and_shows_calls_and_results()
    {
        var output = await TalkAsync("Add 12 and 30.\n", isPerson: false, Tools("add_numbers"));
        output.ShouldContain("compact prompts, 1 tools)");
        output.ShouldContain("> Add 12 and 30.\n→ add_numbers(");
        output.ShouldContain("← ");
        output.ShouldNotContain("[y/N]");
    }

    [Theory]
    [InlineData("y", "← ")]
    [InlineData("n", "")]
    public async Task A_person_is_asked_before_a_tool_changes_something(string answer, string shown)
    {
        // The model goes on as it likes after the result: what is asked again gets the same answer.
        var answers = string.Concat(Enumerable.Repeat($"{answer}\n", 20));
        var output = await TalkAsync($"Save the value 7 under the key a.\n{answers}", isPerson: true, Tools("save_entry"), turns: 1);
        output.ShouldContain("→ save_entry(");
        output.ShouldContain("save_entry may change something. Call it? [y/N]");
        output.Contains("← ", StringComparison.Ordinal).ShouldBe(shown.Length > 0);
    }

    [Fact]
    public async Task Where_nobody_is_there_to_be_asked_the_call_is_refused()
    {
        var output = await TalkAsync("Save the value 7 under the key a.\n", isPerson: false, Tools("save_entry"), turns: 2);
        output.ShouldContain("(not called: save_entry may change something, and nobody is here to be asked)");
        output.ShouldNotContain("← ");
    }

    [Fact]
    public async Task Ask_all_asks_before_every_call()
    {
        var output = await TalkAsync("Add 12 and 30.\n", isPerson: false, Tools("add_numbers"), AskRule.All, turns: 1);
        output.ShouldContain("(not called: add_numbers is read-only, and nobody is here to be asked)");
        output.ShouldContain("(stopped: --max-turns 1)");
    }

    [Fact]
    public async Task The_command_reads_questions_from_its_input()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Command, "chat", "--tools", ToolsFile(), "--max-turns", "2", "--set", "tools.allow=[\"add_numbers\"]" },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.Path,
        };
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync("Add 1 and 2.\n\nAdd 3 and 4.\n");
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(Cancellation), process.StandardError.ReadToEndAsync(Cancellation));
        await process.WaitForExitAsync(Cancellation);
        (await errors).ShouldBe("");
        process.ExitCode.ShouldBe(0);
        (await output).ShouldContain("> Add 3 and 4.\n");
    }

    [Theory]
    [InlineData(true, "all", 8, "--yes-read-only and --ask all contradict each other")]
    [InlineData(false, "none", 8, "--ask none: must be all")]
    [InlineData(false, null, 0, "--max-turns 0: must be from 1 to 100")]
    public void Options_that_make_no_sense_are_refused(bool yes, string? ask, int turns, string message) =>
        Should.Throw<UserErrorException>(() => AgentOptions.Of(null, yes, ask, turns, 0, 64, new ToolOptions())).Message.ShouldBe(message);

    private static ToolOptions Tools(params string[] allowed) => new() { Allow = allowed };

    private string ToolsFile()
    {
        var path = Path.Combine(_folder.Path, "mcp.json");
        File.WriteAllText(path, $$"""
            { "mcpServers": { "world": { "command": "dotnet", "args": ["{{Command}}", "tools", "serve-world"] } } }
            """);
        return path;
    }

    private async Task<string> TalkAsync(string said, bool isPerson, ToolOptions tools, AskRule ask = AskRule.Changes, int turns = 3)
    {
        var options = AgentOptions.Of(ToolsFile(), false, ask == AskRule.All ? "all" : null, turns, 0, 128, tools);
        using var output = new StringWriter { NewLine = "\n" };
        using var input = new StringReader(said);
        var environment = new Dictionary<string, string> { ["PATH"] = Environment.GetEnvironmentVariable("PATH")! };
        await ChatAgent.RunAsync(TinyWorldAssets.BaseNano, options, new AgentConsole(input, output, isPerson), environment, Cancellation);
        return output.ToString();
    }
}
