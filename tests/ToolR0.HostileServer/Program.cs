using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using ToolR0.HostileServer;
using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Tools;
using ToolR0.ToolServers.Serving;

// A server of the Model Context Protocol that misbehaves as its first argument says; its tools misbehave as their names say.
var manner = args.FirstOrDefault() ?? "";
if (manner == "world")
{
    var specs = WorldCatalog.Tools.Select(tool => tool.ToSpec());
    await new StdioToolServer(specs, WorldTools.All, WorldTools.IsReadOnly).RunAsync("world", default);
    return 0;
}

var output = Console.OpenStandardOutput();
void Write(string text) => output.Write(Encoding.UTF8.GetBytes(text));
void Reply(JsonNode id, string result) => Write($$"""{"jsonrpc":"2.0","id":{{id.ToJsonString()}},"result":{{result}}}""" + "\n");

Console.Error.WriteLine("starting; token is " + Environment.GetEnvironmentVariable("API_TOKEN"));
switch (manner)
{
    case "exits":
        Console.Error.WriteLine("API_TOKEN is not accepted");
        return 3;
    case "silent":
        Console.Error.WriteLine("the backend does not answer");
        await Task.Delay(TimeSpan.FromMinutes(5));
        return 0;
    case "stubborn":
        // Neither the end of its input nor SIGTERM ends it.
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        break;
    case "noisy":
        Write("""{"level":"info","message":"a log line that is JSON"}""" + "\nNo display available.\n[1,2]\n\n");
        Write("""{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"before the first reply"}}""" + "\n");
        break;
    case "floods":
        var chunk = Encoding.UTF8.GetBytes(new string('x', 1 << 16));
        for (var i = 0; i < 1600; i++)
            output.Write(chunk);
        break;
    case "children":
        Process.Start(new ProcessStartInfo("sleep", ["300"]));
        Process.Start(new ProcessStartInfo("setsid", ["sleep", "300"]));
        break;
}

while (Console.ReadLine() is { } line)
{
    var request = JsonNode.Parse(line)!;
    if (request["id"] is not { } id)
        continue;
    switch (request["method"]!.GetValue<string>())
    {
        case "initialize" when manner == "newest":
            Write(Tools.Error(id, -32022, "Unsupported protocol version", """{"supported":["2026-07-28"],"requested":"2025-11-25"}"""));
            break;
        case "initialize":
            var version = manner.Length == 10 && manner[4] == '-' ? manner : "2025-06-18";
            Reply(id, $$$"""{"protocolVersion":"{{{version}}}","capabilities":{"tools":{}},"serverInfo":{"name":"hostile","version":"1"}}""");
            break;
        case "tools/list" when manner == "pages":
            var page = int.Parse(request["params"]?["cursor"]?.GetValue<string>() ?? "0");
            Reply(id, $$"""{"tools":[{"name":"page{{page}}","inputSchema":{"type":"object"} }]{{(page < 3 ? $",\"nextCursor\":\"{page + 1}\"" : "")}}}""");
            break;
        case "tools/list":
            Reply(id, Tools.List);
            break;
        case "tools/call":
            var parameters = request["params"]!;
            if (Tools.Call(parameters["name"]!.GetValue<string>(), parameters["arguments"], Write, id) is { } result)
                Reply(id, result);
            break;
        default:
            Write(Tools.Error(id, -32601, "Method not found"));
            break;
    }
}

if (manner == "stubborn")
    await Task.Delay(TimeSpan.FromMinutes(5));
return 0;
