using System.Diagnostics;
using System.Text;
using ToolR0.Policies.Sampling;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Benchmarks;

/// <summary>The speed of a tokenizer on mixed text.</summary>
/// <param name="MegabytesPerSecond">UTF-8 bytes encoded, 10⁶ a second, on one thread.</param>
/// <param name="DecodeMegabytesPerSecond">The same text back from its ids.</param>
/// <param name="Utf8MegabytesPerSecond">The machine's limit of the same kind: the text only turned into UTF-8 and back.</param>
public sealed record TokenizerResult(long Bytes, int Tokens, double MegabytesPerSecond, double DecodeMegabytesPerSecond,
    double Utf8MegabytesPerSecond)
{
    private const string Paragraph =
        """
        Convert 3 miles to kilometres, then book a table for 2 at 19:30 — is "Café Élan" open on 2026-01-17?
        <tool_call_answer>[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}},
        {"name":"book_table","arguments":{"seats":2,"time":"19:30"}}]</tool_call_answer>
            for i in range(1024): total += weights[i] * 3.14159265358979  # 积分 と 文字 🙂
        The quick brown fox doesn't jump over it's lazy neighbour's fence; they've all been there 1234567890 times.

        """;

    /// <param name="bytes">Text to encode, at least.</param>
    public static TokenizerResult Measure(Tokenizer tokenizer, int bytes, int repeats)
    {
        var builder = new StringBuilder();
        // A number that changes keeps a cache of whole words from seeing the same text again and again.
        for (var i = 0; builder.Length < bytes; i++)
            builder.Append(Paragraph).Append(Randomness.Bits(i, 0)).Append('\n');
        var text = builder.ToString();
        var raw = Encoding.UTF8.GetBytes(text);
        var ids = tokenizer.Encode(text);
        return new TokenizerResult(
            raw.Length,
            ids.Length,
            raw.Length / 1e6 / Median(() => tokenizer.Encode(text)),
            raw.Length / 1e6 / Median(() => tokenizer.Decode(ids)),
            raw.Length / 1e6 / Median(() => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))));

        double Median(Action work) => Enumerable.Range(0, repeats).Select(_ =>
        {
            var started = Stopwatch.GetTimestamp();
            work();
            return Stopwatch.GetElapsedTime(started).TotalSeconds;
        }).Order().ElementAt(repeats / 2);
    }
}
