namespace ToolR0.Contracts.Options;

public enum InferenceEngine
{
    /// <summary>The workers sample themselves.</summary>
    Local,

    /// <summary>Servers with the completions endpoint of OpenAI's interface, such as vLLM's.</summary>
    OpenAi,
}

/// <summary>Where completions are sampled: proposals, probes, verification, training attempts, evaluation, judgements.</summary>
public sealed record InferenceOptions
{
    public InferenceEngine Engine { get; init; } = InferenceEngine.Local;
    public ServedPolicyOptions Generator { get; init; } = new();
    public ServedPolicyOptions Solver { get; init; } = new();

    /// <summary>Limit of one request, in seconds.</summary>
    public double TimeoutSeconds { get; init; } = 600;

    /// <summary>Further tries of a request that timed out or met a busy or broken server, after 0.5, 1, 2, … up to 30 seconds.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>Requests of one shard in flight.</summary>
    public int Concurrency { get; init; } = 64;

    /// <summary>
    /// The server's log-probabilities are those at the sampling temperature (vLLM: <c>--logprobs-mode processed_logprobs</c>). False: of
    /// softmax(logits), so that they count as unknown where the temperature is neither 0 nor 1.
    /// </summary>
    public bool ProcessedLogProbs { get; init; }

    /// <summary>C: a token counts min(π/μ, C) times, π the learner's probability of it before the step and μ the server's.</summary>
    public double ImportanceCap { get; init; } = 2;
}

/// <summary>A policy on an outside server.</summary>
public sealed record ServedPolicyOptions
{
    /// <summary>Base address, e.g. http://localhost:8000/v1.</summary>
    public string Url { get; init; } = "";

    /// <summary>The model's name there; <c>{policy}</c> in it stands for the policy's SHA-256.</summary>
    public string Model { get; init; } = "";

    /// <summary>
    /// Told by HTTP POST which policy to serve before the first request and whenever it changes: JSON with role, policy, model and folder. Empty: the
    /// worker's own TOOLR0_RELOAD_COMMAND is run instead.
    /// </summary>
    public string ReloadUrl { get; init; } = "";
}
