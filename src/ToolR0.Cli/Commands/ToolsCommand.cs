using System.CommandLine;
using ToolR0.SelfPlay.Options;
using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Tools;
using ToolR0.ToolServers.Reports;
using ToolR0.ToolServers.Serving;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 tools</c>: what the servers of a configuration offer, what of it can be used and why not.</summary>
internal static class ToolsCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "A tool, as tools list shows it" };
        var arguments = new Argument<string>("arguments") { Description = "Its arguments as a JSON object", DefaultValueFactory = _ => "{}" };
        var call = Reported("call", "Call one tool and show what it returns", (report, parsed, cancellation) =>
            report.CallAsync(parsed.GetValue(name)!, parsed.GetValue(arguments)!, cancellation));
        call.Add(name);
        call.Add(arguments);
        var serve = new Command("serve-world", "Serve the tiny world's tools to a client of the Model Context Protocol on standard input and output");
        serve.SetAction((_, cancellation) => new StdioToolServer(
            WorldCatalog.Tools.Select(tool => tool.ToSpec()), WorldTools.All, WorldTools.IsReadOnly).RunAsync("tiny-world", cancellation));
        return new Command("tools", "Your own tools: the servers of a client's configuration, or a list of functions")
        {
            Reported("list", "Show the servers and the tools that are used", (report, _, cancellation) => report.ListAsync(cancellation)),
            Reported("check", "Show why tools are not used and servers not started", (report, _, cancellation) => report.CheckAsync(cancellation)),
            call,
            serve,
        };
    }

    private static Command Reported(string name, string description, Func<ToolReport, ParseResult, CancellationToken, Task<int>> action)
    {
        var tools = new Option<string>("--tools") { Description = "mcp.json or the like, or OpenAI functions", HelpName = "FILE", Required = true };
        var set = new Option<string[]>("--set") { Description = "One option, e.g. tools.readOnlyOnly=false", HelpName = "PATH=VALUE" };
        var json = new Option<bool>("--json") { Description = "Write JSON for programs" };
        var command = new Command(name, description) { tools, set, json };
        command.SetAction((parsed, cancellation) =>
        {
            var environment = ServiceDefaults.Settings.ProcessEnvironment();
            var sources = new OptionSources { Environment = environment, Sets = parsed.GetValue(set) ?? [] };
            var options = RunOptionsLoader.Load(sources, ShippedPresets.All);
            return action(new ToolReport(parsed.GetValue(tools)!, options.Tools, parsed.GetValue(json), environment), parsed, cancellation);
        });
        return command;
    }
}
