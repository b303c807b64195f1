using System.Globalization;
using Microsoft.Extensions.Logging;

namespace ToolR0.ServiceDefaults;

/// <summary>Log lines of a process whose terminal is taken by progress: to a file that exists only once there is something to say.</summary>
public sealed class FileLog(string path) : ILoggerProvider
{
    private readonly Lock _lock = new();
    private StreamWriter? _writer;

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose()
    {
        lock (_lock)
            _writer?.Dispose();
    }

    private void Write(string line)
    {
        lock (_lock)
        {
            try
            {
                if (_writer is null)
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                    _writer = new StreamWriter(path, append: true) { AutoFlush = true };
                }

                _writer.WriteLine(line);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                // A full disk must not stop the run through its log.
            }
        }
    }

    private sealed class Category(FileLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.Write(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:O} {logLevel} {name}: {formatter(state, exception)} {exception}"));
        }
    }
}
