using System.Globalization;
using System.Text;

namespace ToolR0.Tokenization;

/// <summary>
/// Writes an Oniguruma expression (Ruby syntax, as in tokenizer.json) for .NET: possessive quantifiers become atomic groups, and letters whose
/// Unicode case folding .NET does not know (ſ for s, the Kelvin sign for k) are spelled out. What has another meaning in .NET is refused.
/// </summary>
internal sealed class RegexTranslator
{
    private const int LongestPattern = 4096;
    private const string EscapedLetters = "sSdDrntfvA";
    private static readonly string[] Groups = ["?:", "?i:", "?=", "?!", "?<=", "?<!", "?>"];
    private static readonly HashSet<string> Properties =
    [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co", "Cn",
    ];

    private readonly string _pattern;

    /// <summary>Null while the expression is read for the first time, to learn what it names.</summary>
    private readonly StandIns? _standIns;
    private readonly List<(int From, int To)> _named = [];
    private readonly List<IReadOnlyList<(int From, int To)>> _classes = [];
    private readonly StringBuilder _out = new();
    private readonly Stack<(int Start, bool IgnoreCase)> _groups = new();
    private int _at;
    private bool _ignoreCase;

    private RegexTranslator(string pattern, StandIns? standIns) => (_pattern, _standIns) = (pattern, standIns);

    /// <summary>The expression for .NET, and what it is to be shown for code points above U+FFFF.</summary>
    /// <exception cref="FormatException">A construct is not supported; the message names it.</exception>
    public static (string Pattern, StandIns StandIns) Translate(string pattern)
    {
        if (pattern.Length > LongestPattern)
            throw new FormatException($"the expression is longer than {LongestPattern} characters");
        var first = new RegexTranslator(pattern, null);
        first.Translate();
        var standIns = new StandIns(first._classes, first._named);
        return (new RegexTranslator(pattern, standIns).Translate(), standIns);
    }

    private string Translate()
    {
        while (_at < _pattern.Length)
        {
            var atom = _out.Length;
            switch (_pattern[_at])
            {
                case '(':
                    OpenGroup();
                    continue;
                case ')':
                    if (_groups.Count == 0)
                        throw Unsupported("an unmatched ')'");
                    (atom, _ignoreCase) = _groups.Pop();
                    _out.Append(')');
                    _at++;
                    break;
                case '[':
                    Class();
                    break;
                case '\\':
                    Escape();
                    break;
                case '|' or '^' or '$':
                    _out.Append(_pattern[_at++]);
                    continue;
                case '*' or '+' or '?':
                    throw Unsupported($"a '{_pattern[_at]}' with nothing to repeat");
                default:
                    var codePoint = CodePoint(out var length);
                    _at += length;
                    if (codePoint > char.MaxValue)
                        Class([(codePoint, codePoint)]);
                    else
                        Literal((char)codePoint, inClass: false);
                    break;
            }
            Quantifiers(atom);
        }
        return _groups.Count == 0 ? _out.ToString() : throw Unsupported("an unclosed '('");
    }

    private void OpenGroup()
    {
        var start = _out.Length;
        _groups.Push((start, _ignoreCase));
        _at++;
        if (_at >= _pattern.Length || _pattern[_at] != '?')
        {
            _out.Append("(?:");
            return;
        }
        var kind = Groups.FirstOrDefault(g => string.CompareOrdinal(_pattern, _at, g, 0, g.Length) == 0)
            ?? throw Unsupported($"the group '({_pattern[_at..Math.Min(_pattern.Length, _at + 3)]}'");
        _ignoreCase |= kind == "?i:";
        _out.Append('(').Append(kind);
        _at += kind.Length;
    }

    private void Class()
    {
        _out.Append('[');
        _at++;
        if (_at < _pattern.Length && _pattern[_at] == '^')
            _out.Append(_pattern[_at++]);
        var above = new List<(int From, int To)>();
        for (var first = true; ; first = false)
        {
            if (_at >= _pattern.Length)
                throw Unsupported("an unclosed '['");
            var c = _pattern[_at];
            if (c == ']' && !first)
                break;
            if (c is '[' or ']' || (c == '&' && _at + 1 < _pattern.Length && _pattern[_at + 1] == '&'))
                throw Unsupported($"'{c}' inside a character class");
            if (c == '\\')
            {
                if (Escape(inClass: true) is { } escaped)
                    above.Add((escaped, escaped));
                continue;
            }
            var from = CodePoint(out var length);
            _at += length;
            if (_at < _pattern.Length && _pattern[_at] == '-' && _ignoreCase)
                throw Unsupported("a range inside a case-insensitive class");
            var to = RangeEnd(out length) ?? from;
            if (from > to)
                throw Unsupported("a range that runs backwards");
            _named.Add((from, to));
            _at += length;
            if (to > char.MaxValue)
            {
                above.Add((Math.Max(from, char.MaxValue + 1), to));
                if (from <= char.MaxValue)
                    _out.Append(CultureInfo.InvariantCulture, $"\\u{from:X4}-\\uFFFF");
            }
            else
            {
                Literal((char)from, inClass: true);
                if (length > 0)
                {
                    _out.Append('-');
                    Literal((char)to, inClass: true);
                }
            }
        }
        if (above.Count > 0)
            Above(above);
        _out.Append(']');
        _at++;
    }

    /// <summary>A class of code points above U+FFFF.</summary>
    private void Class(IReadOnlyList<(int From, int To)> above)
    {
        if (_ignoreCase)
            throw Unsupported("a character above U+FFFF that may be of either case");
        _out.Append('[');
        Above(above);
        _out.Append(']');
    }

    /// <summary>Writes what stands for code points above U+FFFF in a class.</summary>
    private void Above(IReadOnlyList<(int From, int To)> ranges)
    {
        var index = _classes.FindIndex(known => known.SequenceEqual(ranges));
        if (index < 0)
        {
            index = _classes.Count;
            _classes.Add(ranges);
        }
        _out.Append(_standIns?.TextOf(index));
    }

    /// <summary>The code point that stands here, and its length in UTF-16 units.</summary>
    private int CodePoint(out int length)
    {
        if (Rune.DecodeFromUtf16(_pattern.AsSpan(_at), out var rune, out length) != System.Buffers.OperationStatus.Done)
            throw Unsupported("half of a surrogate pair");
        return rune.Value;
    }

    /// <summary>The last code point of the range whose first has just been read, null if there is none, and the length from the dash on.</summary>
    private int? RangeEnd(out int length)
    {
        length = 0;
        if (_at + 1 >= _pattern.Length || _pattern[_at] != '-' || _pattern[_at + 1] is ']' or '[' or '\\')
            return null;
        _at++;
        var end = CodePoint(out length);
        _at--;
        length++;
        return end;
    }

    /// <returns>The code point, where that is above U+FFFF in a class: nothing was written for it.</returns>
    private int? Escape(bool inClass = false)
    {
        if (_at + 1 >= _pattern.Length)
            throw Unsupported("a '\\' at the end");
        var c = _pattern[_at + 1];
        if (c is 'p' or 'P')
        {
            var close = _pattern.IndexOf('}', _at);
            var name = close > _at + 3 && _pattern[_at + 2] == '{' ? _pattern[(_at + 3)..close] : "";
            var negated = (c == 'P') ^ name.StartsWith('^');
            name = name.TrimStart('^');
            if (!Properties.Contains(name))
                throw Unsupported($"the property '\\{c}{{{name}}}'");
            _out.Append(negated ? "\\P{" : "\\p{").Append(name).Append('}');
            _at = close + 1;
            return null;
        }
        if (c == 'x' && _at + 2 < _pattern.Length && _pattern[_at + 2] == '{')
            return Braced(inClass);
        if (c is 'x' or 'u')
        {
            var digits = c == 'x' ? 2 : 4;
            if (_at + 2 + digits > _pattern.Length || !_pattern.AsSpan(_at + 2, digits).ToString().All(char.IsAsciiHexDigit))
                throw Unsupported($"'\\{c}' without {digits} hexadecimal digits");
            var character = Convert.ToInt32(_pattern.Substring(_at + 2, digits), 16);
            _named.Add((character, character));
            _out.Append(_pattern, _at, 2 + digits);
            _at += 2 + digits;
            return null;
        }
        if (char.IsAsciiLetterOrDigit(c) && !EscapedLetters.Contains(c))
            throw Unsupported($"'\\{c}'");
        _out.Append('\\').Append(c);
        _at += 2;
        return null;
    }

    /// <summary>The escape <c>\x{H…}</c>.</summary>
    private int? Braced(bool inClass)
    {
        var close = _pattern.IndexOf('}', _at);
        var digits = close > _at + 3 ? _pattern[(_at + 3)..close] : "";
        if (digits.Length is 0 or > 6 || !digits.All(char.IsAsciiHexDigit) || !Rune.IsValid(Convert.ToInt32(digits, 16)))
            throw Unsupported("'\\x{' without a code point");
        var codePoint = Convert.ToInt32(digits, 16);
        _at = close + 1;
        if (codePoint <= char.MaxValue)
        {
            _named.Add((codePoint, codePoint));
            _out.Append(CultureInfo.InvariantCulture, $"\\u{codePoint:X4}");
            return null;
        }
        if (inClass)
            return codePoint;
        Class([(codePoint, codePoint)]);
        return null;
    }

    private void Literal(char c, bool inClass)
    {
        _named.Add((c, c));
        var folded = _ignoreCase ? c switch { 's' or 'S' => "sS\u017F", 'k' or 'K' => "kK\u212A", _ => null } : null;
        if (folded is null)
            _out.Append(c == '#' ? "\\#" : c.ToString());
        else
            _out.Append(inClass ? folded : $"[{folded}]");
    }

    private void Quantifiers(int atom)
    {
        while (_at < _pattern.Length)
        {
            var c = _pattern[_at];
            var isInterval = c == '{';
            if (c is '*' or '+' or '?')
            {
                _out.Append(c);
                _at++;
            }
            else if (isInterval && Interval() is { } interval)
            {
                _out.Append(interval);
                _at += interval.Length;
            }
            else
            {
                return;
            }
            if (_at < _pattern.Length && _pattern[_at] == '?')
            {
                _out.Append('?');
                _at++;
            }
            else if (_at < _pattern.Length && _pattern[_at] == '+' && !isInterval)
            {
                _out.Insert(atom, "(?>").Append(')');
                _at++;
            }
            else if (_at < _pattern.Length && _pattern[_at] is '*' or '+' or '{')
            {
                _out.Insert(atom, "(?:").Append(')'); // what follows repeats the repetition
            }
        }
    }

    /// <summary>The interval <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c> that stands here, if one does.</summary>
    private string? Interval()
    {
        var close = _pattern.IndexOf('}', _at);
        var inner = close > _at + 1 ? _pattern[(_at + 1)..close] : "";
        var numbers = inner.Split(',');
        if (inner.Length == 0 || numbers.Length > 2 || numbers[0].Length == 0 || !numbers.All(n => n.All(char.IsAsciiDigit)))
            throw Unsupported("a '{' that is not an interval");
        return numbers.Any(n => n.Length > 4) ? throw Unsupported("an interval above 9999") : _pattern[_at..(close + 1)];
    }

    private FormatException Unsupported(string what) => new($"the expression '{_pattern}' uses {what}, which is not supported");
}
