using System.Runtime.CompilerServices;

namespace ToolR0.Tokenization.Jinja;

/// <summary>Reads expressions with Jinja's precedence: inline if, or, and, not, comparison, + -, ~, * / // %, **, sign, then postfixes, filters and
/// tests.</summary>
internal sealed class JinjaExpressionParser(JinjaTokens tokens)
{
    private const int Deepest = 100;

    private int _depth;

    public JinjaExpression Parse() => Nested(() =>
    {
        var value = Or();
        while (tokens.TryTakeName("if"))
        {
            var condition = Or();
            value = new ConditionExpression(condition, value, tokens.TryTakeName("else") ? Parse() : null);
        }
        return value;
    });

    /// <summary>An expression in which <c>if</c> is not part: the source of a loop.</summary>
    public JinjaExpression ParseWithoutCondition()
    {
        var first = Or();
        if (!tokens.IsSymbol(","))
            return first;
        var items = new List<JinjaExpression> { first };
        while (tokens.TryTakeSymbol(",") && tokens.Current.Kind != JinjaTokenKind.BlockEnd && !tokens.IsName("if"))
            items.Add(Or());
        return new ListExpression(items, true);
    }

    /// <summary>A value with the filters after it: <c>| upper | trim</c>, or <c>upper | trim</c> where the first '|' is left out.</summary>
    public JinjaExpression ParseFilters(JinjaExpression value, bool beginsWithName)
    {
        if (beginsWithName)
            value = Filter(value);
        while (tokens.TryTakeSymbol("|"))
            value = Filter(value);
        return value;
    }

    /// <summary>A call, as the statement <c>call</c> makes it.</summary>
    public CallExpression ParseCall() =>
        Postfix(Primary()) as CallExpression ?? throw tokens.Wrong("'call' needs a call of a macro");

    private FilterExpression Filter(JinjaExpression value)
    {
        var line = tokens.Current.Line;
        var name = tokens.Name();
        var filter = JinjaFilters.Find(name) ?? throw new JinjaException($"the filter '{name}' is not supported", line);
        return new FilterExpression(value, name, filter, tokens.IsSymbol("(") ? Call() : JinjaCall.None);
    }

    /// <summary>One expression, or several with commas, which make a list.</summary>
    public JinjaExpression ParseTuple()
    {
        var first = Parse();
        if (!tokens.IsSymbol(","))
            return first;
        var items = new List<JinjaExpression> { first };
        while (tokens.TryTakeSymbol(",") && tokens.Current.Kind is not (JinjaTokenKind.BlockEnd or JinjaTokenKind.OutputEnd) && !tokens.IsSymbol(")"))
            items.Add(Parse());
        return new ListExpression(items, true);
    }

    private JinjaExpression Or()
    {
        var left = And();
        while (tokens.TryTakeName("or"))
            left = new LogicalExpression(left, false, And());
        return left;
    }

    private JinjaExpression And()
    {
        var left = Not();
        while (tokens.TryTakeName("and"))
            left = new LogicalExpression(left, true, Not());
        return left;
    }

    private JinjaExpression Not() => tokens.TryTakeName("not") ? Nested(() => new NotExpression(Not())) : Compare();

    private JinjaExpression Compare()
    {
        var first = Sum();
        var rest = new List<(string, JinjaExpression)>();
        while (true)
        {
            if (tokens.Current is { Kind: JinjaTokenKind.Symbol, Value: "==" or "!=" or "<" or "<=" or ">" or ">=" } || tokens.IsName("in"))
            {
                rest.Add((tokens.Take().Value, Sum()));
            }
            else if (tokens.IsName("not") && tokens.Next is { Kind: JinjaTokenKind.Name, Value: "in" })
            {
                tokens.Take();
                tokens.Take();
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first, rest);
            }
        }
    }

    private JinjaExpression Sum() => LeftToRight(Concatenation, "+", "-");

    private JinjaExpression Concatenation() => LeftToRight(Product, "~");

    private JinjaExpression Product() => LeftToRight(Power, "*", "/", "//", "%");

    /// <summary>Jinja reads powers from left to right, with a sign before the power.</summary>
    private JinjaExpression Power() => LeftToRight(() => Signed(), "**");

    private JinjaExpression LeftToRight(Func<JinjaExpression> operand, params string[] operators)
    {
        var left = operand();
        while (tokens.Current.Kind == JinjaTokenKind.Symbol && operators.Contains(tokens.Current.Value))
            left = new ArithmeticExpression(left, tokens.Take().Value, operand());
        return left;
    }

    private JinjaExpression Signed(bool withFilters = true)
    {
        JinjaExpression value;
        if (tokens.TryTakeSymbol("-"))
            value = Postfix(Nested(() => new NegateExpression(Signed(false))));
        else if (tokens.TryTakeSymbol("+"))
            value = Postfix(Nested(() => Signed(false)));
        else
            value = Postfix(Primary());
        return withFilters ? FiltersAndTests(value) : value;
    }

    private JinjaExpression Primary()
    {
        var token = tokens.Take();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Value switch
                {
                    "true" or "True" => new LiteralExpression(true),
                    "false" or "False" => new LiteralExpression(false),
                    "none" or "None" => new LiteralExpression(null),
                    "and" or "or" or "in" or "is" or "if" or "else" =>
                        throw new JinjaException($"'{token.Value}' stands where a value should", token.Line),
                    _ => new NameExpression(token.Value),
                };
            case JinjaTokenKind.String:
                var text = token.Value;
                while (tokens.Current.Kind == JinjaTokenKind.String)
                    text += tokens.Take().Value;
                return new LiteralExpression(text);
            case JinjaTokenKind.Integer:
                var radix = token.Value.Length > 1 ? char.ToLowerInvariant(token.Value[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
                return new LiteralExpression(JinjaNumbers.ParseInt(token.Value, radix)
                    ?? throw new JinjaException($"the number {token.Value} is not supported", token.Line));
            case JinjaTokenKind.Float:
                return new LiteralExpression(JinjaNumbers.ParseFloat(token.Value)
                    ?? throw new JinjaException($"the number {token.Value} is not supported", token.Line));
            case JinjaTokenKind.Symbol when token.Value == "(":
                if (tokens.TryTakeSymbol(")"))
                    return new ListExpression([], true);
                var inner = ParseTuple();
                tokens.Expect(JinjaTokenKind.Symbol, ")");
                return inner;
            case JinjaTokenKind.Symbol when token.Value == "[":
                return new ListExpression(List("]", Parse), false);
            case JinjaTokenKind.Symbol when token.Value == "{":
                return new MapExpression(List("}", () =>
                {
                    var key = Parse();
                    tokens.Expect(JinjaTokenKind.Symbol, ":");
                    return (key, Parse());
                }));
            default:
                throw new JinjaException($"{(token.Value.Length > 0 ? $"'{token.Value}'" : "the end of the tag")} stands where a value should",
                    token.Line);
        }
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        while (true)
        {
            if (tokens.TryTakeSymbol("."))
            {
                value = tokens.Current.Kind == JinjaTokenKind.Integer
                    ? new IndexExpression(value, Primary())
                    : new AttributeExpression(value, tokens.Name());
            }
            else if (tokens.TryTakeSymbol("["))
            {
                value = Subscript(value);
            }
            else if (tokens.IsSymbol("("))
            {
                value = new CallExpression(value, Call());
            }
            else
            {
                return value;
            }
        }
    }

    private JinjaExpression Subscript(JinjaExpression target)
    {
        var start = tokens.IsSymbol(":") ? null : Parse();
        if (start is not null && tokens.TryTakeSymbol("]"))
            return new IndexExpression(target, start);
        tokens.Expect(JinjaTokenKind.Symbol, ":");
        var stop = tokens.IsSymbol(":") || tokens.IsSymbol("]") ? null : Parse();
        var step = tokens.TryTakeSymbol(":") && !tokens.IsSymbol("]") ? Parse() : null;
        tokens.Expect(JinjaTokenKind.Symbol, "]");
        return new SliceExpression(target, start, stop, step);
    }

    private JinjaCall Call()
    {
        var positional = new List<JinjaExpression>();
        var named = new List<(string, JinjaExpression)>();
        tokens.Expect(JinjaTokenKind.Symbol, "(");
        List<object?>(")", () =>
        {
            if (tokens.IsSymbol("*") || tokens.IsSymbol("**"))
                throw tokens.Wrong("unpacked arguments are not supported");
            if (tokens.Current.Kind == JinjaTokenKind.Name && tokens.Next is { Kind: JinjaTokenKind.Symbol, Value: "=" })
            {
                var name = tokens.Name();
                tokens.Take();
                named.Add((name, Parse()));
            }
            else if (named.Count > 0)
            {
                throw tokens.Wrong("an argument without a name follows one with a name");
            }
            else
            {
                positional.Add(Parse());
            }
            return null;
        });
        return new JinjaCall(positional, named);
    }

    private JinjaExpression FiltersAndTests(JinjaExpression value)
    {
        while (true)
        {
            if (tokens.TryTakeSymbol("|"))
            {
                value = Filter(value);
            }
            else if (tokens.TryTakeName("is"))
            {
                value = Test(value);
            }
            else if (tokens.IsSymbol("("))
            {
                value = new CallExpression(value, Call());
            }
            else
            {
                return value;
            }
        }
    }

    private JinjaExpression Test(JinjaExpression value)
    {
        var negated = tokens.TryTakeName("not");
        var line = tokens.Current.Line;
        var name = tokens.Name();
        var test = JinjaTests.Find(name) ?? throw new JinjaException($"the test '{name}' is not supported", line);
        var call = JinjaCall.None;
        if (tokens.IsSymbol("("))
            call = Call();
        else if (BeginsValue())
            call = new JinjaCall([Postfix(Primary())], []);
        var result = new TestExpression(value, name, test, call);
        return negated ? new NotExpression(result) : result;
    }

    private bool BeginsValue() => tokens.Current switch
    {
        { Kind: JinjaTokenKind.Name, Value: var name } => name is not ("else" or "or" or "and" or "is" or "if" or "in" or "not" or "recursive"),
        { Kind: JinjaTokenKind.Symbol, Value: var symbol } => symbol is "[" or "{",
        { Kind: var kind } => kind is JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float,
    };

    private List<T> List<T>(string close, Func<T> item)
    {
        var items = new List<T>();
        while (!tokens.TryTakeSymbol(close))
        {
            if (items.Count > 0)
            {
                tokens.Expect(JinjaTokenKind.Symbol, ",");
                if (tokens.TryTakeSymbol(close))
                    break;
            }
            items.Add(item());
        }
        return items;
    }

    private JinjaExpression Nested(Func<JinjaExpression> parse)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (++_depth > Deepest)
            throw tokens.Wrong("an expression is nested too deeply");
        var value = parse();
        _depth--;
        return value;
    }
}
