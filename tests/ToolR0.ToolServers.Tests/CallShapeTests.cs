using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Tests;

/// <summary>The shapes in which servers report one and the same mistake, and results as text.</summary>
public sealed class CallShapeTests(ITestOutputHelper output)
{
    public static TheoryData<string> Files => [.. OutsideTools.Names("calls", Path.GetFileName)];

    [Theory]
    [InlineData("text is missing", ErrorShape.ErrorResult, CallFault.Model)]
    [InlineData("ENOENT: no such file or directory", ErrorShape.ErrorResult, CallFault.Model)]
    [InlineData("dial tcp 127.0.0.1:1: connect: connection refused", ErrorShape.ErrorResult, CallFault.Tool)]
    [InlineData("MCP error -32602: Input validation error", ErrorShape.ErrorResultWithCode, CallFault.Model)]
    [InlineData("MCP error -32603: fetch failed", ErrorShape.ErrorResultWithCode, CallFault.Tool)]
    public void An_error_result_is_read(string text, ErrorShape shape, CallFault fault) => ErrorShapes.OfResult(true, text).ShouldBe((shape, fault));

    [Theory]
    [InlineData(-32602, "anything", ErrorShape.RequestError, CallFault.Model)]
    [InlineData(-32601, "Method not found", ErrorShape.RequestError, CallFault.Model)]
    [InlineData(-32600, "Unknown tool", ErrorShape.RequestError, CallFault.Model)]
    [InlineData(-32603, "Unknown tool: x", ErrorShape.InternalError, CallFault.Model)]
    [InlineData(-32603, "[{\"code\":\"invalid_type\",\"expected\":\"string\"}]", ErrorShape.InternalError, CallFault.Model)]
    [InlineData(-32603, "Cannot read properties of undefined", ErrorShape.InternalError, CallFault.Tool)]
    [InlineData(-32603, "connect ECONNREFUSED 127.0.0.1:5432", ErrorShape.InternalError, CallFault.Tool)]
    public void An_error_of_the_protocol_is_read(int code, string message, ErrorShape shape, CallFault fault) =>
        ErrorShapes.OfCode(code, message).ShouldBe((shape, fault));

    [Theory]
    [InlineData("Error: text is missing", CallFault.Model)]
    [InlineData("{\"success\":false,\"message\":\"x\"}", CallFault.Model)]
    [InlineData("{\"error\":\"fetch failed\"}", CallFault.Tool)]
    [InlineData("Error searching libraries: fetch failed", CallFault.Tool)]
    public void An_error_as_plain_text_is_read(string text, CallFault fault) =>
        ErrorShapes.OfResult(false, text).ShouldBe((ErrorShape.PlainText, fault));

    [Theory]
    [InlineData("Errors are listed below")]
    [InlineData("The error rate is 3 %")]
    [InlineData("")]
    public void A_text_about_errors_is_none(string text) => ErrorShapes.OfResult(false, text).ShouldBeNull();

    [Theory]
    [MemberData(nameof(Files))]
    public void What_real_servers_answered_is_read(string file)
    {
        foreach (var call in OutsideTools.Json(OutsideTools.Find($"calls/{file}")).GetProperty("calls").EnumerateArray())
        {
            var label = call.GetProperty("label").GetString()!;
            var (fault, shape) = call.TryGetProperty("error", out var error) ? Error(error) : Result(call.GetProperty("result"));
            output.WriteLine($"{file} {label}: {fault} {shape}");
            if (label.StartsWith("right", StringComparison.Ordinal))
                fault.ShouldBe(CallFault.None, label);
            else if (label.StartsWith("wrong", StringComparison.Ordinal) || label.StartsWith("arguments", StringComparison.Ordinal))
                fault.ShouldBe(CallFault.Model, label);
            else if (label == "backend unreachable")
                fault.ShouldBe(CallFault.Tool, label);
        }
    }

    [Theory]
    [InlineData("""{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{"a":1}}""", "{\"a\":1}")]
    [InlineData("""{"content":[{"type":"text","text":"[1]"}],"structuredContent":{"items":[1]}}""", "[1]")]
    [InlineData("""{"content":[{"type":"text","text":"done"}],"structuredContent":{"content":"done"}}""", "done")]
    [InlineData("""{"content":[],"structuredContent":{"a":"é"}}""", "{\"a\":\"é\"}")]
    [InlineData("""{"content":[{"type":"image","mimeType":"image/png","data":"AAAA"}]}""", "[image image/png, 3 bytes]")]
    [InlineData(
        """{"content":[{"type":"resource","resource":{"uri":"u:1","text":"inside"}},{"type":"resource_link","uri":"u:2"}]}""",
        "inside\n[resource u:2]")]
    [InlineData("""{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}""", "a\nb")]
    [InlineData("""{"content":"not a list"}""", "")]
    [InlineData("null", "")]
    public void A_result_is_one_text(string result, string text) => ResultText.Of(JsonNode.Parse(result), 1000).Text.ShouldBe(text);

    [Fact]
    public void A_long_result_is_cut_between_characters()
    {
        var text = ResultText.Cut(new string('a', 9) + "😀" + new string('b', 20), 10);
        text.ShouldBe("aaaaaaaaa\n[22 more characters were cut]");
    }

    private static (CallFault Fault, string Shape) Error(JsonElement error)
    {
        var (shape, fault) = ErrorShapes.OfCode(error.GetProperty("code").GetInt32(), error.GetProperty("message").GetString()!);
        return (fault, shape.ToString());
    }

    private static (CallFault Fault, string Shape) Result(JsonElement result)
    {
        var text = ResultText.Of(JsonNode.Parse(result.GetRawText()), 100_000);
        return ErrorShapes.OfResult(text.IsError, text.Text, text.Parts > 1) is var (shape, fault) ? (fault, shape.ToString()) : (CallFault.None, "");
    }
}
