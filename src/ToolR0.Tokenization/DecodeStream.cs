using System.Text;

namespace ToolR0.Tokenization;

/// <summary>Decodes tokens as they arrive: what it returns, put together, is what <see cref="Tokenizer.Decode"/> gives for all of them. Not thread
/// safe.</summary>
public sealed class DecodeStream
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    internal DecodeStream(Tokenizer tokenizer, bool skipSpecial)
    {
        _tokenizer = tokenizer;
        _skipSpecial = skipSpecial;
    }

    /// <summary>The text that this token completes. Bytes of a character whose end has not come yet are kept back.</summary>
    public string Append(int token) => Decode(_tokenizer.BytesOf(token, _skipSpecial), flush: false);

    /// <summary>What was kept back, as U+FFFD, or nothing. The stream can be used afresh afterwards.</summary>
    public string Finish() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[_decoder.GetCharCount(bytes, flush)];
        return new string(chars, 0, _decoder.GetChars(bytes, chars, flush));
    }
}
