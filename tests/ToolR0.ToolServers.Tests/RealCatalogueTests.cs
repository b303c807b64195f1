using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Arguments;
using ToolR0.ToolServers.Catalogue;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Tests;

/// <summary>The tools of real servers as they listed them.</summary>
public sealed class RealCatalogueTests(ITestOutputHelper output)
{
    private static readonly ToolOptions All = new() { ReadOnlyOnly = false };

    public static TheoryData<string> Names => [.. OutsideTools.Names("catalogues", Path.GetFileNameWithoutExtension)];

    private static JsonElement Served(string name) => OutsideTools.Json(OutsideTools.Find($"catalogues/{name}.json")).GetProperty("tools");

    private static ToolCatalogue Read(string name, ToolOptions options) =>
        ToolCatalogue.Of([new OfferedTools(new ServerDefinition(name), [.. Served(name).EnumerateArray()])], options);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_tool_is_used_or_refused_with_a_reason(string name)
    {
        var offered = Served(name).GetArrayLength();
        var (catalogue, readOnly) = (Read(name, All), Read(name, new ToolOptions()));
        output.WriteLine($"{name}: {catalogue.Tools.Count} of {offered} used, {readOnly.Tools.Count} say that they are read-only");
        foreach (var refused in catalogue.Refused)
            output.WriteLine($"  {refused.Name}: {refused.Reason}");
        (catalogue.Tools.Count + catalogue.Refused.Count).ShouldBe(offered);
        (readOnly.Tools.Count + readOnly.Refused.Count).ShouldBe(offered);
        catalogue.Refused.ShouldAllBe(refused => refused.Reason.Length > 10);
        catalogue.Digest.Length.ShouldBe(64);
        Read(name, All).Digest.ShouldBe(catalogue.Digest);
        if (name == "gitlab-old")
            catalogue.Refused.Count.ShouldBe(9);
        else
            catalogue.Tools.Count.ShouldBe(offered);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_call_of_example_values_passes_and_wrong_ones_are_refused_with_their_place(string name)
    {
        var catalogue = Read(name, All);
        var refusals = new Dictionary<string, int>();
        foreach (var tool in catalogue.Tools)
        {
            var schema = catalogue.SchemaOf(tool.Name)!;
            var example = ArgumentExamples.Of(schema);
            var tried = JsonSerializer.SerializeToElement(ArgumentExamples.Make(schema.Node, all: true, depth: 0));
            example.ShouldNotBeNull($"{tool.Name}: {string.Join("; ", schema.Check(tried))}: {tool.Schema}");
            foreach (var (kind, place, wrong) in WrongCalls.Of(schema))
            {
                var problems = schema.Check(wrong);
                problems.ShouldContain(
                    problem => problem.Place == place || place.StartsWith(problem.Place + "/") || problem.Place.StartsWith(place + "/"),
                    $"{tool.Name} {kind} at {place}: {wrong.GetRawText()} gives {string.Join("; ", problems)}; {tool.Schema}");
                refusals[kind] = refusals.GetValueOrDefault(kind) + 1;
            }
        }

        output.WriteLine($"{name}: {string.Join(", ", refusals.Select(kind => $"{kind.Key} {kind.Value}"))}");
    }

    [Fact]
    public void Together_at_least_95_percent_of_the_tools_are_used()
    {
        var files = OutsideTools.Files("catalogues");
        Assert.SkipUnless(files.Count > 0, "catalogues of real servers are not there (TOOLR0_TEST_TOOLS)");
        var offers = files.Select(file => new OfferedTools(
            new ServerDefinition(Path.GetFileNameWithoutExtension(file)),
            [.. OutsideTools.Json(file).GetProperty("tools").EnumerateArray()])).ToList();
        var catalogue = ToolCatalogue.Of(offers, All);
        var offered = offers.Sum(offer => offer.Tools.Count);
        output.WriteLine($"{catalogue.Tools.Count} of {offered} tools of {files.Count} servers used; digest {catalogue.Digest}");
        catalogue.Tools.Select(tool => tool.Name).Distinct().Count().ShouldBe(catalogue.Tools.Count);
        catalogue.Tools.Count.ShouldBeGreaterThanOrEqualTo((int)Math.Ceiling(0.95 * offered));
    }
}
