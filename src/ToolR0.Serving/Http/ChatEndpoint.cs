using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using ToolR0.Contracts;
using ToolR0.Policies.Sampling;
using ToolR0.Serving.Conversations;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary><c>/v1/chat/completions</c>.</summary>
internal sealed class ChatEndpoint(ServedModel model, int most)
{
    public async Task AnswerAsync(HttpContext http)
    {
        var request = ChatRequest.Read(await RequestBody.ReadAsync(http, model), model.Writer.ToolTokens, most);
        var prompt = Write(request.Conversation);
        var answers = new Asked(
            request, prompt, request.Sampling.Requests(prompt.Tokens, model, "messages", model.MaxPositions),
            request.Conversation.ShowsTools ? [.. request.Conversation.Tools.Select(tool => tool.Spec.Name)] : [],
            new Head($"chatcmpl-{Guid.NewGuid():N}", model, "chat.completion"));
        if (request.Sampling.Stream)
            await StreamAsync(http, answers);
        else
            await http.Response.WriteAsync((await CompleteAsync(answers, http.RequestAborted)).ToJsonString(CallText.Layout), http.RequestAborted);
    }

    private WrittenPrompt Write(Conversation conversation)
    {
        try
        {
            return model.Writer.Write(conversation);
        }
        catch (ConversationException e)
        {
            throw ApiException.Rule(e.Part, e.Message);
        }
    }

    private async Task<JsonObject> CompleteAsync(Asked asked, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(asked.Requests.Select(request => model.SampleAsync(request, null, cancellation)));
        var choices = new JsonArray();
        foreach (var (answer, i) in answers.Select((answer, i) => (answer, i)))
        {
            var read = asked.Read(AnswerText.Cut(asked.Prompt.Opening + answer.Text, asked.Prompt.Opening.Length, asked.Request.Sampling.Stop));
            var message = new JsonObject
            {
                ["role"] = "assistant",
                ["content"] = read.CallsSomething && read.Text.Length == 0 ? null : read.Text,
                ["refusal"] = null,
            };
            if (read.CallsSomething)
                message["tool_calls"] = Answers.Calls(asked.Kept(read), withIndex: false);
            choices.Add(new JsonObject
            {
                ["index"] = i,
                ["message"] = message,
                ["logprobs"] = null,
                ["finish_reason"] = Answers.FinishReason(answer, read),
            });
        }

        var json = asked.Head.ToJson(choices);
        json["usage"] = Answers.Usage(asked.Prompt.Tokens.Length, answers.Sum(answer => answer.Tokens.Length));
        return json;
    }

    private async Task StreamAsync(HttpContext http, Asked asked)
    {
        var events = new EventStream(http);
        var sampling = asked.Request.Sampling;
        var texts = asked.Requests.Select(_ => model.Text(asked.Prompt.Opening, sampling.Stop, asked.Offered.Count > 0)).ToList();
        var tokens = 0;
        await events.BeginAsync();
        for (var i = 0; i < texts.Count; i++)
            Send(i, new JsonObject { ["role"] = "assistant", ["content"] = "", ["refusal"] = null });
        try
        {
            var feed = TokenFeed.Start(model, asked.Requests, http.RequestAborted);
            while (await feed.WaitToReadAsync(http.RequestAborted))
            {
                while (feed.TryRead(out var progress))
                {
                    if (progress.Ended is null)
                        SendText(progress.Answer, texts[progress.Answer].Append(progress.Token));
                    else
                        End(progress.Answer, progress.Ended);
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
            var last = asked.Head.ToJson([], ".chunk");
            last["usage"] = Answers.Usage(asked.Prompt.Tokens.Length, tokens);
            events.Write(last);
        }

        await events.EndAsync();

        void End(int index, Trajectory answer)
        {
            tokens += answer.Tokens.Length;
            var text = texts[index];
            text.End();
            var read = asked.Read(text.Whole);
            SendText(index, text.Finish(read.Text.Length));
            if (read.CallsSomething)
                Send(index, new JsonObject { ["tool_calls"] = Answers.Calls(asked.Kept(read), withIndex: true) });
            Send(index, [], Answers.FinishReason(answer, read));
        }

        void SendText(int index, string text)
        {
            if (text.Length > 0)
                Send(index, new JsonObject { ["content"] = text });
        }

        void Send(int index, JsonObject delta, string? finish = null)
        {
            var choice = new JsonObject { ["index"] = index, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = finish };
            var chunk = asked.Head.ToJson([choice], ".chunk");
            if (sampling.IncludeUsage)
                chunk["usage"] = null;
            events.Write(chunk);
        }
    }

    /// <summary>A request on its way to its answers.</summary>
    private sealed record Asked(
        ChatRequest Request, WrittenPrompt Prompt, IReadOnlyList<LiveRequest> Requests, IReadOnlyCollection<string> Offered, Head Head)
    {
        public ReadAnswer Read(string text) => ReadAnswer.Of(text, Offered);

        public IReadOnlyList<ToolCall> Kept(ReadAnswer read) => Request.OneCall ? [read.Calls![0]] : read.Calls!;
    }
}
