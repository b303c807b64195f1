using System.Text;
using System.Text.RegularExpressions;

namespace ToolR0.Tokenization.Jinja;

internal enum JinjaTokenKind
{
    Text,
    OutputBegin,
    OutputEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Symbol,
    End,
}

internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Value, int Line);

/// <summary>A template that is broken, uses what is not supported, or raises an error itself. The message is for the reader of the
/// template.</summary>
internal sealed class JinjaException(string message, int line = 0) : Exception(line > 0 ? $"line {line}: {message}" : message);

/// <summary>
/// Cuts a template into text and the tokens of its tags. White space goes as in Jinja with trim_blocks and lstrip_blocks on: the newline after a
/// block tag and the blanks before one that starts its line are dropped, <c>-</c> drops all white space on its side and <c>+</c> none.
/// </summary>
internal sealed partial class JinjaLexer
{
    private static readonly string[] Symbols =
        ["==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "="];

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarts = true;

    private JinjaLexer(string source) => _source = source;

    public static List<JinjaToken> Read(string template)
    {
        var source = template.Replace("\r\n", "\n").Replace('\r', '\n');
        if (source.EndsWith('\n'))
            source = source[..^1];
        var lexer = new JinjaLexer(source);
        lexer.Read();
        return lexer._tokens;
    }

    private void Read()
    {
        while (NextTag() is var tag && tag >= 0)
        {
            var kind = _source[tag + 1];
            var sign = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            AddText(_source[_at..tag], kind, sign);
            if (kind == '%' && RawBegin().Match(_source, tag) is { Success: true } raw)
            {
                Raw(raw);
                continue;
            }
            Skip(tag + (sign == '-' || (sign == '+' && kind != '{') ? 3 : 2) - _at);
            if (kind == '#')
                Comment();
            else
                Tag(kind == '{' ? "}}" : "%}");
        }
        AddText(_source[_at..], '\0', '\0');
        Add(JinjaTokenKind.End, "");
    }

    /// <summary>Text in which nothing is a tag but the one that ends it.</summary>
    private void Raw(Match begin)
    {
        Skip(begin.Length);
        AfterTag(begin.Groups[1].Value is [var sign] ? sign : '\0', trimsNewline: false);
        if (RawEnd().Match(_source, _at) is not { Success: true } end)
            throw new JinjaException("'endraw' is missing", _line);
        AddText(_source[_at..end.Index], '%', end.Groups[1].Value is [var before] ? before : '\0');
        Skip(end.Length);
        AfterTag(end.Groups[2].Value is [var after] ? after : '\0', trimsNewline: true);
    }

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*(-?)%\}")]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*([-+]?)%\}")]
    private static partial Regex RawEnd();

    private int NextTag()
    {
        for (var i = _at; i + 1 < _source.Length; i++)
        {
            if (_source[i] == '{' && _source[i + 1] is '{' or '%' or '#')
                return i;
        }
        return -1;
    }

    private void AddText(string text, char kind, char sign)
    {
        var kept = text;
        if (sign == '-')
        {
            kept = text.TrimEnd();
        }
        else if (kind is '%' or '#' && sign != '+')
        {
            var lineStart = text.LastIndexOf('\n') + 1;
            if ((lineStart > 0 || _lineStarts) && text.AsSpan(lineStart).IsWhiteSpace())
                kept = text[..lineStart];
        }
        if (kept.Length > 0)
            Add(JinjaTokenKind.Text, kept);
        Skip(text.Length);
    }

    private void Comment()
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw new JinjaException("a comment is not closed", _line);
        var sign = end > _at ? _source[end - 1] : '\0';
        Skip(end + 2 - _at);
        AfterTag(sign, trimsNewline: true);
    }

    private void Tag(string close)
    {
        var isBlock = close == "%}";
        Add(isBlock ? JinjaTokenKind.BlockBegin : JinjaTokenKind.OutputBegin, "");
        var depth = 0;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
                Skip(1);
            if (_at >= _source.Length)
                throw new JinjaException("a tag is not closed", _line);
            var c = _source[_at];
            var signed = c == '-' || (c == '+' && isBlock);
            if (depth == 0 && string.CompareOrdinal(_source, _at + (signed ? 1 : 0), close, 0, 2) == 0)
            {
                Add(isBlock ? JinjaTokenKind.BlockEnd : JinjaTokenKind.OutputEnd, "");
                Skip(signed ? 3 : 2);
                AfterTag(signed ? c : '\0', trimsNewline: isBlock);
                return;
            }
            if (c is '\'' or '"')
            {
                Text(c);
            }
            else if (char.IsAsciiDigit(c))
            {
                Number();
            }
            else if (c == '_' || char.IsLetter(c))
            {
                var end = _at;
                while (end < _source.Length && (_source[end] == '_' || char.IsLetterOrDigit(_source[end])))
                    end++;
                Add(JinjaTokenKind.Name, _source[_at..end]);
                Skip(end - _at);
            }
            else
            {
                var symbol = Symbols.FirstOrDefault(s => string.CompareOrdinal(_source, _at, s, 0, s.Length) == 0)
                    ?? throw new JinjaException($"'{c}' is not part of an expression", _line);
                depth += symbol is "(" or "[" or "{" ? 1 : symbol is ")" or "]" or "}" ? -1 : 0;
                Add(JinjaTokenKind.Symbol, symbol);
                Skip(symbol.Length);
            }
        }
    }

    private void AfterTag(char sign, bool trimsNewline)
    {
        var start = _at;
        if (sign == '-')
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
                Skip(1);
        }
        else if (sign != '+' && trimsNewline && _at < _source.Length && _source[_at] == '\n')
        {
            Skip(1);
        }
        _lineStarts = _at > start && _source[_at - 1] == '\n';
    }

    private void Text(char quote)
    {
        var text = new StringBuilder();
        var line = _line;
        var i = _at + 1;
        while (i < _source.Length && _source[i] != quote)
        {
            var c = _source[i++];
            if (c != '\\')
            {
                text.Append(c);
                continue;
            }
            if (i >= _source.Length)
                break;
            c = _source[i++];
            switch (c)
            {
                case '\n':
                    break;
                case >= '0' and <= '7':
                    var octal = c - '0';
                    for (var more = 0; more < 2 && i < _source.Length && _source[i] is >= '0' and <= '7'; more++)
                        octal = octal * 8 + (_source[i++] - '0');
                    text.Append((char)octal);
                    break;
                case 'x' or 'u' or 'U':
                    var digits = c switch { 'x' => 2, 'u' => 4, _ => 8 };
                    if (i + digits > _source.Length || !_source.AsSpan(i, digits).ToString().All(char.IsAsciiHexDigit))
                        throw new JinjaException($"'\\{c}' lacks its {digits} hexadecimal digits", line);
                    var code = Convert.ToUInt32(_source.Substring(i, digits), 16);
                    if (code > 0x10FFFF)
                        throw new JinjaException($"'\\{c}' writes no character", line);
                    text.Append(code > 0xFFFF ? char.ConvertFromUtf32((int)code) : ((char)code).ToString());
                    i += digits;
                    break;
                default:
                    text.Append(c switch
                    {
                        'n' => "\n",
                        't' => "\t",
                        'r' => "\r",
                        'b' => "\b",
                        'f' => "\f",
                        'v' => "\v",
                        'a' => "\a",
                        '\\' => "\\",
                        '\'' => "'",
                        '"' => "\"",
                        _ when char.IsAsciiLetterOrDigit(c) => throw new JinjaException($"the escape '\\{c}' is not supported", line),
                        _ => $"\\{c}",
                    });
                    break;
            }
        }
        if (i >= _source.Length)
            throw new JinjaException("a string is not closed", line);
        _tokens.Add(new JinjaToken(JinjaTokenKind.String, text.ToString(), line));
        Skip(i + 1 - _at);
    }

    private void Number()
    {
        var end = Digits(_at);
        if (_source[_at] == '0' && end == _at + 1 && end + 1 < _source.Length && _source[end] is 'x' or 'X' or 'o' or 'O' or 'b' or 'B'
            && char.IsAsciiHexDigit(_source[end + 1]))
        {
            end++;
            while (end < _source.Length && (char.IsAsciiHexDigit(_source[end]) || _source[end] == '_'))
                end++;
            Add(JinjaTokenKind.Integer, _source[_at..end]);
            Skip(end - _at);
            return;
        }
        var isFloat = end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1]);
        if (isFloat)
        {
            end = Digits(end + 1);
        }
        var exponent = end + 1 < _source.Length && _source[end] is 'e' or 'E' ? end + (_source[end + 1] is '+' or '-' ? 2 : 1) : _source.Length;
        if (exponent < _source.Length && char.IsAsciiDigit(_source[exponent]))
        {
            isFloat = true;
            end = Digits(exponent);
        }
        if (end < _source.Length && (_source[end] == '_' || char.IsLetter(_source[end])))
            throw new JinjaException($"the number '{_source[_at..(end + 1)]}' is not supported", _line);
        Add(isFloat ? JinjaTokenKind.Float : JinjaTokenKind.Integer, _source[_at..end]);
        Skip(end - _at);
    }

    /// <summary>Behind digits, between which '_' may stand.</summary>
    private int Digits(int at)
    {
        while (at < _source.Length
            && (char.IsAsciiDigit(_source[at]) || _source[at] == '_' && at + 1 < _source.Length && char.IsAsciiDigit(_source[at + 1])))
            at++;
        return at;
    }

    private void Add(JinjaTokenKind kind, string value) => _tokens.Add(new JinjaToken(kind, value, _line));

    private void Skip(int count)
    {
        _line += _source.AsSpan(_at, count).Count('\n');
        _at += count;
    }
}
