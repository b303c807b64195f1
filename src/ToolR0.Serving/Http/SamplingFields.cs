using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Sampling;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>What both endpoints read alike: how an answer is drawn and sent.</summary>
internal sealed record SamplingFields(
    double Temperature, double TopP, int? MaxTokens, long Seed, int Count, IReadOnlyList<string> Stop, bool Stream, bool IncludeUsage)
{
    private const int MostStops = 4;

    /// <param name="maxTokens">Names of the field, the one that wins first.</param>
    /// <param name="most">Answers to one request.</param>
    public static SamplingFields Read(Fields body, int most, params string[] maxTokens)
    {
        foreach (var penalty in new[] { "presence_penalty", "frequency_penalty" })
            body.Refuse(penalty, value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        body.Refuse("logit_bias", value => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any());
        var stream = body.Flag("stream");
        var usage = body.Has("stream_options") && body.Object("stream_options").Flag("include_usage");
        if (body.Has("stream_options") && !stream)
            throw ApiException.Rule("stream_options", "goes with stream = true");
        var topP = body.Number("top_p", 1, 0, 1);
        return new SamplingFields(
            body.Number("temperature", 1, 0, 2),
            topP > 0 ? topP : throw ApiException.Rule("top_p", "must be above 0 and at most 1"),
            maxTokens.Select(name => body.Whole(name, 1, int.MaxValue)).OfType<long>().Select(number => (int?)number).FirstOrDefault(),
            body.Whole("seed") ?? Random.Shared.NextInt64(),
            (int)(body.Whole("n", 1, most) ?? 1),
            Stops(body),
            stream,
            usage);
    }

    /// <summary>The completions that are asked for, the first with the request's own seed.</summary>
    /// <param name="field">What is at fault where the prompt is too long.</param>
    /// <param name="otherwise">Tokens at most where the request does not say.</param>
    public IReadOnlyList<LiveRequest> Requests(int[] prompt, ServedModel model, string field, int otherwise)
    {
        if (prompt.Length == 0)
            throw ApiException.Rule(field, "must not be empty");
        if (prompt.Length >= model.MaxPositions)
        {
            throw ApiException.Rule(
                field, $"has {prompt.Length} tokens; the model has room for {model.MaxPositions} with the answer", "context_length_exceeded");
        }

        var options = new SamplingOptions { Temperature = Temperature, TopP = TopP, MaxNewTokens = MaxTokens ?? otherwise };
        return [.. Enumerable.Range(0, Count).Select(i => new LiveRequest(prompt, i == 0 ? Seed : Seeds.Derive(Seed, $"choice/{i}"), options, Stop))];
    }

    private static IReadOnlyList<string> Stops(Fields body)
    {
        if (body.Find("stop") is not { } found)
            return [];
        IReadOnlyList<JsonElement> items = found.ValueKind == JsonValueKind.String ? [found] : body.List("stop");
        if (items.Count > MostStops)
            throw ApiException.Rule("stop", $"must be at most {MostStops} strings");
        return [.. items.Select((item, i) => item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 } text
            ? text
            : throw ApiException.Rule(items.Count == 1 ? "stop" : $"stop[{i}]", "must be a string that is not empty"))];
    }
}
