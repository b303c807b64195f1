using ToolR0.ToolServers.Arguments;

namespace ToolR0.ToolServers.Tests;

/// <summary>Arguments against raw schemas.</summary>
public sealed class ArgumentTests
{
    private const string Nested = """
        {"type":"object","required":["path","count"],"properties":{
          "path":{"type":"string","minLength":1},"count":{"type":"integer","minimum":1,"maximum":9},"deep":{"type":"boolean"},
          "mode":{"enum":["fast","slow"]},"tags":{"type":"array","items":{"type":"string"}},"free":{"type":"object"},
          "edits":{"type":"array","items":{"$ref":"#/$defs/edit"}},"size":{"anyOf":[{"type":"number"},{"type":"null"}]}},
         "$defs":{"edit":{"type":"object","required":["old"],"properties":{"old":{"type":"string"},"line":{"type":"integer"}}}}}
        """;

    private static ToolSchema Schema(string json)
    {
        ToolSchema.TryCreate(Servers.Json(json), out var schema).ShouldBeNull();
        return schema!;
    }

    [Theory]
    [InlineData("""{"path":"a","count":1}""")]
    [InlineData("""{"path":"a","count":2.0,"free":{"anything":[1]},"size":null,"edits":[{"old":"x"}]}""")]
    public void Right_arguments_pass(string arguments) => Schema(Nested).Check(Servers.Json(arguments)).ShouldBeEmpty();

    [Theory]
    [InlineData("""{"path":"a"}""", "/count", "is missing")]
    [InlineData("""{"path":1,"count":1}""", "/path", "type")]
    [InlineData("""{"path":"","count":1}""", "/path", "minLength")]
    [InlineData("""{"path":"a","count":0}""", "/count", "minimum")]
    [InlineData("""{"path":"a","count":10}""", "/count", "maximum")]
    [InlineData("""{"path":"a","count":1.5}""", "/count", "type")]
    [InlineData("""{"path":"a","count":1,"mode":"other"}""", "/mode", "enum")]
    [InlineData("""{"path":"a","count":1,"pathh":"b"}""", "/pathh", "is no parameter here; there are path, count")]
    [InlineData("""{"path":"a","count":1,"tags":["x",2]}""", "/tags/1", "type")]
    [InlineData("""{"path":"a","count":1,"edits":[{"old":"x"},{"line":1}]}""", "/edits/1/old", "is missing")]
    [InlineData("""{"path":"a","count":1,"edits":[{"old":"x","new":"y"}]}""", "/edits/0/new", "is no parameter here; there are old, line")]
    [InlineData("""{"path":"a","count":1,"size":"big"}""", "/size", "type")]
    [InlineData("[]", "", "must be an object")]
    public void Wrong_arguments_are_refused_with_their_place(string arguments, string place, string rule) =>
        Schema(Nested).Check(Servers.Json(arguments)).ShouldContain(problem => problem.Place == place && problem.Rule.Contains(rule));

    [Theory]
    [InlineData("""{"path":"a","count":"3"}""", """{"path":"a","count":3}""")]
    [InlineData("""{"path":"a","count":1,"deep":"true"}""", """{"path":"a","count":1,"deep":true}""")]
    [InlineData("""{"path":"a","count":1,"tags":"x"}""", """{"path":"a","count":1,"tags":["x"]}""")]
    [InlineData("""{"path":"a","count":1,"tags":"[\"x\"]"}""", """{"path":"a","count":1,"tags":["x"]}""")]
    [InlineData("""{"path":"a","count":1,"edits":[{"old":"x","line":"7"}]}""", """{"path":"a","count":1,"edits":[{"old":"x","line":7}]}""")]
    [InlineData("""{"path":"a","count":1,"deep":null}""", """{"path":"a","count":1}""")]
    [InlineData("""{"path":"a","count":1,"size":"2.5"}""", """{"path":"a","count":1,"size":2.5}""")]
    public void What_leaves_no_doubt_is_repaired(string arguments, string repaired)
    {
        var result = ArgumentRepair.Repair(Schema(Nested), Servers.Json(arguments));
        result.Arguments.GetRawText().ShouldBe(repaired);
        result.Changes.ShouldHaveSingleItem();
        Schema(Nested).Check(result.Arguments).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"path":"1","count":1}""")]
    [InlineData("""{"path":1,"count":1}""")]
    [InlineData("""{"path":"a","count":"three"}""")]
    [InlineData("""{"path":"a","count":"1.5"}""")]
    [InlineData("""{"path":"a","count":1,"deep":"yes"}""")]
    [InlineData("""{"path":"a","count":1,"mode":"FAST"}""")]
    public void What_leaves_doubt_stays(string arguments)
    {
        var result = ArgumentRepair.Repair(Schema(Nested), Servers.Json(arguments));
        result.Arguments.GetRawText().ShouldBe(arguments);
        result.Changes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#"}""", "neither type nor properties")]
    [InlineData("""{"type":"string"}""", "not of type object")]
    [InlineData("true", "not an object")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"https://example.com/s.json"}}}""", "nothing is fetched")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}}}""", "which is not in it")]
    [InlineData("""{"type":"object","properties":{"a":{"pattern":"("}}}""", "no regular expression")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"strin"}}}""", "not valid")]
    [InlineData("""{"type":"object","properties":7}""", "not valid")]
    public void A_schema_that_is_none_is_refused(string json, string reason) =>
        ToolSchema.TryCreate(Servers.Json(json), out _).ShouldNotBeNull().ShouldContain(reason);

    [Theory]
    [InlineData("""{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"$ref":"#/definitions/n"}},"""
        + """ "definitions":{"n":{"type":"integer"}}}""")]
    [InlineData("""{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"""
        + """ "$defs":{"n":{"type":"integer"}}}""")]
    [InlineData("""{"type":"object","properties":{"b":{"type":"integer"},"a":{"$ref":"#/properties/b"}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"allOf":[{"type":"number"},{"multipleOf":1}]}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"not":{"type":["string","array"]}}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"if":{"type":"string"},"then":false}}}""")]
    public void Drafts_and_local_references_are_read(string json)
    {
        Schema(json).Check(Servers.Json("""{"a":1}""")).ShouldBeEmpty();
        Schema(json).Check(Servers.Json("""{"a":"1"}""")).ShouldContain(problem => problem.Place.StartsWith("/a"));
    }

    [Fact]
    public void A_schema_that_refers_to_itself_is_read()
    {
        var tree = Schema("""
            {"type":"object","required":["n"],"properties":{"n":{"$ref":"#/$defs/n"}},
             "$defs":{"n":{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/n"}}}}}
            """);
        tree.Check(Servers.Json("""{"n":{"v":1,"next":{"v":2}}}""")).ShouldBeEmpty();
        tree.Check(Servers.Json("""{"n":{"v":1,"next":{"v":"x"}}}""")).Single().Place.ShouldBe("/n/next/v");
        ArgumentExamples.Of(tree).ShouldNotBeNull();
    }
}
