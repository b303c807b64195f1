using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Catalogue;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Tests;

/// <summary>Which tools are used, under which names, and what names the catalogue.</summary>
public sealed class CatalogueTests
{
    private static readonly ToolOptions All = new() { ReadOnlyOnly = false };

    private static OfferedTools Offer(string server, params string[] tools) => Offer(new ServerDefinition(server), tools);

    private static OfferedTools Offer(ServerDefinition server, params string[] tools) => new(server, [.. tools.Select(Servers.Json)]);

    private static string Tool(string name, string more = "") => $$"""{"name":"{{name}}","inputSchema":{"type":"object"}{{more}}}""";

    private static string Annotated(string name, string hints) => Tool(name, $$""","annotations":{ {{hints}} }""");

    [Theory]
    [InlineData("\"readOnlyHint\":true", true)]
    [InlineData("\"readOnlyHint\":true,\"destructiveHint\":true", false)]
    [InlineData("\"readOnlyHint\":false", false)]
    [InlineData("\"idempotentHint\":true", false)]
    [InlineData("\"readOnlyHint\":\"true\"", false)]
    [InlineData("", false)]
    public void Hints_are_read_as_the_stricter(string hints, bool readOnly)
    {
        ToolCatalogue.Of([Offer("s", Annotated("t", hints))], All).Tools.Single().ReadOnly.ShouldBe(readOnly);
        ToolCatalogue.Of([Offer("s", Annotated("t", hints))], new ToolOptions()).Tools.Count.ShouldBe(readOnly ? 1 : 0);
    }

    [Fact]
    public void A_tool_without_annotations_is_not_read_only() =>
        ToolCatalogue.Of([Offer("s", Tool("t"))], new ToolOptions()).Refused.Single().Reason.ShouldContain("does not say that it is read-only");

    [Fact]
    public void Names_that_servers_share_get_the_servers_name()
    {
        var catalogue = ToolCatalogue.Of([Offer("my files", Tool("read-file"), Tool("other")), Offer("b", Tool("read_file"))], All);
        catalogue.Tools.Select(tool => tool.Name).ShouldBe(["my_files_read-file", "other", "b_read_file"]);
        catalogue.Find("b_read_file")!.ServerTool.ShouldBe("read_file");
    }

    [Fact]
    public void One_bad_tool_costs_no_other()
    {
        var catalogue = ToolCatalogue.Of(
            [Offer("s", "7", """{"name":"n"}""", """{"inputSchema":{"type":"object"}}""", Tool("a b"), Tool("ok"), Tool("ok"),
                Tool("task", ""","execution":{"taskSupport":"required"}"""), """{"name":"x","inputSchema":{}}""")],
            All);
        catalogue.Tools.Single().Name.ShouldBe("ok");
        catalogue.Refused.Count.ShouldBe(7);
    }

    [Fact]
    public void Lists_of_the_configuration_and_the_options_are_obeyed()
    {
        var server = new ServerDefinition("s") { HiddenTools = ["hidden"], OnlyTools = [] };
        var offer = Offer(server, Tool("hidden"), Tool("read_a"), Tool("read_b"), Tool("write"));
        string[] Used(ToolOptions options) => [.. ToolCatalogue.Of([offer], options).Tools.Select(tool => tool.Name)];
        Used(All).ShouldBe(["read_a", "read_b", "write"]);
        Used(All with { Allow = ["read_*"] }).ShouldBe(["read_a", "read_b"]);
        Used(All with { Allow = ["read_*"], Deny = ["*_b"] }).ShouldBe(["read_a"]);
    }

    [Fact]
    public void The_digest_depends_on_what_is_said_and_not_on_how_it_is_written()
    {
        static string Digest(string tool) => ToolCatalogue.Of([Offer("s", tool)], All).Digest;
        var one = Digest("""{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}}""");
        Digest("""{"inputSchema":{ "properties":{"a":{"type":"string"}}, "type":"object"},"name":"t"}""").ShouldBe(one);
        Digest("""{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"number"}}}}""").ShouldNotBe(one);
    }

    [Fact]
    public void Schemas_are_kept_as_they_were_served()
    {
        const string Raw = """{"type":"object","properties":{"z":{"type":"string","x-more":1e2},"a":{}}}""";
        ToolCatalogue.Of([Offer("s", $$"""{"name":"t","inputSchema":{{Raw}}}""")], All).Tools.Single().Schema.ShouldBe(Raw);
    }
}
