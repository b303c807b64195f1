using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Tools;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Tests;

/// <summary>The tiny world's tools as a real server: the whole path without Node.</summary>
public sealed class WorldServerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Its_tools_are_listed_and_called()
    {
        var source = new ToolSource("world", [Servers.Hostile("world") with { Name = "world" }], [], []);
        await using var set = await ToolServerSet.StartAsync(source, Servers.Options with { ReadOnlyOnly = false }, Cancellation);
        set.Servers.Single().Reason.ShouldBe("");
        set.Catalogue.Tools.Select(tool => tool.Name).ShouldBe(WorldCatalog.Tools.Select(tool => tool.Name));
        set.Catalogue.Tools.Where(tool => !tool.ReadOnly).Select(tool => tool.Name)
            .ShouldBe(["save_entry", "delete_slot", "rename_file", "increase_counter", "clone_note"], ignoreOrder: true);
        (await set.CallAsync("add_numbers", Servers.Json("""{"first":12,"second":30}"""), Cancellation)).Text.ShouldBe("42");
        (await set.CallAsync("save_entry", Servers.Json("""{"key":"a","value":7}"""), Cancellation)).Fault.ShouldBe(CallFault.None);
        (await set.CallAsync("load_record", Servers.Json("""{"key":"a"}"""), Cancellation)).Text.ShouldBe("\"7\"");
        (await set.CallAsync("add_numbers", Servers.Json("""{"first":12}"""), Cancellation)).Error.ShouldContain("/second: is missing");
        (await set.CallAsync("no_tool", Servers.Json("{}"), Cancellation)).Fault.ShouldBe(CallFault.Model);
        WorldTools.IsReadOnly("load_record").ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_that_cannot_be_started_costs_the_others_nothing()
    {
        var broken = new ServerDefinition("broken") { Command = "no-such-program" };
        var unset = new ServerDefinition("unset") { NotStartable = "env.KEY: the variable KEY is not set" };
        var off = new ServerDefinition("off") { Command = "x", Enabled = false };
        var function = Servers.Json("""{"name":"f","inputSchema":{"type":"object","properties":{"x":{"type":"integer"}}}}""");
        var source = new ToolSource("f", [broken, Servers.Hostile("world") with { Name = "world" }, unset, off], [function], []);
        await using var set = await ToolServerSet.StartAsync(source, Servers.Options, Cancellation);
        set.Servers.Select(state => state.Reason).ShouldBe(
            ["there is no program 'no-such-program' on PATH", "", "env.KEY: the variable KEY is not set", "the configuration disables it"]);
        set.Catalogue.Tools.Count.ShouldBe(56);
        var call = await set.CallAsync("f", Servers.Json("""{"x":1}"""), Cancellation);
        call.Error.ShouldContain("only the schema is known");
    }
}
