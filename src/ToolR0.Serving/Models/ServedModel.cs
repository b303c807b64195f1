using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Options;
using ToolR0.Serving.Conversations;

namespace ToolR0.Serving.Models;

/// <summary>A model that answers conversations, many at a time. Thread-safe. Dispose gives up what is being answered.</summary>
public sealed class ServedModel : IDisposable
{
    private readonly Policy _policy;
    private readonly LiveSampler _sampler;

    private ServedModel(Policy policy, string name, PromptOptions? prompts, int places)
    {
        (_policy, Name) = (policy, name);
        Writer = new PromptWriter(policy.Tokenizer, prompts);
        _sampler = new LiveSampler(policy, places);
    }

    /// <summary>What clients call it.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of its weights.</summary>
    public string Sha256 => _policy.Sha256;

    /// <summary>Tokens of prompt and answer together, at most.</summary>
    public int MaxPositions => _policy.Config.MaxPositions;

    /// <summary>Token ids are below this.</summary>
    public int Rows => _policy.Config.VocabularySize;

    /// <summary>Writes its prompts.</summary>
    public PromptWriter Writer { get; }

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Loaded { get; } = DateTimeOffset.UtcNow;

    /// <summary>Completions being sampled.</summary>
    public int Live => _sampler.Live;

    /// <summary>Loads a folder or a GGUF file.</summary>
    /// <param name="name">What clients call it.</param>
    /// <param name="places">Completions sampled at a time.</param>
    /// <exception cref="InvalidDataException">It is no model, or its <see cref="TrainedWith.FileName"/> cannot be read.</exception>
    public static ServedModel Load(string path, string name, int places)
    {
        PromptOptions? prompts;
        try
        {
            prompts = TrainedWith.Read(Directory.Exists(path) ? path : null)?.Prompts;
        }
        catch (OptionsException e)
        {
            throw new UserErrorException(e.Message);
        }

        return new ServedModel(Policy.Load(path), name, prompts, places);
    }

    /// <summary>The ids of a text in which special tokens count as such.</summary>
    public int[] Encode(string text) => _policy.Tokenizer.Encode(text);

    /// <summary>The text that a token stands for, as far as it is one.</summary>
    public string TokenText(int token) => token < _policy.Tokenizer.VocabularySize ? _policy.Tokenizer.TokenText(token) : "";

    /// <summary>Whether an answer ends with this token.</summary>
    public bool Ends(int token) => _policy.Tokenizer.StopTokens.Contains(token);

    /// <summary>A text that grows with an answer's tokens.</summary>
    public AnswerText Text(string opening, IReadOnlyList<string> stop, bool mayCall) => new(_policy.Tokenizer, opening, stop, mayCall);

    /// <summary>Samples one completion.</summary>
    /// <inheritdoc cref="LiveSampler.SampleAsync"/>
    public async Task<Trajectory> SampleAsync(LiveRequest request, Action<int>? onToken, CancellationToken cancellation)
    {
        var sampled = await _sampler.SampleAsync(request, onToken, cancellation);
        return sampled.Finish == FinishReason.Void ? throw new InvalidOperationException(sampled.VoidCause) : sampled;
    }

    public void Dispose()
    {
        _sampler.Dispose();
        _policy.Dispose();
    }
}
