using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Arguments;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Reports;

/// <summary>What <c>toolr0 tools</c> shows of a file of tools. Values of variables, headers and arguments are never among it.</summary>
/// <param name="environment">Where variables of the file have their values.</param>
/// <param name="writer">Standard output where none is given.</param>
public sealed class ToolReport(
    string file, ToolOptions options, bool json, IReadOnlyDictionary<string, string> environment, TextWriter? writer = null)
{
    private const int LongestDescription = 72;
    private readonly TextWriter _output = writer ?? Console.Out;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the servers, the tools that are used and their catalogue's digest. 0, or 1 where nothing can be used.</summary>
    /// <exception cref="UserErrorException">The file is none of tools.</exception>
    public Task<int> ListAsync(CancellationToken cancellation) => ShowAsync(withRefused: false, cancellation);

    /// <summary>
    /// Writes what <see cref="ListAsync"/> does, every refused tool with its reason and everything wrong in the file, and calls no tool. 0, or 1
    /// where a
    /// server cannot be started, the file has a problem, or nothing can be used.
    /// </summary>
    /// <exception cref="UserErrorException">The file is none of tools.</exception>
    public Task<int> CheckAsync(CancellationToken cancellation) => ShowAsync(withRefused: true, cancellation);

    /// <summary>Calls one tool and writes what it returned. 0, or 1 where the call failed.</summary>
    /// <exception cref="UserErrorException">The file is none of tools, or the arguments are no JSON object.</exception>
    public async Task<int> CallAsync(string name, string arguments, CancellationToken cancellation)
    {
        JsonElement values;
        try
        {
            using var document = JsonDocument.Parse(arguments);
            values = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"the arguments of {name} are no JSON: column {e.BytePositionInLine + 1}");
        }

        var source = Read();
        await using var servers = await ToolServerSet.StartAsync(source, options, cancellation);
        if (servers.Catalogue.Find(name) is null)
            throw new UserErrorException(Missing(name, servers));
        var result = await servers.CallAsync(name, values, cancellation);
        if (json)
        {
            _output.WriteLine(JsonSerializer.Serialize(
                new
                {
                    name,
                    fault = result.Fault.ToString(),
                    result.Text,
                    result.Error,
                    result.DeliveryUnknown,
                    result.Repairs,
                    milliseconds = Math.Round(result.Took.TotalMilliseconds),
                },
                Json));
            return result.Fault == CallFault.None ? 0 : 1;
        }

        foreach (var repair in result.Repairs)
            _output.WriteLine($"repaired {repair}");
        if (result.Fault == CallFault.None)
        {
            _output.WriteLine(result.Text);
            return 0;
        }

        _output.WriteLine($"{Fault(result.Fault)}{(result.DeliveryUnknown ? ", delivery unknown" : "")}: {result.Error}");
        return 1;
    }

    private async Task<int> ShowAsync(bool withRefused, CancellationToken cancellation)
    {
        var source = Read();
        await using var servers = await ToolServerSet.StartAsync(source, options, cancellation);
        var catalogue = servers.Catalogue;
        if (json)
            WriteJson(source, servers, withRefused);
        else
            WriteText(source, servers, withRefused);
        var isWrong = source.Problems.Count > 0 || servers.Servers.Any(s => s.Server.Enabled && s.Session is null);
        return catalogue.Tools.Count == 0 || withRefused && isWrong ? 1 : 0;
    }

    private void WriteText(ToolSource source, ToolServerSet servers, bool withRefused)
    {
        var catalogue = servers.Catalogue;
        var rows = new List<string[]> { new[] { "server", "state", "offers", "used" } };
        foreach (var state in servers.Servers)
        {
            var used = catalogue.Tools.Count(tool => tool.Server == state.Server.Name);
            var running = state.Session is null ? state.Reason : $"running ({state.Session.ServerInfo})";
            rows.Add([state.Server.Name, running, $"{state.Offered}", $"{used}"]);
        }

        if (source.Functions.Count > 0)
            rows.Add([ToolSource.FunctionServer, "schemas only", $"{source.Functions.Count}", $"{catalogue.Tools.Count(tool => !tool.Executable)}"]);
        WriteTable(rows);
        _output.WriteLine();
        WriteTable([["tool", "read-only", "what it does"], .. catalogue.Tools.Select(tool =>
            new[] { tool.Name, tool.ReadOnly ? "yes" : "no", ResultText.Cut(tool.Description.ReplaceLineEndings(" "), LongestDescription, "…") })]);
        _output.WriteLine();
        if (withRefused)
            WriteDetails(source, servers);
        var refused = catalogue.Refused.Count;
        _output.WriteLine(FormattableString.Invariant($"{catalogue.Tools.Count} tools used, {refused} refused, catalogue {catalogue.Digest[..12]}")
            + (refused > 0 && !withRefused ? " (toolr0 tools check says why)" : ""));
    }

    private void WriteDetails(ToolSource source, ToolServerSet servers)
    {
        var catalogue = servers.Catalogue;
        WriteTable([["refused", "server", "why"], .. catalogue.Refused.Select(tool => new[] { tool.Name, tool.Server, tool.Reason })]);
        _output.WriteLine();
        foreach (var tool in catalogue.Tools.Where(tool => ArgumentExamples.Of(catalogue.SchemaOf(tool.Name)!) is null))
            _output.WriteLine($"note: no example arguments of {tool.Name} were found that its schema takes");
        foreach (var (server, note) in servers.Servers.SelectMany(s => s.Server.Notes.Select(note => (s.Server.Name, note))))
            _output.WriteLine($"note: {server}: {note}");
        foreach (var state in servers.Servers.Where(s => s.Session?.Noise.Length > 0))
            _output.WriteLine($"note: {state.Server.Name}: {state.Server.Redact(state.Session!.Noise)}");
        foreach (var problem in source.Problems)
            _output.WriteLine($"problem: {problem}");
    }

    private void WriteJson(ToolSource source, ToolServerSet servers, bool withRefused)
    {
        var catalogue = servers.Catalogue;
        _output.WriteLine(JsonSerializer.Serialize(new
        {
            catalogue = catalogue.Digest,
            servers = servers.Servers.Select(s => new
            {
                s.Server.Name,
                running = s.Session is not null,
                s.Reason,
                s.Offered,
                used = catalogue.Tools.Count(tool => tool.Server == s.Server.Name),
                info = s.Session?.ServerInfo ?? "",
                protocol = s.Session?.ProtocolVersion ?? "",
                s.Server.Notes,
            }),
            tools = catalogue.Tools.Select(tool => new
            {
                tool.Name,
                tool.Server,
                tool.ServerTool,
                tool.Description,
                tool.ReadOnly,
                tool.Idempotent,
                tool.Executable,
                schema = catalogue.SchemaOf(tool.Name)!.Raw,
                example = withRefused ? ArgumentExamples.Of(catalogue.SchemaOf(tool.Name)!) : null,
            }),
            refused = catalogue.Refused,
            problems = source.Problems.Select(problem => problem.ToString()),
        }, Json));
    }

    private void WriteTable(IReadOnlyList<string[]> rows)
    {
        if (rows.Count < 2)
            return;
        var widths = rows[0].Select((_, column) => rows.Max(row => row[column].Length)).ToList();
        foreach (var row in rows)
            _output.WriteLine(string.Join("  ", row.Select((cell, i) => i == row.Length - 1 ? cell : cell.PadRight(widths[i]))));
    }

    private static string Missing(string name, ToolServerSet servers) =>
        servers.Catalogue.Refused.FirstOrDefault(tool => tool.Name == name) is { } refused
            ? $"{name} of {refused.Server} is not used: {refused.Reason}"
            : servers.Servers.FirstOrDefault(s => s.Server.Enabled && s.Session is null) is { } failed
            ? $"there is no tool {name}, and {failed.Server.Name} is not running: {failed.Reason}"
            : $"there is no tool {name} (toolr0 tools list shows them)";

    private static string Fault(CallFault fault) => fault switch
    {
        CallFault.Model => "refused",
        CallFault.Tool => "the tool failed",
        _ => "no answer",
    };

    private ToolSource Read() => ToolSourceReader.Read(file, environment);
}
