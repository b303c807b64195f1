using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ToolR0.Serving.Conversations;

namespace ToolR0.Serving.Http;

/// <summary>Server-sent events of one answer.</summary>
internal sealed class EventStream(HttpContext http)
{
    public async Task BeginAsync()
    {
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await http.Response.StartAsync(http.RequestAborted);
    }

    /// <summary>Writes an event; it is sent at the next <see cref="FlushAsync"/>.</summary>
    public void Write(JsonObject data) => Write(data.ToJsonString(CallText.Layout));

    public async Task EndAsync()
    {
        Write("[DONE]");
        await FlushAsync();
    }

    public async Task FlushAsync() => await http.Response.BodyWriter.FlushAsync(http.RequestAborted);

    private void Write(string data)
    {
        var bytes = Encoding.UTF8.GetBytes($"data: {data}\n\n");
        bytes.CopyTo(http.Response.BodyWriter.GetSpan(bytes.Length));
        http.Response.BodyWriter.Advance(bytes.Length);
    }
}
