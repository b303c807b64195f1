namespace ToolR0.Reporting;

/// <summary>Lengths of time as a person reads them.</summary>
public static class Durations
{
    /// <summary>"42 s", "3 min 05 s" or "2 h 10 min"; a negative one counts as 0.</summary>
    public static string Text(TimeSpan span) => span.TotalSeconds < 60
        ? FormattableString.Invariant($"{Math.Max(0, span.TotalSeconds):0} s")
        : FormattableString.Invariant($"{Math.Floor(span.TotalMinutes):0} min {span.Seconds:00} s");
}
