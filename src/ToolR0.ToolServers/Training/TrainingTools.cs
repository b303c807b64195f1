using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Specs;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Training;

/// <summary>The tools of a file as a run trains on them.</summary>
/// <param name="Sha256">The catalogue's digest: its name in the store.</param>
/// <param name="Refused">Tools that were offered and stand on no menu.</param>
/// <param name="Notes">What a person should know of it, a line each: servers that do not run, tools that are left out.</param>
public sealed record TrainingTools(
    string Sha256, IReadOnlyList<CatalogueTool> Tools, IReadOnlyList<RefusedTool> Refused, IReadOnlyList<MenuTool> Menu, IReadOnlyList<string> Notes)
{
    /// <summary>The options that draw menus from these tools, as <c>path=value</c>.</summary>
    public IReadOnlyList<string> Sets =>
    [
        "specs.menu=catalogue", $"specs.catalogue={RunOptionsJson.Text(Menu)}", $"tools.catalogueSha256={Sha256}",
        $"tools.execute={(Tools.Any(tool => tool.Executable) ? "true" : "false")}",
    ];

    /// <summary>Starts the file's servers, lists their tools and stops them again. Nothing is called.</summary>
    /// <exception cref="UserErrorException">The file is none of tools, or not one of them can stand on a menu.</exception>
    public static async Task<TrainingTools> ReadAsync(
        string file, RunOptions options, IReadOnlyDictionary<string, string> environment, CancellationToken cancellation = default)
    {
        await using var servers = await ToolServerSet.StartAsync(ToolSourceReader.Read(file, environment), options.Tools, cancellation);
        var catalogue = servers.Catalogue;
        var (menu, left) = CatalogueMenus.Of(catalogue.Tools, options.Prompts.ToolTokens);
        if (menu.Count == 0)
            throw new UserErrorException($"--tools {file}: no tool of it can be trained on; toolr0 tools check --tools {file} says why");
        List<string> notes = [.. servers.Servers.Where(s => s.Reason.Length > 0).Select(s => $"{s.Server.Name} does not run: {s.Reason}")];
        notes.AddRange(left.Select(tool => $"{tool.Name} stands on no menu: {tool.Reason}"));
        var offered = catalogue.Tools.Count + catalogue.Refused.Count;
        notes.Add($"menus are drawn from {menu.Count} of {offered} tools, catalogue {catalogue.Digest[..12]}");
        return new TrainingTools(catalogue.Digest, catalogue.Tools, [.. catalogue.Refused, .. left], menu, notes);
    }
}
