using ToolR0.Contracts;
using ToolR0.EventStore;

namespace ToolR0.Reporting;

/// <summary>
/// Folds a run's own stream, in order, into a <see cref="RunReport"/>: what the run's steps say, without a fact of the work. Examples come from
/// <see cref="ReportReader"/>.
/// </summary>
public sealed class ReportFold
{
    private RunState _state = RunState.Empty;
    private string _productVersion = "";
    private DateTimeOffset? _stoppedAt;
    private TimeSpan _stopped;

    public void Add(StoredFact stored)
    {
        _state = _state.Apply(stored);
        switch (stored.Fact)
        {
            case RunStarted started:
                _productVersion = started.ProductVersion;
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

    /// <param name="events">Facts of the run in all its streams.</param>
    /// <exception cref="UserErrorException">The events do not start a run.</exception>
    public RunReport Build(long events)
    {
        if (_state is not { StartedAt: { } startedAt, At: { } endedAt })
            throw new UserErrorException("the run has not started");
        return new RunReport
        {
            State = _state,
            ProductVersion = _productVersion,
            StartedAt = startedAt,
            Events = events,
            WallSeconds = Math.Max(0, (endedAt - startedAt - _stopped).TotalSeconds),
        };
    }
}
