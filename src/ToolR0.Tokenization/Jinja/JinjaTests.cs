using System.Numerics;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The tests that templates use after <c>is</c>. The value that is tested is the first argument.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, JinjaFunction> Tests = new()
    {
        ["defined"] = Of(value => value is not JinjaUndefined),
        ["undefined"] = Of(value => value is JinjaUndefined),
        ["none"] = Of(value => value is null),
        ["string"] = Of(value => value is string),
        ["number"] = Of(JinjaValues.IsNumber),
        ["integer"] = Of(value => value is long or BigInteger),
        ["float"] = Of(value => value is double),
        ["boolean"] = Of(value => value is bool),
        ["true"] = Of(value => value is true),
        ["false"] = Of(value => value is false),
        ["mapping"] = Of(value => value is JinjaMap),
        ["sequence"] = Of(value => value is string or List<object?> or JinjaMap or JinjaUndefined),
        ["iterable"] = Of(value => value is string or List<object?> or JinjaMap or JinjaUndefined),
        ["callable"] = Of(value => value is JinjaFunction),
        ["odd"] = Of(value => JinjaValues.Equals(ArithmeticExpression.Of(value, "%", 2L), 1L)),
        ["even"] = Of(value => JinjaValues.Equals(ArithmeticExpression.Of(value, "%", 2L), 0L)),
        ["divisibleby"] = With((value, by) => JinjaValues.Equals(ArithmeticExpression.Of(value, "%", by), 0L)),
        ["upper"] = Of(value => JinjaMethods.IsUpper(JinjaValues.ToText(value))),
        ["lower"] = Of(value => JinjaMethods.IsLower(JinjaValues.ToText(value))),
        ["filter"] = Of(value => value is string name && JinjaFilters.Find(name) is not null),
        ["test"] = Of(value => value is string name && Find(name) is not null),
        ["in"] = With((value, container) => JinjaValues.Contains(container, value)),
        ["equalto"] = With(JinjaValues.Equals),
        ["eq"] = With(JinjaValues.Equals),
        ["=="] = With(JinjaValues.Equals),
        ["sameas"] = With((value, other) => value is null or bool or long ? Equals(value, other) : ReferenceEquals(value, other)),
        ["ne"] = With((value, other) => !JinjaValues.Equals(value, other)),
        ["!="] = With((value, other) => !JinjaValues.Equals(value, other)),
        ["<"] = With((value, other) => JinjaValues.Compare(value, other) < 0),
        ["<="] = With((value, other) => JinjaValues.Compare(value, other) <= 0),
        [">"] = With((value, other) => JinjaValues.Compare(value, other) > 0),
        [">="] = With((value, other) => JinjaValues.Compare(value, other) >= 0),
        ["lessthan"] = With((value, other) => JinjaValues.Compare(value, other) < 0),
        ["greaterthan"] = With((value, other) => JinjaValues.Compare(value, other) > 0),
        ["lt"] = With((value, other) => JinjaValues.Compare(value, other) < 0),
        ["le"] = With((value, other) => JinjaValues.Compare(value, other) <= 0),
        ["gt"] = With((value, other) => JinjaValues.Compare(value, other) > 0),
        ["ge"] = With((value, other) => JinjaValues.Compare(value, other) >= 0),
    };

    public static JinjaFunction? Find(string name) => Tests.GetValueOrDefault(name);

    private static JinjaFunction Of(Func<object?, bool> test) => arguments => test(arguments.Allow("value").Get(0, "value"));

    private static JinjaFunction With(Func<object?, object?, bool> test) =>
        arguments => test(arguments.Allow("value", "other").Get(0, "value"), arguments.Need(1, "other"));
}
