using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using ToolR0.Tokenization.Jinja;

namespace ToolR0.Tokenization;

/// <summary>
/// What a chat template writes between an assistant's turn that made calls and the assistant's next turn: the end of the one, the results, and the
/// beginning of the other. It is what two renderings differ by, so that a conversation is never encoded again.
/// </summary>
public static class ToolResults
{
    private const string Said = "the-assistant-said-this";

    private static readonly ConditionalWeakTable<Tokenizer, ConcurrentDictionary<int, Frame>> Frames = [];

    /// <summary>
    /// The ids to append to a turn. Results are text: nothing in them is a special token. Each is a message of the role tool; where the template
    /// knows no such role, all are one message of the user, in tags.
    /// </summary>
    /// <param name="tokenizer">Of the model.</param>
    /// <param name="results">At least one, in order.</param>
    /// <param name="maxTokens">Of one result; the rest is cut, and an ellipsis says so.</param>
    /// <param name="closed">The turn ends with a token that ends turns, as sampled ones do: the template's own is left out.</param>
    /// <exception cref="InvalidDataException">The template writes no results in either form.</exception>
    public static int[] Encode(Tokenizer tokenizer, IReadOnlyList<string> results, int maxTokens, bool closed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(results.Count, 1);
        var frame = Frames.GetOrCreateValue(tokenizer).GetOrAdd(results.Count, count => Frame.Of(tokenizer, count));
        var first = frame.Parts[0];
        List<int> tokens = [.. closed && first.Length > 0 && tokenizer.StopTokens.Contains(first[0]) ? first[1..] : first];
        for (var i = 0; i < results.Count; i++)
        {
            var text = frame.Escapes ? Escaped(results[i].Trim()) : results[i].Trim();
            var result = tokenizer.EncodeText(text);
            tokens.AddRange(result.Length <= maxTokens ? result : [.. result[..maxTokens], .. tokenizer.EncodeText("…")]);
            tokens.AddRange(frame.Parts[i + 1]);
        }

        return [.. tokens];
    }

    private static string Escaped(string text) => JinjaJson.Quoted(text)[1..^1];

    /// <param name="Parts">Token ids before the first result, between results, after the last.</param>
    /// <param name="Escapes">The template writes results as JSON strings.</param>
    private sealed record Frame(IReadOnlyList<int[]> Parts, bool Escapes)
    {
        public static Frame Of(Tokenizer tokenizer, int count)
        {
            IReadOnlyList<string> marks = [.. Enumerable.Range(0, count).Select(i => $"result-{i}-\"-of-a-call")];
            return Between(tokenizer, [.. marks.Select(mark => new ChatMessage("tool", mark))], marks)
                ?? Between(tokenizer, [new ChatMessage("user", string.Join('\n', marks.Select(Tagged)))], marks)
                ?? throw new InvalidDataException("the chat template writes results of calls neither as messages of the role tool nor in the user's");
        }

        private static string Tagged(string result) => $"<tool_response>{result}</tool_response>";

        private static Frame? Between(Tokenizer tokenizer, IReadOnlyList<ChatMessage> answer, IReadOnlyList<string> marks)
        {
            string text;
            try
            {
                text = tokenizer.RenderChat(
                    [new ChatMessage("user", "what is asked"), new ChatMessage("assistant", Said), .. answer],
                    new ChatOptions { AddGenerationPrompt = true });
            }
            catch (InvalidDataException)
            {
                return null;
            }

            var said = text.LastIndexOf(Said, StringComparison.Ordinal);
            if (said < 0)
                return null;
            var rest = text[(said + Said.Length)..];
            return Cut(tokenizer, rest, marks, escapes: false) ?? Cut(tokenizer, rest, [.. marks.Select(Escaped)], escapes: true);
        }

        private static Frame? Cut(Tokenizer tokenizer, string text, IReadOnlyList<string> marks, bool escapes)
        {
            var texts = new List<string>();
            foreach (var mark in marks)
            {
                var at = text.IndexOf(mark, StringComparison.Ordinal);
                if (at < 0)
                    return null;
                texts.Add(text[..at]);
                text = text[(at + mark.Length)..];
            }

            return new Frame([.. texts.Append(text).Select(tokenizer.Encode)], escapes);
        }
    }
}
