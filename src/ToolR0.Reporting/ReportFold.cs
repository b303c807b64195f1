
using ToolR0.Contracts;
using ToolR0.EventStore;

namespace ToolR0.Reporting;

/// <summary>
/// Folds a run's events, in order, into a <see cref="RunReport"/>. Holds the run's state, not its events, so that a run of any size fits; the
/// examples are read afterwards from the streams that <see cref="ReportReader"/> picks.
/// </summary>
public sealed class ReportFold
{
    private RunState _state = RunState.Empty;
    private string _productVersion = "";
    private DateTimeOffset? _stoppedAt;
    private TimeSpan _stopped;
    private long _events;
    private long _tokens;
    private readonly Dictionary<string, (string Stream, TaskRejected Fact)> _refused = new(StringComparer.Ordinal);

    public void Add(StoredFact stored)
    {
        _events++;
        _state = _state.Apply(stored);
        switch (stored.Fact)
        {
            case RunStarted started:
                _productVersion = started.ProductVersion;
                break;
            case TasksProposed proposed:
                _tokens += proposed.Samples.Sum(sample => (long)sample.Tokens.Length);
                break;
            case TaskAttempted attempted:
                _tokens += attempted.Samples.Sum(sample => (long)sample.Tokens.Length);
                break;
            case TaskRejected rejected:
                _refused[rejected.Reason] = (stored.Stream, rejected);
                break;
            case RunPaused or RunFailed:
                _stoppedAt ??= stored.At;
                break;
            case RunResumed when _stoppedAt is { } since:
                _stopped += stored.At - since;
                _stoppedAt = null;
                break;
        }
    }

    /// <exception cref="UserErrorException">The events do not start a run.</exception>
    public RunReport Build()
    {
        if (_state is not { StartedAt: { } startedAt, At: { } endedAt })
            throw new UserErrorException("the run has not started");
        return new RunReport
        {
            State = _state,
            ProductVersion = _productVersion,
            StartedAt = startedAt,
            Events = _events,
            Tokens = _tokens,
            Refused = _refused,
            WallSeconds = Math.Max(0, (endedAt - startedAt - _stopped).TotalSeconds),
        };
    }
}
