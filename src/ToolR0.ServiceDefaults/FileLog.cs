using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace ToolR0.ServiceDefaults;

/// <summary>
/// Log lines of a process whose terminal is taken by progress: to a file that exists only once there is something to say. A line names the run, step
/// and group that it is about.
/// </summary>
public sealed class FileLog(string path) : ILoggerProvider, ISupportExternalScope
{
    private readonly Lock _lock = new();
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();
    private StreamWriter? _writer;

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

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

    private string Scopes()
    {
        var text = new StringBuilder();
        _scopes.ForEachScope((scope, into) => into.Append(CultureInfo.InvariantCulture, $" [{scope}]"), text);
        return text.ToString();
    }

    private sealed class Category(FileLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => log._scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.Write(string.Create(CultureInfo.InvariantCulture,
                    $"{DateTime.UtcNow:O} {logLevel} {name}:{log.Scopes()} {formatter(state, exception)} {exception}"));
        }
    }
}
