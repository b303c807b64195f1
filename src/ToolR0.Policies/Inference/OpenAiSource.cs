using System.Globalization;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Inference;

/// <summary>
/// Samples through the completions endpoint: prompts go as token ids, one request per completion with its own seed. Token ids come back as vLLM's
/// <c>token_ids</c>, or as <c>token_id:N</c> in the log-probabilities; a server that tells neither has its text encoded again, and the trajectory
/// says so.
/// </summary>
internal sealed class OpenAiSource(OpenAiServer.Lease server, ModelConfig config, Tokenizer tokenizer, InferenceOptions inference) : ICompletionSource
{
    private const string IdPrefix = "token_id:";

    public ModelConfig Config => config;

    public Tokenizer Tokenizer => tokenizer;

    /// <exception cref="InferenceException">The server failed, or its answer is not a completion.</exception>
    public IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        IReadOnlyList<SampleRequest> requests, SamplingOptions options, CancellationToken ct, string? stop = null,
        Func<int, string, bool>? isHopeless = null)
    {
        Sampler.Check(config, requests, options);
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var places = new SemaphoreSlim(inference.Concurrency);
        var all = requests.Select(request => request.Seeds.Select(seed => CompleteAsync(request.PromptTokens, seed)).ToArray()).ToArray();
        Task.WhenAll(all.SelectMany(group => group)).GetAwaiter().GetResult();
        return [.. all.Select(group => (IReadOnlyList<Trajectory>)[.. group.Select(task => task.Result)])];

        async Task<Trajectory> CompleteAsync(int[] prompt, long seed)
        {
            await places.WaitAsync(abort.Token).ConfigureAwait(false);
            try
            {
                var answer = await server.CompleteAsync(Body(prompt, seed, options, stop), inference, abort.Token).ConfigureAwait(false);
                return Read(answer, seed, options);
            }
            catch
            {
                // One completion that cannot be had spoils the shard: the others need not be waited for.
                await abort.CancelAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                places.Release();
            }
        }
    }

    public void Dispose() => server.Dispose();

    /// <summary>
    /// What is not given, a server takes from the model's generation_config.json; so what else would change the distribution is given and neutral:
    /// what is recorded is softmax(logits / temperature), cut by top_p.
    /// </summary>
    private Dictionary<string, object> Body(int[] prompt, long seed, SamplingOptions options, string? stop)
    {
        var body = Body(prompt, seed, options);
        if (stop is not null)
            (body["stop"], body["include_stop_str_in_output"]) = (stop, true);
        return body;
    }

    private Dictionary<string, object> Body(int[] prompt, long seed, SamplingOptions options) => new()
    {
        ["model"] = server.Model,
        ["prompt"] = prompt,
        ["max_tokens"] = Math.Min(options.MaxNewTokens, config.MaxPositions - prompt.Length),
        ["temperature"] = options.Temperature,
        ["top_p"] = options.TopP,
        ["top_k"] = -1,
        ["min_p"] = 0.0,
        ["repetition_penalty"] = 1.0,
        ["frequency_penalty"] = 0.0,
        ["presence_penalty"] = 0.0,
        ["seed"] = seed,
        ["n"] = 1,
        ["logprobs"] = 1,
        ["stop_token_ids"] = tokenizer.StopTokens,
        ["skip_special_tokens"] = false,
        ["return_token_ids"] = true,
        ["return_tokens_as_token_ids"] = true,
    };

    private Trajectory Read(JsonElement answer, long seed, SamplingOptions options)
    {
        try
        {
            var choice = answer.GetProperty("choices")[0];
            var finish = choice.GetProperty("finish_reason").GetString() switch
            {
                "stop" => FinishReason.Stop,
                "length" => FinishReason.Length,
                var other => throw new InferenceException($"the server ended a completion with finish_reason {other ?? "null"}"),
            };
            var told = choice.TryGetProperty("logprobs", out var logprobs) && logprobs.ValueKind == JsonValueKind.Object ? logprobs : default;
            var ids = Ids(choice, told);
            var tokens = ids ?? [.. tokenizer.Encode(choice.GetProperty("text").GetString()!), .. finish == FinishReason.Stop
                ? new[] { tokenizer.EndOfTurn } : []];
            if (Array.FindIndex(tokens, t => (uint)t >= (uint)config.VocabularySize) is var at and >= 0)
                throw new InferenceException(
                    $"the server's token {tokens[at]} is outside the vocabulary of {config.VocabularySize}: it serves another model");
            return new Trajectory(seed, tokens, LogProbs(told, tokens.Length, options), tokenizer.TextOfCompletion(tokens), finish,
                Reencoded: ids is null);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException or FormatException)
        {
            throw new InferenceException($"the server's answer is not a completion: {e.Message}", e);
        }
    }

    private static int[]? Ids(JsonElement choice, JsonElement told)
    {
        if (choice.TryGetProperty("token_ids", out var ids) && ids.ValueKind == JsonValueKind.Array)
            return [.. ids.EnumerateArray().Select(id => id.GetInt32())];
        if (told.ValueKind != JsonValueKind.Object || !told.TryGetProperty("tokens", out var tokens) || tokens.ValueKind != JsonValueKind.Array)
            return null;
        var names = tokens.EnumerateArray().Select(token => token.GetString() ?? "").ToArray();
        return names.Length > 0 && names.All(name => name.StartsWith(IdPrefix, StringComparison.Ordinal))
            ? [.. names.Select(name => int.Parse(name.AsSpan(IdPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture))]
            : null;
    }

    /// <summary>One per token at the sampling temperature, or none if the server does not tell that.</summary>
    private float[] LogProbs(JsonElement told, int count, SamplingOptions options)
    {
        var atTemperature = inference.ProcessedLogProbs || options.Temperature is 0 or 1;
        if (!atTemperature || told.ValueKind != JsonValueKind.Object || !told.TryGetProperty("token_logprobs", out var values)
            || values.ValueKind != JsonValueKind.Array || values.GetArrayLength() != count
                || values.EnumerateArray().Any(v => v.ValueKind != JsonValueKind.Number))
            return [];
        var logProbs = values.EnumerateArray().Select(v => v.GetSingle()).ToArray();
        return Array.TrueForAll(logProbs, float.IsFinite) ? logProbs : [];
    }
}
