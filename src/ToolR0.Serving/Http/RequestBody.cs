using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>Reads the JSON of a request.</summary>
internal static class RequestBody
{
    /// <summary>Bytes of a request at most.</summary>
    public const int MostBytes = 8 << 20;

    private const int ShortestBeginning = 6;

    /// <exception cref="ApiException">It is no JSON object, too large, or for another model.</exception>
    public static async Task<Fields> ReadAsync(HttpContext http, ServedModel model)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(await ReadAllAsync(http));
            root = document.RootElement.Clone();
        }
        catch (Exception e) when (e is JsonException or BadHttpRequestException { StatusCode: not StatusCodes.Status413PayloadTooLarge })
        {
            throw ApiException.Rule("body", "must be a JSON object");
        }
        catch (BadHttpRequestException)
        {
            throw TooLarge();
        }

        var fields = Fields.Of(root, "");
        var named = fields.NeededText("model");
        if (named != model.Name && !(named.Length >= ShortestBeginning && model.Sha256.StartsWith(named, StringComparison.Ordinal)))
            throw new ApiException(404, $"model: '{Shown(named)}' is not served here; '{model.Name}' is", "model", "model_not_found");
        return fields;
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAllAsync(HttpContext http)
    {
        if (http.Request.ContentLength > MostBytes)
            throw TooLarge();
        var bytes = new ArrayBufferWriter<byte>(4096);
        int read;
        while ((read = await http.Request.Body.ReadAsync(bytes.GetMemory(4096), http.RequestAborted)) > 0)
        {
            bytes.Advance(read);
            if (bytes.WrittenCount > MostBytes)
                throw TooLarge();
        }

        return bytes.WrittenMemory;
    }

    private static ApiException TooLarge() => new(413, $"body: must be at most {MostBytes} bytes", "body", "request_too_large");

    private static string Shown(string text) => text.Length > 80 ? text[..80] + "…" : text;
}
