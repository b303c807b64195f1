using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Tests;

/// <summary>From schemas of any size to tools that stand on a menu.</summary>
public sealed class CatalogueMenuTests
{
    [Theory]
    [InlineData("""{"type": "string"}""", "string")]
    [InlineData("""{"type": ["integer", "null"]}""", "integer")]
    [InlineData("""{"anyOf": [{"type": "number"}, {"type": "null"}]}""", "number")]
    [InlineData("""{"enum": ["a", "b"]}""", "string")]
    [InlineData("""{"const": true}""", "boolean")]
    [InlineData("""{"type": "array", "items": {"type": "string"}}""", "array")]
    [InlineData("""{"$ref": "#/$defs/Path"}""", "string")]
    [InlineData("""{"type": "array", "items": {"type": "object"}}""", null)]
    [InlineData("""{"type": "object"}""", null)]
    [InlineData("""{"anyOf": [{"type": "number"}, {"type": "string"}]}""", null)]
    [InlineData("""{"$ref": "#/$defs/Circle"}""", null)]
    [InlineData("""{}""", null)]
    public void A_parameter_is_simple_or_a_list_of_simple_values(string schema, string? type)
    {
        var (tools, refused) = CatalogueMenus.Of([Tool(Schema($$"""{"x": {{schema}} }""", "x"))], 150);

        if (type is null)
            refused.ShouldHaveSingleItem().Reason.ShouldContain("its required parameter x");
        else
            tools.ShouldHaveSingleItem().Tool.Parameters.ShouldHaveSingleItem().Type.ShouldBe(type);
    }

    [Fact]
    public void An_optional_parameter_that_is_not_simple_is_left_out_and_values_of_an_enumeration_are_told()
    {
        var (tools, _) = CatalogueMenus.Of(
            [Tool(Schema("""{"unit": {"enum": ["celsius", "kelvin"]}, "where": {"type": "object"}, "n": {"type": "integer"}}""", "unit"))], 150);

        var tool = tools.ShouldHaveSingleItem().Tool;
        tool.Parameters.Select(p => (p.Name, p.Description)).ShouldBe([("unit", "one of celsius, kelvin"), ("n", "")]);
        tool.Required.ShouldBe(["unit"]);
    }

    [Fact]
    public void What_does_not_fit_is_shortened_and_then_refused()
    {
        var many = string.Join(',', Enumerable.Range(0, 40).Select(i => $$"""
            "option_{{i}}": {"type": "string", "description": "Says [what] the option; does. And more of it."}
            """));
        var tool = Tool(Schema($$"""{"path": {"type": "string", "description": "Where the file is."}, {{many}} }""", "path")) with
        {
            Description = "Reads a <file>. " + new string('x', 34_000),
        };

        var spec = CatalogueMenus.Of([tool], 60).Tools.ShouldHaveSingleItem().Tool;
        SignatureMenu.Write([spec]).Length.ShouldBeLessThanOrEqualTo(240);
        spec.Description.ShouldBe("Reads a (file).");
        spec.Parameters.ShouldHaveSingleItem().Name.ShouldBe("path");
        CatalogueMenus.Of([tool], 2000).Tools[0].Tool.Parameters.Count.ShouldBe(41);
        CatalogueMenus.Of([tool], 5).Refused.ShouldHaveSingleItem().Reason.ShouldContain("prompts.toolTokens");
    }

    [Fact]
    public void A_menu_reads_back_as_it_was_given_in_every_set()
    {
        var (tools, _) = CatalogueMenus.Of(
            [Tool(Schema("""{"a.b-c": {"type": "string", "description": "One; two [three]: four"}, "n": {"type": "number"}}""", "n")) with
            {
                Description = "A line\nand another [with: signs].",
            }],
            150);

        var menu = tools.Select(tool => tool.Tool).ToList();
        SignatureMenu.Read(SignatureMenu.Write(menu), out _).ShouldNotBeNull().ShouldHaveSingleItem().Parameters.Count.ShouldBe(2);
        MenuReader.ToJson(SignatureMenu.Read(SignatureMenu.Write(menu), out _)!).ShouldBe(MenuReader.ToJson(menu));
    }

    private static CatalogueTool Tool(string schema) =>
        new("read", "files", "read", "", "Reads a file.", schema, "", "", ReadOnly: true, Idempotent: true, Executable: true);

    private static string Schema(string properties, string required) => $$"""
        {"type": "object", "properties": {{properties}}, "required": ["{{required}}"],
         "$defs": {"Path": {"type": "string"}, "Circle": {"$ref": "#/$defs/Circle"} } }
        """;
}
