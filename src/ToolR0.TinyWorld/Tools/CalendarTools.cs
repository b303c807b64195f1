using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Dates without a clock: nothing depends on today.</summary>
internal static class CalendarTools
{
    private static readonly Dictionary<string, int> Weekdays = Numbered(
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);

    private static readonly Dictionary<string, int> Months = Numbered(
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"]);

    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["shift_weekday"] = (a, _) => ShiftWeekday(a.Lookup("day", Weekdays), a.Integer("offset")),
        ["count_days"] = (a, _) => DateTime.DaysInMonth(a.Integer("year", 1, 9999), a.Lookup("month", Months) + 1),
        ["leap_year"] = (a, _) => DateTime.IsLeapYear(a.Integer("number", 1, 9999)),
        ["wind_clock"] = (a, _) =>
            new TimeOnly(a.Integer("hour", 0, 23), 0).AddMinutes(a.Integer("minutes", -1_000_000, 1_000_000)).ToString("HH:mm"),
        ["locate_date"] = (a, _) => DayOfYear(a.Lookup("month", Months) + 1, a.Integer("day", 1, 31)),
        ["span_century"] = (a, _) => (a.Integer("end") - a.Integer("start")) / 100,
    };

    private static Dictionary<string, int> Numbered(string[] names) => names.Select((name, i) => (name, i)).ToDictionary(x => x.name, x => x.i);

    private static string ShiftWeekday(int day, long offset) => Weekdays.Keys.ElementAt((int)((day + (offset % 7) + 7) % 7));

    /// <summary>Day of a year that is not a leap year.</summary>
    private static int DayOfYear(int month, int day) => day <= DateTime.DaysInMonth(2001, month)
        ? new DateOnly(2001, month, day).DayOfYear
        : throw new ToolArgumentException($"day is {day}: the month has {DateTime.DaysInMonth(2001, month)} days");
}
