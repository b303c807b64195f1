using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Sampling;

namespace ToolR0.Testing;

/// <summary>How a server tells the ids of its tokens.</summary>
public enum Tells
{
    /// <summary>As vLLM does when asked with return_token_ids.</summary>
    TokenIds,

    /// <summary>As names token_id:N in the log-probabilities.</summary>
    TokenNames,

    /// <summary>Text and log-probabilities only.</summary>
    TextOnly,
}

/// <summary>A small server with OpenAI's completions endpoint and a reload hook, over a policy of this process.</summary>
public sealed class ConformingServer : IDisposable
{
    private readonly LocalServer _server;
    private readonly Lock _lock = new();
    private Policy _policy;
    private bool _owned;
    private int _active;

    public ConformingServer(Policy policy)
    {
        _policy = policy;
        _server = new LocalServer(Answer, "127.0.0.1");
        Root = $"http://127.0.0.1:{_server.Port}";
    }

    public string Root { get; }

    public Tells Tells { get; set; }

    /// <summary>Answers to give before completions work: status codes; 0 lets the request hang.</summary>
    public ConcurrentQueue<int> Faults { get; } = [];

    public ConcurrentBag<JsonObject> Requests { get; } = [];

    /// <summary>Bodies of the reload hook, in order.</summary>
    public ConcurrentQueue<JsonObject> Reloads { get; } = [];

    /// <summary>A policy was exchanged while completions were being sampled.</summary>
    public bool ReloadedInUse { get; private set; }

    /// <summary>Added to every log-probability, as an engine with other rounding would.</summary>
    public float Shift { get; set; }

    public InferenceOptions Options => new()
    {
        Engine = InferenceEngine.OpenAi,
        Generator = new ServedPolicyOptions { Url = Root + "/v1", Model = "generator", ReloadUrl = Root + "/reload" },
        Solver = new ServedPolicyOptions { Url = Root + "/v1/", Model = "solver-{policy}", ReloadUrl = Root + "/reload" },
        TimeoutSeconds = 20,
    };

    public void Dispose()
    {
        _server.Dispose();
        if (_owned)
            _policy.Dispose();
    }

    private void Answer(HttpListenerContext context)
    {
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        var body = JsonNode.Parse(reader.ReadToEnd())!.AsObject();
        if (context.Request.Url!.AbsolutePath == "/reload")
        {
            Reload(body);
            Reply(context, 200, "{}");
            return;
        }

        if (context.Request.Url.AbsolutePath != "/v1/completions")
        {
            Reply(context, 404, """{"error":"no such place"}""");
            return;
        }

        Requests.Add(body);
        if (Faults.TryDequeue(out var fault))
        {
            if (fault != 0)
                Reply(context, fault, $$"""{"error":"fault {{fault}}"}""");
            return;
        }

        Reply(context, 200, Complete(body));
    }

    private void Reload(JsonObject body)
    {
        var policy = Policy.Load((string)body["folder"]!);
        lock (_lock)
        {
            ReloadedInUse |= _active > 0;
            (var old, _policy) = (_policy, policy);
            if (_owned)
                old.Dispose();
            _owned = true;
        }

        Reloads.Enqueue(body);
    }

    private string Complete(JsonObject body)
    {
        Interlocked.Increment(ref _active);
        try
        {
            var policy = _policy;
            var options = new SamplingOptions
            {
                Temperature = (double)body["temperature"]!,
                TopP = (double)body["top_p"]!,
                MaxNewTokens = (int)body["max_tokens"]!
            };
            var row = Sampler.Sample(policy, [new SampleRequest(body["prompt"].Deserialize<int[]>()!, [(long)body["seed"]!])], options, [])[0][0];
            var choice = new JsonObject
            {
                ["index"] = 0,
                ["text"] = row.Text,
                ["finish_reason"] = row.Finish == FinishReason.Stop ? "stop" : "length",
                ["logprobs"] = new JsonObject
                {
                    ["tokens"] = new JsonArray(
                        [.. row.Tokens.Select(t => JsonValue.Create(Tells == Tells.TokenNames ? $"token_id:{t}" : policy.Tokenizer.TokenText(t)))]),
                    ["token_logprobs"] = new JsonArray([.. row.LogProbs.Select(p => JsonValue.Create(p + Shift))]),
                },
            };
            if (Tells == Tells.TokenIds)
                choice["token_ids"] = new JsonArray([.. row.Tokens.Select(t => JsonValue.Create(t))]);
            return new JsonObject { ["object"] = "text_completion", ["choices"] = new JsonArray(choice) }.ToJsonString();
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private static void Reply(HttpListenerContext context, int status, string text)
    {
        try
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            context.Response.Close(Encoding.UTF8.GetBytes(text), willBlock: true);
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
        {
            // The client has gone.
        }
    }
}
