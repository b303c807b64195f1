using System.Globalization;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;

namespace ToolR0.ServiceDefaults;

/// <summary>
/// Log lines of a service's process, on standard output, each with the run, step and group that it is about. TOOLR0_LOG: <c>text</c> (the default) or
/// <c>json</c>, one object a line. TOOLR0_LOG_LEVEL: of our own lines (Information); libraries say what is at least a warning.
/// </summary>
internal static class ServiceLog
{
    public static void ToConsole(ILoggingBuilder logging)
    {
        logging.AddFilter("ToolR0", Level());
        switch (Environment.GetEnvironmentVariable("TOOLR0_LOG"))
        {
            case null or "" or "text":
                logging.AddSimpleConsole(console =>
                {
                    console.SingleLine = true;
                    console.IncludeScopes = true;
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                });
                break;
            case "json":
                logging.AddJsonConsole(console =>
                {
                    console.IncludeScopes = true;
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = "O";
                });
                break;
            case var other:
                throw new UserErrorException($"TOOLR0_LOG is '{other}': it must be text or json");
        }
    }

    private static LogLevel Level() => Environment.GetEnvironmentVariable("TOOLR0_LOG_LEVEL") is not { Length: > 0 } text ? LogLevel.Information
        : Enum.TryParse<LogLevel>(text, ignoreCase: true, out var level) && !int.TryParse(text, CultureInfo.InvariantCulture, out _) ? level
        : throw new UserErrorException($"TOOLR0_LOG_LEVEL is '{text}': it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}");
}
