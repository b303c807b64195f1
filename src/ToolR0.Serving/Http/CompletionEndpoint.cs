using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using ToolR0.Contracts;
using ToolR0.Policies.Sampling;
using ToolR0.Serving.Conversations;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>
/// <c>/v1/completions</c>: whole prompts, as texts or token ids. With vLLM's <c>return_token_ids</c> and <c>logprobs</c> it tells what a worker of a
/// run needs.
/// </summary>
internal sealed class CompletionEndpoint(ServedModel model, int most)
{
    private const int UsualTokens = 16;

    public async Task AnswerAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http, model);
        Refuse(body);
        var sampling = SamplingFields.Read(body, most, "max_tokens");
        var withIds = body.Flag("return_token_ids");
        var (withLogProbs, namesAreIds) = (body.Whole("logprobs", 0, 1) is not null, body.Flag("return_tokens_as_token_ids"));
        var keepsStop = body.Flag("include_stop_str_in_output");
        var prompts = Prompts(body);
        if (prompts.Count * sampling.Count > most)
            throw ApiException.Rule("prompt", $"asks for {prompts.Count * sampling.Count} answers; at most {most} in one request");
        var requests = prompts.SelectMany(prompt => sampling.Requests(prompt, model, "prompt", UsualTokens)).ToList();
        var head = new Head($"cmpl-{Guid.NewGuid():N}", model, "text_completion");
        var promptTokens = prompts.Sum(prompt => prompt.Length);
        if (sampling.Stream)
        {
            if (withIds || withLogProbs || keepsStop)
                throw ApiException.Rule("stream", "goes neither with logprobs nor with return_token_ids nor with include_stop_str_in_output");
            await StreamAsync(http, head, requests, sampling, promptTokens);
            return;
        }

        var answers = await Task.WhenAll(requests.Select(request => model.SampleAsync(request, null, http.RequestAborted)));
        var choices = new JsonArray();
        foreach (var (answer, i) in answers.Select((answer, i) => (answer, i)))
        {
            var choice = Choice(i, keepsStop ? answer.Text : AnswerText.Cut(answer.Text, 0, sampling.Stop), Answers.FinishReason(answer));
            if (withLogProbs)
                choice["logprobs"] = LogProbs(answer, namesAreIds);
            if (withIds)
                choice["token_ids"] = new JsonArray([.. answer.Tokens.Select(token => (JsonNode)token)]);
            choices.Add(choice);
        }

        var json = head.ToJson(choices);
        json["usage"] = Answers.Usage(promptTokens, answers.Sum(answer => answer.Tokens.Length));
        await http.Response.WriteAsync(json.ToJsonString(CallText.Layout), http.RequestAborted);
    }

    private async Task StreamAsync(HttpContext http, Head head, IReadOnlyList<LiveRequest> requests, SamplingFields sampling, int promptTokens)
    {
        var events = new EventStream(http);
        var texts = requests.Select(_ => model.Text("", sampling.Stop, mayCall: false)).ToList();
        var tokens = 0;
        await events.BeginAsync();
        try
        {
            var feed = TokenFeed.Start(model, requests, http.RequestAborted);
            while (await feed.WaitToReadAsync(http.RequestAborted))
            {
                while (feed.TryRead(out var progress))
                {
                    var text = texts[progress.Answer];
                    if (progress.Ended is null)
                    {
                        Send(progress.Answer, text.Append(progress.Token), null);
                        continue;
                    }

                    tokens += progress.Ended.Tokens.Length;
                    text.End();
                    Send(progress.Answer, text.Finish(text.Whole.Length), Answers.FinishReason(progress.Ended));
                }

                await events.FlushAsync();
            }

            await feed.Completion;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            events.Write(new ApiException(500, e.Message.ReplaceLineEndings(" ")).ToJson());
        }

        if (sampling.IncludeUsage)
        {
            var last = head.ToJson([]);
            last["usage"] = Answers.Usage(promptTokens, tokens);
            events.Write(last);
        }

        await events.EndAsync();

        void Send(int index, string text, string? finish)
        {
            if (text.Length > 0 || finish is not null)
                events.Write(head.ToJson([Choice(index, text, finish)]));
        }
    }

    private static JsonObject Choice(int index, string text, string? finish) =>
        new() { ["index"] = index, ["text"] = text, ["logprobs"] = null, ["finish_reason"] = finish };

    private JsonObject LogProbs(Trajectory answer, bool namesAreIds) => new()
    {
        ["tokens"] = new JsonArray([.. answer.Tokens.Select(token => (JsonNode)(namesAreIds ? $"token_id:{token}" : model.TokenText(token)))]),
        ["token_logprobs"] = new JsonArray([.. answer.LogProbs.Select(value => (JsonNode)value)]),
        ["top_logprobs"] = null,
    };

    private void Refuse(Fields body)
    {
        body.Refuse("echo", value => value.ValueKind == JsonValueKind.False);
        body.Refuse("suffix", value => value.ValueKind == JsonValueKind.String && value.ValueEquals(""));
        foreach (var (name, neutral) in new[] { ("best_of", 1.0), ("top_k", -1), ("min_p", 0), ("repetition_penalty", 1) })
            body.Refuse(name, value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == neutral);
        body.Refuse("stop_token_ids", value => value.ValueKind == JsonValueKind.Array
            && value.EnumerateArray().All(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var token) && model.Ends(token)));
    }

    private IReadOnlyList<int[]> Prompts(Fields body)
    {
        var prompt = body.Find("prompt") ?? throw ApiException.Rule("prompt", "is missing");
        if (prompt.ValueKind == JsonValueKind.String)
            return [model.Encode(prompt.GetString()!)];
        var items = body.List("prompt");
        if (items.Count == 0)
            throw ApiException.Rule("prompt", "must not be empty");
        return items[0].ValueKind == JsonValueKind.Number
            ? [Ids(items, "prompt")]
            : [.. items.Select((item, i) => item.ValueKind switch
            {
                JsonValueKind.String => model.Encode(item.GetString()!),
                JsonValueKind.Array => Ids([.. item.EnumerateArray()], $"prompt[{i}]"),
                _ => throw ApiException.Rule($"prompt[{i}]", "must be a string or a list of token ids"),
            })];
    }

    private int[] Ids(IReadOnlyList<JsonElement> items, string field) => [.. items.Select((item, i) =>
        item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) && id >= 0 && id < model.Rows
            ? id
            : throw ApiException.Rule($"{field}[{i}]", $"must be a token id from 0 to {model.Rows - 1}"))];
}
