using System.Text.RegularExpressions;

namespace ToolR0.ToolServers.Sessions;

/// <summary>The shapes in which servers report that a call failed.</summary>
public enum ErrorShape
{
    /// <summary>A result with <c>isError</c>.</summary>
    ErrorResult,

    /// <summary>A result with <c>isError</c> whose text is an error of the protocol with its code.</summary>
    ErrorResultWithCode,

    /// <summary>An error of the protocol for what was asked: -32602, -32601, -32600.</summary>
    RequestError,

    /// <summary>An internal error of the protocol, -32603, or another code.</summary>
    InternalError,

    /// <summary>A result without <c>isError</c> whose text says that it is an error.</summary>
    PlainText,
}

/// <summary>
/// The table that says whose failure each shape is. Servers report one and the same mistake, such as a missing argument, in any of them; what is
/// behind
/// it has to be read from the text where the shape leaves it open.
/// <list type="table">
/// <item><term>isError</term><description>the tool's where the text names a backend that is away, else the model's</description></item>
/// <item><term>isError with a code</term><description>as the code says</description></item>
/// <item><term>-32602, -32601, -32600</term><description>the model's</description></item>
/// <item><term>-32603 and others</term><description>the model's where the text speaks of arguments or an unknown tool, else the
/// tool's</description></item>
/// <item><term>plain text</term><description>only where the whole answer is one error: as isError</description></item>
/// </list>
/// </summary>
public static partial class ErrorShapes
{
    /// <summary>The code of an answer that was replaced here because it is nested too deeply to be read.</summary>
    public const int TooDeep = -32091;

    private const int InvalidRequest = -32600;
    private const int MethodNotFound = -32601;
    private const int InvalidParams = -32602;

    /// <summary>A longer text is an answer that begins with the word, not an error.</summary>
    private const int LongestPlainError = 600;

    [GeneratedRegex(@"^MCP error (-?\d+):")]
    private static partial Regex CodeInText { get; }

    [GeneratedRegex(
        @"ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EPIPE|connection (refused|reset|closed)|fetch failed|network (is )?unreachable|no route to host|timed? ?out|status code:? 5\d\d|\b50[0234]\b|rate limit|too many requests|\b429\b|service unavailable|no such host|dial tcp",
        RegexOptions.IgnoreCase)]
    private static partial Regex BackendAway { get; }

    [GeneratedRegex(
        @"invalid_type|invalid (input|argument|param|type|option|value|enum)|validation|required|missing|expected|unknown (tool|argument|param)|unrecognized|no such tool|tool .{0,80}not found|must (be|have)|unexpected (argument|param|key)",
        RegexOptions.IgnoreCase)]
    private static partial Regex SpeaksOfArguments { get; }

    [GeneratedRegex(@"^\s*(error\b\s*[:(]|error (searching|reading|fetching|executing|getting|calling|listing|creating)\b|\{\s*""(error"":|success""\s*:\s*false))", RegexOptions.IgnoreCase)]
    private static partial Regex BeginsAsError { get; }

    /// <summary>Whose failure an error of the protocol is.</summary>
    public static (ErrorShape Shape, CallFault Fault) OfCode(int code, string message) => code switch
    {
        InvalidParams or MethodNotFound or InvalidRequest => (ErrorShape.RequestError, CallFault.Model),
        TooDeep => (ErrorShape.InternalError, CallFault.Tool),
        _ when BackendAway.IsMatch(message) => (ErrorShape.InternalError, CallFault.Tool),
        _ when SpeaksOfArguments.IsMatch(message) => (ErrorShape.InternalError, CallFault.Model),
        _ => (ErrorShape.InternalError, CallFault.Tool),
    };

    /// <summary>Whose failure a result is; null where it is none.</summary>
    /// <param name="hasOtherContent">It holds more than one text: a result, whatever the text begins with.</param>
    public static (ErrorShape Shape, CallFault Fault)? OfResult(bool isError, string text, bool hasOtherContent = false)
    {
        if (!isError)
        {
            return !hasOtherContent && text.Length <= LongestPlainError && BeginsAsError.IsMatch(text)
                ? (ErrorShape.PlainText, BackendAway.IsMatch(text) ? CallFault.Tool : CallFault.Model)
                : null;
        }

        if (CodeInText.Match(text) is { Success: true } code && int.TryParse(code.Groups[1].ValueSpan, out var number))
            return (ErrorShape.ErrorResultWithCode, OfCode(number, text).Fault);
        return (ErrorShape.ErrorResult, BackendAway.IsMatch(text) ? CallFault.Tool : CallFault.Model);
    }
}
