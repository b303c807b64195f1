using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Tests;

/// <summary>Servers of the tests and what to call them with.</summary>
internal static class Servers
{
    public static readonly ToolOptions Options = new() { StartSeconds = 20, TimeoutSeconds = 10 };

    /// <summary>The server that misbehaves in the manner that is named.</summary>
    public static ServerDefinition Hostile(string manner = "") => new("hostile")
    {
        Command = "dotnet",
        Arguments = [Path.Combine(AppContext.BaseDirectory, "ToolR0.HostileServer.dll"), manner],
        Environment = new Dictionary<string, string> { ["API_TOKEN"] = "secret-4711", ["DOTNET_gcServer"] = "0", ["DOTNET_TieredCompilation"] = "1" },
        Secrets = ["secret-4711"],
    };

    public static Task<ToolSession> StartAsync(string manner = "", ToolOptions? options = null) =>
        ToolSession.StartAsync(Hostile(manner), options ?? Options, TestContext.Current.CancellationToken);

    public static Task<CallResult> CallAsync(this ToolSession session, string tool, string text = "") =>
        session.CallAsync(tool, Json(JsonSerializer.Serialize(new { text })), TestContext.Current.CancellationToken);

    public static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    /// <summary>Whether a process is there and no zombie.</summary>
    public static bool IsAlive(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
