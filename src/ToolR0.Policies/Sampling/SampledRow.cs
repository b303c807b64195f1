using System.Runtime.InteropServices;
using System.Text;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.Policies.Sampling;

/// <summary>One completion in the making.</summary>
/// <param name="stops">False: only the limit ends it.</param>
internal sealed class SampledRow(int group, long seed, Policy policy, SamplingOptions options, IReadOnlyList<string> stop,
    Action<SampledToken>? onToken, Func<int, string, bool>? isHopeless = null, bool stops = true)
{
    private readonly List<int> _tokens = [];
    private readonly List<float> _logProbs = [];

    /// <summary>Tokens that are not special, for stop strings.</summary>
    private readonly List<int> _visible = [];
    private FinishReason _finish;
    private string? _voidCause;

    /// <summary>Index of the request.</summary>
    public int Group => group;

    /// <summary>Tokens at most.</summary>
    public int Limit { get; set; } = options.MaxNewTokens;

    public bool Done { get; private set; }

    /// <summary>How its tokens are drawn.</summary>
    public SamplingOptions Options => options;

    /// <summary>The token to feed next.</summary>
    public int Last => _tokens[^1];

    /// <summary>The uniform number that draws the next token, or the one so many after it.</summary>
    public double Uniform(int ahead) => Randomness.Uniform(seed, _tokens.Count + ahead);

    public void Add(int token, float logProb)
    {
        if (!float.IsFinite(logProb))
        {
            Done = true;
            _voidCause = $"the policy's logits are not finite at token {_tokens.Count}";
            return;
        }

        _tokens.Add(token);
        _logProbs.Add(logProb);
        onToken?.Invoke(new SampledToken(group, seed, token, logProb));
        if (stops && (policy.Tokenizer.StopTokens.Contains(token) || HasStopString()))
            Finish(FinishReason.Stop);
        else if (_tokens.Count >= Limit || IsHopeless(token))
            Finish(FinishReason.Length);
    }

    /// <summary>Ends where it is: nobody wants the rest.</summary>
    public void GiveUp() => Finish(FinishReason.Length);

    /// <summary>Asked after each line, of the text so far.</summary>
    private bool IsHopeless(int token) =>
        isHopeless is not null && Text([token]).Contains('\n') && isHopeless(group, Text(CollectionsMarshal.AsSpan(_tokens)));

    public Trajectory ToTrajectory()
    {
        if (_voidCause is not null)
            return new Trajectory(seed, [], [], "", FinishReason.Void, _voidCause);
        var tokens = _tokens.ToArray();
        var spoken = tokens.Length > 0 && policy.Tokenizer.StopTokens.Contains(tokens[^1]) ? tokens.Length - 1 : tokens.Length;
        return new Trajectory(seed, tokens, [.. _logProbs], Text(tokens.AsSpan(0, spoken)), _finish);
    }

    /// <summary>A model may have more rows than its tokenizer has entries; those decode to nothing.</summary>
    private string Text(ReadOnlySpan<int> tokens)
    {
        var known = policy.Tokenizer.VocabularySize;
        return policy.Tokenizer.Decode(tokens.ContainsAnyExceptInRange(0, known - 1) ? tokens.ToArray().Where(t => t < known).ToArray() : tokens);
    }

    private void Finish(FinishReason reason)
    {
        Done = true;
        _finish = reason;
    }

    /// <summary>A stop string can only be completed by a token whose own text holds the string's last character.</summary>
    private bool HasStopString()
    {
        if (stop.Count == 0)
            return false;
        var text = Text([_tokens[^1]]);
        if (text.Length == 0)
            return false;
        _visible.Add(_tokens[^1]);
        foreach (var end in stop)
        {
            if (end.Length == 0 || (char.IsAscii(end[^1]) && !text.Contains(end[^1])))
                continue;
            // Every visible token is at least a byte, so this many reach back far enough.
            var tail = Math.Min(_visible.Count, Encoding.UTF8.GetByteCount(end));
            if (policy.Tokenizer.Decode(CollectionsMarshal.AsSpan(_visible)[^tail..]).Contains(end, StringComparison.Ordinal))
                return true;
        }

        return false;
    }
}
