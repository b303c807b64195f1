namespace ToolR0.ToolServers.Confinement;

/// <summary>The last lines of what a program writes. Thread-safe.</summary>
internal sealed class TextTail(int lines, int columns)
{
    private readonly Queue<string> _lines = new();

    public void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        lock (_lines)
        {
            _lines.Enqueue(line.Length > columns ? line[..columns] + "…" : line);
            if (_lines.Count > lines)
                _lines.Dequeue();
        }
    }

    public override string ToString()
    {
        lock (_lines)
            return string.Join(" | ", _lines.Select(line => line.Trim()));
    }
}
