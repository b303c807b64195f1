using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>
/// Reads what language models write where JSON was asked for: JSON, JSON in a ``` fence, and Python literals (single quotes,
/// True / False / None, tuples, trailing commas). Text containing "..." does not parse unless it is asked for: it is an echo of an example. Never
/// throws. The value given back is strict JSON; NUL and lone surrogates, which no store keeps, become U+FFFD.
/// </summary>
public static class RelaxedJson
{
    private const int MaxDepth = 32;
    private const string Fence = "```";

    /// <summary>Parses the whole text as one value.</summary>
    /// <param name="ellipsis">
    /// Whether "..." may stand in strings. Rewards do not allow it (the method's rule); benchmarks do, where it may be a legitimate argument.
    /// </param>
    public static bool TryParse(string? text, out JsonElement value, bool ellipsis = false)
    {
        value = default;
        if (string.IsNullOrWhiteSpace(text) || !ellipsis && text.Contains("...", StringComparison.Ordinal))
            return false;

        var scanner = new Scanner(StripFence(text));
        if (!scanner.TryRun(out var json))
            return false;

        using var document = JsonDocument.Parse(json);
        value = document.RootElement.Clone();
        return true;
    }

    /// <summary>The characters at the beginning of the text that are one value, with a ``` fence around it if there is one; -1 if it begins with
    /// none.</summary>
    /// <param name="read">The characters that were looked at.</param>
    internal static int LengthOfValue(ReadOnlySpan<char> text, out int read)
    {
        var at = SkipSpace(text, 0);
        var fenced = text[at..].StartsWith(Fence);
        if (fenced)
        {
            at += Fence.Length;
            while (at < text.Length && IsOfWord(text[at]))
                at++;
        }

        var scanner = new Scanner(text[at..]);
        var isValue = scanner.TryValue(out var length);
        read = at += length;
        if (!isValue)
            return -1;
        at = SkipSpace(text, at);
        if (!fenced)
            return at;
        return text[at..].StartsWith(Fence) ? SkipSpace(text, at + Fence.Length) : -1;
    }

    private static int SkipSpace(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
        return at;
    }

    private static bool IsOfWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    /// <summary>The inside of a ``` fence (with or without a language word like json or tool_call), or the text itself, trimmed.</summary>
    public static ReadOnlySpan<char> StripFence(string text)
    {
        var span = text.AsSpan().Trim();
        if (!span.StartsWith(Fence))
            return span;

        span = span[Fence.Length..];
        var word = 0;
        while (word < span.Length && IsOfWord(span[word]))
            word++;
        var inside = span[word..];
        var end = inside.LastIndexOf(Fence);
        return (end < 0 ? inside : inside[..end]).Trim();
    }

    private ref struct Scanner(ReadOnlySpan<char> text)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private readonly StringBuilder _json = new(Math.Min(text.Length, 1024) + 16);
        private int _at;

        public bool TryRun(out string json)
        {
            var whole = Value(0) && AtEnd();
            json = whole ? _json.ToString() : "";
            return whole;
        }

        /// <summary>Reads the value that the text begins with.</summary>
        /// <param name="length">The characters that were read, also where they are no value.</param>
        public bool TryValue(out int length)
        {
            var isValue = Value(0);
            length = _at;
            return isValue;
        }

        private bool AtEnd()
        {
            SkipSpace();
            return _at == _text.Length;
        }

        private void SkipSpace()
        {
            while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
                _at++;
        }

        private bool Take(char expected)
        {
            SkipSpace();
            if (_at >= _text.Length || _text[_at] != expected)
                return false;
            _at++;
            return true;
        }

        private bool Value(int depth)
        {
            SkipSpace();
            if (_at >= _text.Length || depth > MaxDepth)
                return false;
            switch (_text[_at])
            {
                case '{':
                    return Object(depth);
                case '[':
                    _at++;
                    return Items(']', depth);
                case '(':
                    return Tuple(depth);
                case '"' or '\'':
                    return String();
                default:
                    return Number() || Word();
            }
        }

        private bool Object(int depth)
        {
            _at++;
            _json.Append('{');
            for (var first = true; !Take('}'); first = false)
            {
                if (!first)
                {
                    if (!Take(','))
                        return false;
                    if (Take('}'))
                        break;
                    _json.Append(',');
                }

                SkipSpace();
                if (_at >= _text.Length || _text[_at] is not ('"' or '\'') || !String() || !Take(':'))
                    return false;
                _json.Append(':');
                if (!Value(depth + 1))
                    return false;
            }

            _json.Append('}');
            return true;
        }

        private bool Items(char close, int depth)
        {
            _json.Append('[');
            return Take(close) ? Close() : Value(depth + 1) && Rest(close, depth);
        }

        /// <summary>What follows a list's first item.</summary>
        private bool Rest(char close, int depth)
        {
            while (!Take(close))
            {
                if (!Take(','))
                    return false;
                if (Take(close))
                    break;
                _json.Append(',');
                if (!Value(depth + 1))
                    return false;
            }

            return Close();
        }

        private readonly bool Close()
        {
            _json.Append(']');
            return true;
        }

        /// <summary>(a, b) and (a,) are lists; (a) is a.</summary>
        private bool Tuple(int depth)
        {
            _at++;
            var start = _json.Length;
            if (Take(')'))
            {
                _json.Append('[');
                return Close();
            }

            if (!Value(depth + 1))
                return false;
            if (Take(')'))
                return true;
            _json.Insert(start, '[');
            return Rest(')', depth);
        }

        private bool Word()
        {
            ReadOnlySpan<(string Written, string Json)> words =
                [("true", "true"), ("false", "false"), ("null", "null"), ("True", "true"), ("False", "false"), ("None", "null")];
            foreach (var (written, json) in words)
            {
                if (!_text[_at..].StartsWith(written, StringComparison.Ordinal))
                    continue;
                var end = _at + written.Length;
                if (end < _text.Length && (char.IsLetterOrDigit(_text[end]) || _text[end] == '_'))
                    return false;
                _at = end;
                _json.Append(json);
                return true;
            }

            return false;
        }

        /// <summary>JSON numbers and Python's +5, .5 and 5. as well.</summary>
        private bool Number()
        {
            var at = _at;
            var negative = false;
            if (_text[at] is '-' or '+')
                negative = _text[at++] == '-';
            var whole = Digits(ref at);
            var fraction = ReadOnlySpan<char>.Empty;
            if (at < _text.Length && _text[at] == '.')
            {
                at++;
                fraction = Digits(ref at);
            }

            if (whole.IsEmpty && fraction.IsEmpty || whole.Length > 1 && whole[0] == '0')
                return false;
            var exponent = ReadOnlySpan<char>.Empty;
            var exponentSign = '+';
            if (at < _text.Length && _text[at] is 'e' or 'E')
            {
                at++;
                if (at < _text.Length && _text[at] is '-' or '+')
                    exponentSign = _text[at++];
                exponent = Digits(ref at);
                if (exponent.IsEmpty)
                    return false;
            }

            if (at < _text.Length && (char.IsLetterOrDigit(_text[at]) || _text[at] is '_' or '.'))
                return false;
            if (negative)
                _json.Append('-');
            _json.Append(whole.IsEmpty ? "0" : whole);
            if (!fraction.IsEmpty)
                _json.Append('.').Append(fraction);
            if (!exponent.IsEmpty)
                _json.Append('e').Append(exponentSign).Append(exponent);
            _at = at;
            return true;
        }

        private readonly ReadOnlySpan<char> Digits(scoped ref int at)
        {
            var start = at;
            while (at < _text.Length && char.IsAsciiDigit(_text[at]))
                at++;
            return _text[start..at];
        }

        private bool String()
        {
            var quote = _text[_at++];
            _json.Append('"');
            while (_at < _text.Length)
            {
                var c = _text[_at++];
                if (c == quote)
                {
                    _json.Append('"');
                    return true;
                }

                if (c is '\n' or '\r')
                    return false;
                if (c == '\\')
                {
                    if (!Escape())
                        return false;
                }
                else if (char.IsHighSurrogate(c) && _at < _text.Length && char.IsLowSurrogate(_text[_at]))
                {
                    _json.Append(c).Append(_text[_at++]);
                }
                else
                {
                    Append(c);
                }
            }

            return false;
        }

        private bool Escape()
        {
            if (_at >= _text.Length)
                return false;
            var c = _text[_at++];
            switch (c)
            {
                case 'n': Append('\n'); return true;
                case 't': Append('\t'); return true;
                case 'r': Append('\r'); return true;
                case 'b': Append('\b'); return true;
                case 'f': Append('\f'); return true;
                case '"' or '\'' or '\\' or '/': Append(c); return true;
                case 'x': return Code(2);
                case 'u': return Code(4);
                case 'U': return Code(8);
                case '\r' or '\n': return false;
                default:
                    // Python keeps the backslash of an escape that it does not know.
                    Append('\\');
                    _at--;
                    return true;
            }
        }

        private bool Code(int digits)
        {
            if (!Hex(_at, digits, out var code))
                return false;
            _at += digits;
            if (code > 0x10FFFF)
                return false;
            if (code is >= 0xD800 and <= 0xDBFF && _at + 6 <= _text.Length && _text[_at] == '\\' && _text[_at + 1] == 'u'
                && Hex(_at + 2, 4, out var low) && low is >= 0xDC00 and <= 0xDFFF)
            {
                _json.Append((char)code).Append((char)low);
                _at += 6;
            }
            else if (code > 0xFFFF)
            {
                _json.Append(char.ConvertFromUtf32((int)code));
            }
            else
            {
                Append((char)code);
            }

            return true;
        }

        private readonly bool Hex(int at, int digits, out uint code)
        {
            code = 0;
            return at + digits <= _text.Length
                && uint.TryParse(_text.Slice(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code);
        }

        /// <summary>One UTF-16 unit that is not part of a pair.</summary>
        private readonly void Append(char c)
        {
            if (c is '"' or '\\')
                _json.Append('\\').Append(c);
            else if (c == '\0' || char.IsSurrogate(c))
                _json.Append('\uFFFD');
            else if (c < ' ')
                _json.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                _json.Append(c);
        }
    }
}
