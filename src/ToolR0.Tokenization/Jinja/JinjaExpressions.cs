using System.Numerics;
using System.Runtime.CompilerServices;

namespace ToolR0.Tokenization.Jinja;

/// <summary>A part of a template that has a value.</summary>
internal abstract record JinjaExpression
{
    /// <exception cref="JinjaException">The expression fails on these values.</exception>
    /// <exception cref="InsufficientExecutionStackException">It is nested too deeply.</exception>
    public object? Evaluate(JinjaScope scope)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        scope.Enter();
        var value = Compute(scope);
        scope.Leave();
        return value;
    }

    public bool IsTrue(JinjaScope scope) => JinjaValues.IsTrue(Evaluate(scope));

    protected abstract object? Compute(JinjaScope scope);
}

internal sealed record LiteralExpression(object? Value) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => Value;
}

internal sealed record NameExpression(string Name) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => scope[Name];
}

internal sealed record ListExpression(IReadOnlyList<JinjaExpression> Items, bool IsTuple) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var items = Items.Select(item => item.Evaluate(scope));
        return IsTuple ? new JinjaTuple(items) : items.ToList();
    }
}

internal sealed record MapExpression(IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> Entries) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var map = new JinjaMap();
        foreach (var (key, value) in Entries)
            map[JinjaKey.Of(key.Evaluate(scope))] = value.Evaluate(scope);
        return map;
    }
}

internal sealed record ConditionExpression(JinjaExpression Condition, JinjaExpression Then, JinjaExpression? Else) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) =>
        Condition.IsTrue(scope) ? Then.Evaluate(scope) : Else is null ? new JinjaUndefined("the missing else of an inline if") : Else.Evaluate(scope);
}

internal sealed record LogicalExpression(JinjaExpression Left, bool IsAnd, JinjaExpression Right) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var left = Left.Evaluate(scope);
        return JinjaValues.IsTrue(left) == IsAnd ? Right.Evaluate(scope) : left;
    }
}

internal sealed record NotExpression(JinjaExpression Operand) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => !Operand.IsTrue(scope);
}

/// <summary>Comparisons in a row, each between neighbours: <c>a &lt; b &lt;= c</c>.</summary>
internal sealed record CompareExpression(JinjaExpression First, IReadOnlyList<(string Operator, JinjaExpression Operand)> Rest) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var left = First.Evaluate(scope);
        foreach (var (op, operand) in Rest)
        {
            var right = operand.Evaluate(scope);
            if (right is string text)
                scope.Spend(text.Length);
            if (!Holds(left, op, right))
                return false;
            left = right;
        }
        return true;
    }

    private static bool Holds(object? left, string op, object? right) => op switch
    {
        "==" => JinjaValues.Equals(left, right),
        "!=" => !JinjaValues.Equals(left, right),
        "<" => JinjaValues.Compare(left, right) < 0,
        "<=" => JinjaValues.Compare(left, right) <= 0,
        ">" => JinjaValues.Compare(left, right) > 0,
        ">=" => JinjaValues.Compare(left, right) >= 0,
        "in" => JinjaValues.Contains(right, left),
        _ => !JinjaValues.Contains(right, left),
    };
}

internal sealed record NegateExpression(JinjaExpression Operand) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => Operand.Evaluate(scope) is var value && JinjaNumbers.Whole(value) is { } whole
        ? JinjaNumbers.Of(-whole)
        : -JinjaValues.ToDouble(value);
}

internal sealed record ArithmeticExpression(JinjaExpression Left, string Operator, JinjaExpression Right) : JinjaExpression
{
    /// <summary>A power has no larger exponent.</summary>
    private const int LargestExponent = 20_000;

    protected override object? Compute(JinjaScope scope)
    {
        var left = Left.Evaluate(scope);
        var right = Right.Evaluate(scope);
        if (Operator == "~" || (Operator == "+" && left is string && right is string))
        {
            var (first, second) = (JinjaValues.ToText(left), JinjaValues.ToText(right));
            scope.Spend((long)first.Length + second.Length);
            return first + second;
        }
        if (Operator == "%" && left is string format)
            return JinjaFormat.Percent(format, right, scope);
        if (Operator == "+" && left is List<object?> a and not JinjaView && right is List<object?> b and not JinjaView && a.GetType() == b.GetType())
        {
            scope.Spend((long)a.Count + b.Count);
            return a is JinjaTuple ? new JinjaTuple(a.Concat(b)) : a.Concat(b).ToList();
        }
        if (Operator == "*" && (left is string or List<object?> and not JinjaView ? left : right) is string or List<object?> and not JinjaView)
            return Repeat(left, right, scope);
        return Of(left, Operator, right);
    }

    /// <summary>Of two numbers.</summary>
    public static object Of(object? left, string op, object? right)
    {
        if (!JinjaValues.IsNumber(left) || !JinjaValues.IsNumber(right))
        {
            var undefined = (left as JinjaUndefined ?? right as JinjaUndefined)?.What;
            throw new JinjaException(undefined is null
                ? $"'{op}' does not work on {JinjaValues.TypeOf(left)} and {JinjaValues.TypeOf(right)}"
                : $"'{undefined}' is undefined");
        }
        return JinjaNumbers.Whole(left) is { } m && JinjaNumbers.Whole(right) is { } n && op != "/" && !(op == "**" && n.Sign < 0)
            ? Whole(m, op, n)
            : Real(JinjaValues.ToDouble(left), op, JinjaValues.ToDouble(right));
    }

    private static object? Repeat(object? left, object? right, JinjaScope scope)
    {
        var (sequence, times) = left is string or List<object?> ? (left, right) : (right, left);
        if (times is not (long or bool))
            throw new JinjaException($"'*' does not work on {JinjaValues.TypeOf(left)} and {JinjaValues.TypeOf(right)}");
        var count = times is long n ? Math.Clamp(n, 0, int.MaxValue) : times is true ? 1 : 0;
        if (sequence is string text)
        {
            scope.Spend(text.Length * count);
            return string.Concat(Enumerable.Repeat(text, (int)count));
        }
        var items = (List<object?>)sequence!;
        scope.Spend(16L * items.Count * count);
        var repeated = Enumerable.Repeat(items, (int)(items.Count == 0 ? 0 : count)).SelectMany(item => item);
        return items is JinjaTuple ? new JinjaTuple(repeated) : repeated.ToList();
    }

    private static object Whole(BigInteger m, string op, BigInteger n)
    {
        if (op is "//" or "%" && n.IsZero)
            throw new JinjaException("division by zero");
        if (op == "**" && n > LargestExponent)
            throw new JinjaException("a number becomes too large");
        return JinjaNumbers.Of(op switch
        {
            "+" => m + n,
            "-" => m - n,
            "*" => m * n,
            "//" => BigInteger.DivRem(m, n, out var rest) - (!rest.IsZero && m.Sign * n.Sign < 0 ? 1 : 0),
            "%" => ((m % n) + n) % n,
            "**" when BigInteger.Abs(m).GetBitLength() * (long)n > 10 * LargestExponent => throw new JinjaException("a number becomes too large"),
            "**" => BigInteger.Pow(m, (int)n),
            _ => throw new JinjaException($"the operator '{op}' is not supported"),
        });
    }

    private static object Real(double m, string op, double n)
    {
        if (op is "/" or "//" or "%" && n == 0 || op == "**" && m == 0 && n < 0)
            throw new JinjaException("division by zero");
        return op switch
        {
            "+" => m + n,
            "-" => m - n,
            "*" => m * n,
            "/" => m / n,
            "//" => Math.Floor(m / n),
            "%" => m - (n * Math.Floor(m / n)),
            "**" when m < 0 && !double.IsInteger(n) => throw new JinjaException("complex numbers are not supported"),
            "**" => Math.Pow(m, n),
            _ => throw new JinjaException($"the operator '{op}' is not supported"),
        };
    }
}

/// <summary><c>value.name</c>: a method of the value's type, else the key of that name.</summary>
internal sealed record AttributeExpression(JinjaExpression Target, string Name) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => Of(Target.Evaluate(scope), Name);

    /// <summary>A method or an attribute, and not a key.</summary>
    public static object? OfMember(object? value, string name) => value is JinjaMap && JinjaMethods.Find(value, name) is null
        ? new JinjaUndefined($"dict object has no attribute '{name}'")
        : Of(value, name);

    public static object? Of(object? value, string name) => value switch
    {
        JinjaUndefined undefined => throw new JinjaException($"'{undefined.What}' is undefined"),
        JinjaNamespace ns => ns.TryGetValue(name, out var attribute) ? attribute : new JinjaUndefined(name),
        JinjaGroup group when name is "grouper" or "list" => name == "list" ? group.Members : group.Grouper,
        _ when JinjaMethods.Find(value, name) is { } method => method,
        JinjaMap map when map.TryGetValue(name, out var item) => item,
        _ => new JinjaUndefined($"{JinjaValues.TypeOf(value)} object has no attribute '{name}'"),
    };
}

/// <summary><c>value[index]</c>: the item, else for a name the attribute.</summary>
internal sealed record IndexExpression(JinjaExpression Target, JinjaExpression Index) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        return Of(Target.Evaluate(scope), Index.Evaluate(scope), scope);
    }

    public static object? Of(object? target, object? index, JinjaScope scope)
    {
        switch (target)
        {
            case JinjaMap map when index is not (List<object?> and not JinjaTuple or JinjaMap or JinjaUndefined)
                && map.TryGetValue(JinjaKey.Of(index), out var value):
                return value;
            case JinjaMap when index is not string:
                return new JinjaUndefined($"dict object has no element {JinjaValues.ToText(index)}");
            case List<object?> or string when index is long or bool:
                var items = JinjaValues.Items(target);
                scope.Spend(target is string ? items.Count : 0);
                var at = JinjaValues.ToInt(index) is var i && i < 0 ? i + items.Count : i;
                return at >= 0 && at < items.Count ? items[at] : new JinjaUndefined($"{JinjaValues.TypeOf(target)} object has no element {i}");
            default:
                return AttributeExpression.Of(target, index as string ?? JinjaValues.ToText(index));
        }
    }
}

/// <summary><c>value[start:stop:step]</c> of a list or of the code points of a string.</summary>
internal sealed record SliceExpression(JinjaExpression Target, JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var target = Target.Evaluate(scope);
        if (target is not (List<object?> or string))
            throw new JinjaException($"{JinjaValues.TypeOf(target)} cannot be sliced");
        var items = JinjaValues.Items(target);
        scope.Spend(items.Count);
        long step = Bound(Step, scope) ?? 1;
        if (step == 0)
            throw new JinjaException("the step of a slice cannot be 0");
        var (low, high) = step > 0 ? (0, items.Count) : (-1, items.Count - 1);
        var start = Place(Bound(Start, scope), step > 0 ? low : high);
        var stop = Place(Bound(Stop, scope), step > 0 ? high : low);
        var slice = new List<object?>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step)
            slice.Add(items[(int)i]);
        return target is string ? string.Concat(slice) : target is JinjaTuple ? new JinjaTuple(slice) : slice;

        int Place(int? bound, int fallback) => bound is not { } given ? fallback : Math.Clamp(given < 0 ? given + items.Count : given, low, high);
    }

    private static int? Bound(JinjaExpression? expression, JinjaScope scope) =>
        expression?.Evaluate(scope) is { } value ? JinjaValues.ToInt(value) : null;
}

/// <summary>A call of a function or method, or a filter's or test's arguments.</summary>
internal sealed record JinjaCall(IReadOnlyList<JinjaExpression> Positional, IReadOnlyList<(string Name, JinjaExpression Value)> Named)
{
    public static readonly JinjaCall None = new([], []);

    public JinjaArguments Evaluate(string function, JinjaScope scope, params IEnumerable<object?> before)
    {
        var named = new Dictionary<string, object?>();
        var positional = before.Concat(Positional.Select(argument => argument.Evaluate(scope))).ToList();
        foreach (var (name, value) in Named)
            named[name] = value.Evaluate(scope);
        return new JinjaArguments(function, positional, named, scope);
    }
}

internal sealed record CallExpression(JinjaExpression Target, JinjaCall Call) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope)
    {
        var name = Target switch { NameExpression n => n.Name, AttributeExpression a => a.Name, _ => "the value" };
        return Target.Evaluate(scope) switch
        {
            JinjaFunction function => function(Call.Evaluate(name, scope)),
            JinjaUndefined undefined => throw new JinjaException($"'{undefined.What}' is undefined"),
            var value => throw new JinjaException($"{name} is a {JinjaValues.TypeOf(value)} and cannot be called"),
        };
    }
}

internal sealed record FilterExpression(JinjaExpression Operand, string Name, JinjaFunction Filter, JinjaCall Call) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => Filter(Call.Evaluate(Name, scope, Operand.Evaluate(scope)));
}

internal sealed record TestExpression(JinjaExpression Operand, string Name, JinjaFunction Test, JinjaCall Call) : JinjaExpression
{
    protected override object? Compute(JinjaScope scope) => Test(Call.Evaluate(Name, scope, Operand.Evaluate(scope)));
}
