using System.Text.Encodings.Web;
using System.Text.Json;

namespace ToolR0.Serving.Conversations;

/// <summary>How JSON is written for people and models: letters as they are.</summary>
internal static class CallText
{
    public static readonly JsonSerializerOptions Layout = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(JsonElement value) => JsonSerializer.Serialize(value, Layout);
}
