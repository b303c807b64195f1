using ToolR0.Contracts;
using ToolR0.Serving.Conversations;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.Serving.Agents;

/// <summary>What an agent shows and asks in a terminal, or in a file where there is none.</summary>
/// <param name="isPerson">False where input is redirected: each line is a question, and nobody is there to be asked.</param>
public sealed class AgentConsole(TextReader input, TextWriter output, bool isPerson)
{
    private const int LongestResult = 2000;

    /// <summary>The next question; null at the end of the input.</summary>
    public async Task<string?> QuestionAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (isPerson)
                await ShowAsync("\n> ");
            var line = await ReadAsync(cancellation);
            if (line is null)
                return null;
            if (line.Trim() is not { Length: > 0 } question)
                continue;
            if (!isPerson)
                await output.WriteLineAsync($"> {question}");
            return question;
        }
    }

    /// <summary>Text as it comes.</summary>
    public async Task ShowAsync(string text)
    {
        await output.WriteAsync(text);
        await output.FlushAsync();
    }

    public Task NoteAsync(string line) => output.WriteLineAsync($"({line})");

    public Task CallAsync(ToolCall call) => output.WriteLineAsync($"→ {Written(call)}");

    public async Task ResultAsync(CallResult result)
    {
        foreach (var repair in result.Repairs)
            await NoteAsync($"repaired {repair}");
        await output.WriteLineAsync(result.Fault == CallFault.None
            ? $"← {(result.Text.Length > LongestResult ? $"{result.Text[..LongestResult]}… ({result.Text.Length} characters)" : result.Text)}"
            : $"← failed: {result.Error}{(result.DeliveryUnknown ? " (it may have been carried out)" : "")}");
    }

    /// <summary>Whether a person agrees to a call; no where there is none.</summary>
    public async Task<bool> AgreesAsync(ToolCall call, bool changes, CancellationToken cancellation)
    {
        var why = changes ? $"{call.Name} may change something" : $"{call.Name} is read-only";
        if (!isPerson)
        {
            await NoteAsync($"not called: {why}, and nobody is here to be asked");
            return false;
        }

        await ShowAsync($"{why}. Call it? [y/N] ");
        return (await ReadAsync(cancellation))?.Trim().ToLowerInvariant() is "y" or "yes";
    }

    /// <summary>A terminal's reader does not hear of cancellation: what it waits for is left to itself.</summary>
    private Task<string?> ReadAsync(CancellationToken cancellation) => Task.Run(input.ReadLine, cancellation).WaitAsync(cancellation);

    private static string Written(ToolCall call) =>
        $"{call.Name}({string.Join(", ", call.Arguments.Select(argument => $"{argument.Key}: {CallText.Of(argument.Value)}"))})";
}
