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
    private readonly StringBuilder _out = new();
    private readonly Stack<(int Start, bool IgnoreCase)> _groups = new();
    private int _at;
    private bool _ignoreCase;

    private RegexTranslator(string pattern) => _pattern = pattern;

    /// <exception cref="FormatException">A construct is not supported; the message names it.</exception>
    public static string Translate(string pattern) => pattern.Length <= LongestPattern
        ? new RegexTranslator(pattern).Translate()
        : throw new FormatException($"the expression is longer than {LongestPattern} characters");

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
                    Literal(_pattern[_at++], inClass: false);
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
                Escape();
                continue;
            }
            if (_ignoreCase && _at + 1 < _pattern.Length && _pattern[_at + 1] == '-')
                throw Unsupported("a range inside a case-insensitive class");
            _at++;
            Literal(c, inClass: true);
        }
        _out.Append(']');
        _at++;
    }

    private void Escape()
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
            return;
        }
        if (c is 'x' or 'u')
        {
            var digits = c == 'x' ? 2 : 4;
            if (_at + 2 + digits > _pattern.Length || !_pattern.AsSpan(_at + 2, digits).ToString().All(char.IsAsciiHexDigit))
                throw Unsupported($"'\\{c}' without {digits} hexadecimal digits");
            _out.Append(_pattern, _at, 2 + digits);
            _at += 2 + digits;
            return;
        }
        if (char.IsAsciiLetterOrDigit(c) && !EscapedLetters.Contains(c))
            throw Unsupported($"'\\{c}'");
        _out.Append('\\').Append(c);
        _at += 2;
    }

    private void Literal(char c, bool inClass)
    {
        if (char.IsSurrogate(c))
            throw Unsupported("a character above U+FFFF");
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
