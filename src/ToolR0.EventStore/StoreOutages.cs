using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ToolR0.EventStore;

/// <summary>
/// Whether the store answers, told once when it stops and once when it is back, however many calls are waiting for it. To the log, and to
/// whoever listens.
/// </summary>
public sealed class StoreOutages(TimeProvider clock, ILogger<StoreOutages>? logger = null)
{
    private readonly Lock _gate = new();
    private readonly ILogger _logger = logger ?? NullLogger<StoreOutages>.Instance;
    private DateTimeOffset? _since;

    /// <summary>One line for a person. Called from any thread.</summary>
    public event Action<string>? Said;

    /// <summary>Since when the store has not answered; null while it does.</summary>
    public DateTimeOffset? Since
    {
        get
        {
            lock (_gate)
                return _since;
        }
    }

    /// <summary>A call has waited since then and has no answer.</summary>
    public void Away(DateTimeOffset since)
    {
        lock (_gate)
        {
            if (_since is not null)
                return;
            _since = since;
        }

        Say(FormattableString.Invariant($"PostgreSQL does not answer since {since.ToLocalTime():HH:mm:ss}; waiting"));
    }

    /// <summary>A call was answered.</summary>
    public void Answered()
    {
        DateTimeOffset since;
        lock (_gate)
        {
            if (_since is not { } away)
                return;
            (since, _since) = (away, null);
        }

        Say(FormattableString.Invariant($"PostgreSQL answers again after {(clock.GetUtcNow() - since).TotalSeconds:0} s"));
    }

    private void Say(string line)
    {
        _logger.LogWarning("{Line}", line);
        Said?.Invoke(line);
    }
}
