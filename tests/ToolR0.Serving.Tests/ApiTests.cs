using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Serving.Http;

namespace ToolR0.Serving.Tests;

/// <summary>What the interface takes, refuses and says.</summary>
public sealed class ApiTests(Served served) : IClassFixture<Served>
{
    private static readonly HttpClient Http = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", 400, "model", "model: is missing")]
    [InlineData("""{"model":"other","messages":[{"role":"user","content":"x"}]}""", 404, "model", "model: 'other' is not served here; 'base-nano' is")]
    [InlineData("""{"model":"base-nano"}""", 400, "messages", "messages: is missing")]
    [InlineData("""{"model":"base-nano","messages":[]}""", 400, "messages", "messages: must not be empty")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"robot","content":"x"}]}""", 400, "messages[0].role", "messages[0].role: must be one of")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user"}]}""", 400, "messages[0].content", "messages[0].content: is missing")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}""", 400,
        "messages[0].content[0].type", "other parts are not supported")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"tool","content":"x","tool_call_id":"c"}]}""", 400,
        "messages[0].tool_call_id", "must be the id of a call")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"temperature":3}""", 400, "temperature", "from 0 to 2")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"top_p":0}""", 400, "top_p", "above 0")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"n":33}""", 400, "n", "from 1 to 32")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"max_tokens":0}""", 400, "max_tokens", "whole number")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"stop":["a",""]}""", 400, "stop[1]", "not empty")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"logprobs":true}""", 400, "logprobs", "is not supported")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}""", 400,
        "response_format.type", "is not supported")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"tool_choice":"required"}""", 400, "tool_choice", "needs tools")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search"}]}""", 400,
        "tools[0].type", "must be \"function\"")]
    [InlineData("""{"model":"base-nano","messages":[{"role":"user","content":"x"}],"stream_options":{}}""", 400, "stream_options", "stream = true")]
    [InlineData("[1]", 400, "body", "must be a JSON object")]
    [InlineData("{", 400, "body", "must be a JSON object")]
    public async Task A_request_that_is_refused_names_the_field_and_the_rule(string body, int status, string field, string rule)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await Http.PostAsync(new Uri(served.Server.Address, "/v1/chat/completions"), content, Cancellation);
        ((int)response.StatusCode).ShouldBe(status);
        var error = (await JsonAsync(response)).GetProperty("error");
        error.GetProperty("param").GetString().ShouldBe(field);
        error.GetProperty("message").GetString()!.ShouldContain(rule);
        error.GetProperty("type").GetString().ShouldBe("invalid_request_error");
    }

    [Fact]
    public async Task A_prompt_without_room_for_an_answer_is_refused()
    {
        var request = Served.Request(Served.Items[0]);
        request["messages"]![0]!["content"] = string.Concat(Enumerable.Repeat("miles 12 ", 300));
        using var response = await PostAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var error = (await JsonAsync(response)).GetProperty("error");
        error.GetProperty("code").GetString().ShouldBe("context_length_exceeded");
        error.GetProperty("message").GetString()!.ShouldContain("room for 512");
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        using var content = new ByteArrayContent(new byte[(8 << 20) + 1]);
        using var response = await Http.PostAsync(new Uri(served.Server.Address, "/v1/chat/completions"), content, Cancellation);
        response.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe("request_too_large");
    }

    [Fact]
    public async Task Other_paths_and_methods_are_refused_in_the_same_form()
    {
        using var nowhere = await Http.GetAsync(new Uri(served.Server.Address, "/v1/embeddings"), Cancellation);
        nowhere.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await JsonAsync(nowhere)).GetProperty("error").GetProperty("message").GetString().ShouldBe("there is no GET /v1/embeddings");
        using var method = await Http.GetAsync(new Uri(served.Server.Address, "/v1/completions"), Cancellation);
        method.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        (await JsonAsync(method)).GetProperty("error").GetProperty("message").GetString()!.ShouldContain("does not take GET");
    }

    [Fact]
    public async Task The_model_and_its_health_are_told()
    {
        var models = await JsonAsync(await Http.GetAsync(new Uri(served.Server.Address, "/v1/models"), Cancellation));
        var model = models.GetProperty("data")[0];
        model.GetProperty("id").GetString().ShouldBe(Served.Name);
        model.GetProperty("sha256").GetString().ShouldBe(served.Model.Sha256);
        model.GetProperty("prompts").GetString().ShouldBe("compact prompts");
        (await Http.GetAsync(new Uri(served.Server.Address, "/v1/models/base-nano"), Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Http.GetAsync(new Uri(served.Server.Address, "/v1/models/none"), Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var health = await JsonAsync(await Http.GetAsync(new Uri(served.Server.Address, "/health"), Cancellation));
        health.GetProperty("status").GetString().ShouldBe("ok");
    }

    [Fact]
    public async Task A_server_with_keys_asks_for_one()
    {
        await using var server = await ModelServer.StartAsync(served.Model, new ServerOptions(Port: 0, Keys: ["secret"]), Cancellation);
        var models = new Uri(server.Address, "/v1/models");
        using var without = await Http.GetAsync(models, Cancellation);
        without.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await JsonAsync(without)).GetProperty("error").GetProperty("code").GetString().ShouldBe("invalid_api_key");
        foreach (var (key, status) in new[] { ("wrong", HttpStatusCode.Unauthorized), ("secret", HttpStatusCode.OK) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, models) { Headers = { { "Authorization", $"Bearer {key}" } } };
            (await Http.SendAsync(request, Cancellation)).StatusCode.ShouldBe(status);
        }

        (await Http.GetAsync(new Uri(server.Address, "/health"), Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_answer_that_must_call_begins_with_a_call_of_the_tool_that_is_wanted()
    {
        var item = Served.Items[0];
        var wanted = item.Task.Menu[^1].Name;
        var choice = new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = wanted } };
        var answer = await JsonAsync(await PostAsync(Served.Request(item, ("tool_choice", choice))));
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("tool_calls")[0].GetProperty("function").GetProperty("name")
            .GetString().ShouldBe(wanted);
        var any = await JsonAsync(await PostAsync(Served.Request(item, ("tool_choice", "required"))));
        any.GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("tool_calls");
        var none = await JsonAsync(await PostAsync(Served.Request(item, ("tool_choice", "none"), ("max_tokens", 32))));
        none.GetProperty("choices")[0].GetProperty("message").TryGetProperty("tool_calls", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task A_stop_text_ends_an_answer_and_is_left_out_of_it_streamed_or_not()
    {
        var prompt = $"<|im_start|>user\n{CompactFormat.Request(Served.Items[0].Task)}<|im_end|>\n<|im_start|>assistant\n";
        var request = new JsonObject { ["model"] = Served.Name, ["prompt"] = prompt, ["temperature"] = 0, ["max_tokens"] = 40 };
        var whole = (await CompleteAsync(request)).GetProperty("choices")[0].GetProperty("text").GetString()!;
        var stop = whole.Substring(whole.Length / 2, 3);
        request["stop"] = stop;
        var cut = (await CompleteAsync(request)).GetProperty("choices")[0];
        cut.GetProperty("text").GetString().ShouldBe(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]);
        cut.GetProperty("finish_reason").GetString().ShouldBe("stop");
        request["stream"] = true;
        request["stream_options"] = new JsonObject { ["include_usage"] = true };
        using var response = await Http.PostAsJsonAsync(new Uri(served.Server.Address, "/v1/completions"), request, Cancellation);
        var events = (await response.Content.ReadAsStringAsync(Cancellation)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        events[^1].ShouldBe("data: [DONE]");
        var chunks = events.SkipLast(1).Select(line => JsonDocument.Parse(line["data: ".Length..]).RootElement).ToList();
        string.Concat(chunks.SkipLast(1).Select(chunk => chunk.GetProperty("choices")[0].GetProperty("text").GetString()))
            .ShouldBe(cut.GetProperty("text").GetString());
        chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Completions_tell_tokens_and_their_log_probabilities()
    {
        var request = new JsonObject
        {
            ["model"] = Served.Name,
            ["prompt"] = new JsonArray(5, 6, 7),
            ["temperature"] = 0,
            ["max_tokens"] = 5,
            ["logprobs"] = 1,
            ["return_token_ids"] = true,
            ["return_tokens_as_token_ids"] = true,
        };
        var choice = (await CompleteAsync(request)).GetProperty("choices")[0];
        var ids = choice.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32()).ToList();
        choice.GetProperty("logprobs").GetProperty("tokens").EnumerateArray().Select(name => name.GetString())
            .ShouldBe(ids.Select(id => $"token_id:{id}"));
        choice.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().ShouldAllBe(value => value.GetDouble() <= 0);
    }

    [Theory]
    [InlineData("""<tool_call>{"name":"f","arguments":{"x":1}}</tool_call>""", "", """[{"name":"f","arguments":{"x":1}}]""")]
    [InlineData("Well.\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>\n<tool_call>\n{\"name\":\"g\",\"arguments\":{}}", "Well.",
        """[{"name":"f","arguments":{}},{"name":"g","arguments":{}}]""")]
    [InlineData("""hm <tool_call_answer>[{"name":"g","arguments":{"x":"<a>"}}]</tool_call_answer>""", "hm", """[{"name":"g","arguments":{"x":"<a>"}}]""")]
    [InlineData("""<tool_call_answer>[]</tool_call_answer>""", "", "[]")]
    [InlineData("""[{"name":"f","parameters":{}}]""", "", """[{"name":"f","arguments":{"parameters":{}}}]""")]
    [InlineData("""{"name":"f","arguments":"{\"x\":2}"}""", "", """[{"name":"f","arguments":{"x":2}}]""")]
    [InlineData("""[{"name":"unknown","arguments":{}}]""", """[{"name":"unknown","arguments":{}}]""", null)]
    [InlineData("a < b, and <tool_call>no json", "a < b, and <tool_call>no json", null)]
    public void Calls_are_read_in_the_forms_that_models_write(string text, string said, string? calls)
    {
        var read = Conversations.ReadAnswer.Of(text, ["f", "g"]);
        read.Text.ShouldBe(said);
        (read.Calls is null ? null : Calls.ToJson(read.Calls)).ShouldBe(calls);
        for (var length = 0; length <= text.Length; length++)
        {
            var certain = Conversations.ReadAnswer.CertainText(text[..length]);
            read.Text.ShouldStartWith(text[..certain]);
        }
    }

    private Task<HttpResponseMessage> PostAsync(JsonObject request) =>
        Http.PostAsJsonAsync(new Uri(served.Server.Address, "/v1/chat/completions"), request, Cancellation);

    private async Task<JsonElement> CompleteAsync(JsonObject request)
    {
        using var response = await Http.PostAsJsonAsync(new Uri(served.Server.Address, "/v1/completions"), request, Cancellation);
        var answer = await JsonAsync(response);
        response.IsSuccessStatusCode.ShouldBeTrue(answer.ToString());
        return answer;
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        return document.RootElement.Clone();
    }
}
