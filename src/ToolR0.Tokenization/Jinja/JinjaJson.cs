using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The filter <c>tojson</c> as transformers defines it: Python's <c>json.dumps</c> with <c>ensure_ascii=False</c>.</summary>
internal static class JinjaJson
{
    public static object? Write(JinjaArguments arguments)
    {
        arguments.Allow("value", "ensure_ascii", "indent", "separators", "sort_keys");
        var indent = arguments.Get(2, "indent") switch
        {
            null => null,
            string given => given,
            var width => new string(' ', Math.Clamp(JinjaValues.ToInt(width), 0, 100)),
        };
        var (item, key) = (indent is null ? ", " : ",", ": ");
        if (arguments.Get(3, "separators") is List<object?> { Count: 2 } separators)
            (item, key) = (JinjaValues.ToText(separators[0]), JinjaValues.ToText(separators[1]));
        var (ascii, sorts) = (JinjaValues.IsTrue(arguments.Get(1, "ensure_ascii")), JinjaValues.IsTrue(arguments.Get(4, "sort_keys")));
        var writer = new Writer(new StringBuilder(), new Style(ascii, indent, item, key, sorts));
        writer.Write(arguments.Get(0, "value"), 0);
        arguments.Scope.Spend(writer.Output.Length);
        return writer.Output.ToString();
    }

    /// <summary>A text as the filter writes it, quotes included.</summary>
    public static string Quoted(string text)
    {
        var writer = new Writer(new StringBuilder(), new Style(Ascii: false, null, ", ", ": ", SortKeys: false));
        writer.Write(text, 0);
        return writer.Output.ToString();
    }

    private sealed record Style(bool Ascii, string? Indent, string ItemSeparator, string KeySeparator, bool SortKeys);

    private sealed record Writer(StringBuilder Output, Style Style)
    {
        public void Write(object? value, int depth)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            if (Output.Length > JinjaValues.LongestText)
                throw new JinjaException("a value is too large to be written as JSON");
            switch (value)
            {
                case null:
                    Output.Append("null");
                    break;
                case bool b:
                    Output.Append(b ? "true" : "false");
                    break;
                case long or BigInteger:
                    Output.Append(value);
                    break;
                case double d:
                    Output.Append(double.IsNaN(d) ? "NaN" : double.IsInfinity(d) ? (d > 0 ? "Infinity" : "-Infinity")
                        : JinjaValues.RepresentFloat(d));
                    break;
                case string text:
                    Quote(text);
                    break;
                case JinjaView view:
                    throw new JinjaException($"a {view.Name} cannot be written as JSON");
                case List<object?> list:
                    Block('[', ']', list, depth, item => Write(item, depth + 1));
                    break;
                case JinjaMap map:
                    var entries = Style.SortKeys
                        ? map.Order(Comparer<KeyValuePair<JinjaKey, object?>>.Create((a, b) => JinjaValues.Compare(a.Key.Value, b.Key.Value)))
                        .ToList() : [.. map];
                    Block('{', '}', entries, depth, entry =>
                    {
                        Quote(entry.Key.Value switch
                        {
                            string name => name,
                            null => "null",
                            bool b => b ? "true" : "false",
                            JinjaTuple => throw new JinjaException("keys of JSON must be str, int, float, bool or None, not tuple"),
                            var number => JinjaValues.ToText(number),
                        });
                        Output.Append(Style.KeySeparator);
                        Write(entry.Value, depth + 1);
                    });
                    break;
                default:
                    throw new JinjaException(value is JinjaUndefined undefined
                        ? $"'{undefined.What}' is undefined"
                        : $"a {JinjaValues.TypeOf(value)} cannot be written as JSON");
            }
        }

        private void Block<T>(char open, char close, List<T> items, int depth, Action<T> write)
        {
            Output.Append(open);
            for (var i = 0; i < items.Count; i++)
            {
                if (i > 0)
                    Output.Append(Style.ItemSeparator);
                NewLine(depth + 1);
                write(items[i]);
            }
            if (items.Count > 0)
                NewLine(depth);
            Output.Append(close);
        }

        private void NewLine(int depth)
        {
            if (Style.Indent is null)
                return;
            Output.Append('\n');
            for (var i = 0; i < depth; i++)
                Output.Append(Style.Indent);
        }

        private void Quote(string text)
        {
            Output.Append('"');
            foreach (var c in text)
            {
                Output.Append(c switch
                {
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\b' => "\\b",
                    '\f' => "\\f",
                    < ' ' => $"\\u{(int)c:x4}",
                    >= '\x7f' when Style.Ascii => $"\\u{(int)c:x4}",
                    _ => c.ToString(),
                });
            }
            Output.Append('"');
        }
    }
}
