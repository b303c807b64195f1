using System.Text.Json.Nodes;

namespace ToolR0.Serving.Http;

/// <summary>A request that is refused, told in OpenAI's form.</summary>
/// <param name="status">Of HTTP.</param>
/// <param name="field">The field at fault; null where it is none.</param>
/// <param name="code">A word for programs.</param>
internal sealed class ApiException(int status, string message, string? field = null, string? code = null) : Exception(message)
{
    public int Status => status;

    /// <summary>A field that breaks a rule.</summary>
    public static ApiException Rule(string field, string rule, string? code = null) => new(400, $"{field}: {rule}", field, code);

    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = Message,
            ["type"] = status switch { 401 => "authentication_error", < 500 => "invalid_request_error", _ => "server_error" },
            ["param"] = field,
            ["code"] = code,
        },
    };
}
