using System.Runtime.CompilerServices;
using System.Text;

namespace ToolR0.Tokenization.Jinja;

/// <summary>How a statement ended: whether it leaves the loop around it.</summary>
internal enum JinjaFlow
{
    Next,
    Continue,
    Break,
}

/// <summary>A part of a template that writes text or sets names.</summary>
internal abstract record JinjaStatement
{
    public abstract JinjaFlow Render(JinjaScope scope, StringBuilder output);
}

internal sealed record TextStatement(string Text) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        scope.Spend(Text.Length);
        output.Append(Text);
        return JinjaFlow.Next;
    }
}

internal sealed record OutputStatement(JinjaExpression Expression, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        var text = JinjaLines.At(Line, () => JinjaValues.ToText(Expression.Evaluate(scope)));
        scope.Spend(text.Length);
        output.Append(text);
        return JinjaFlow.Next;
    }
}

internal sealed record BodyStatement(IReadOnlyList<JinjaStatement> Statements) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (var statement in Statements)
        {
            var flow = statement.Render(scope, output);
            if (flow != JinjaFlow.Next)
                return flow;
        }
        return JinjaFlow.Next;
    }

    public string RenderToText(JinjaScope scope)
    {
        var output = new StringBuilder();
        Render(scope, output);
        return output.ToString();
    }
}

internal sealed record IfStatement(IReadOnlyList<(JinjaExpression Condition, BodyStatement Body)> Branches, BodyStatement? Else, int Line)
    : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        foreach (var (condition, body) in Branches)
        {
            if (JinjaLines.At(Line, () => condition.IsTrue(scope)))
                return body.Render(scope, output);
        }
        return Else?.Render(scope, output) ?? JinjaFlow.Next;
    }
}

/// <summary>Leaves (<paramref name="Flow"/> Break) or goes on with (Continue) the loop around it.</summary>
internal sealed record LoopFlowStatement(JinjaFlow Flow) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output) => Flow;
}

internal sealed record ForStatement(
    IReadOnlyList<string> Targets, JinjaExpression Source, JinjaExpression? Condition, BodyStatement Body, BodyStatement? Else, int Line)
        : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        var items = JinjaLines.At(Line, () => JinjaValues.Items(Source.Evaluate(scope)).Where(item => Passes(item, scope)).ToList());
        if (items.Count == 0)
            return Else?.Render(scope, output) ?? JinjaFlow.Next;
        var last = new List<object?>();
        for (var i = 0; i < items.Count; i++)
        {
            scope.Spend(16);
            var inner = scope.Inner();
            Assign(items[i], inner);
            inner["loop"] = Loop(items, i, last);
            if (Body.Render(inner, output) == JinjaFlow.Break)
                break;
        }
        return JinjaFlow.Next;
    }

    /// <param name="last">What <c>loop.changed</c> was asked about last.</param>
    private static JinjaNamespace Loop(List<object?> items, int i, List<object?> last) => new()
    {
        ["depth"] = 1L,
        ["depth0"] = 0L,
        ["changed"] = (JinjaFunction)(arguments =>
        {
            if (last.Count > 0 && JinjaValues.Equals(last[0], new JinjaTuple(arguments.Positional)))
                return false;
            last.Clear();
            last.Add(new JinjaTuple(arguments.Positional));
            return true;
        }),
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)items.Count - i,
        ["revindex0"] = items.Count - i - 1L,
        ["first"] = i == 0,
        ["last"] = i == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = i > 0 ? items[i - 1] : new JinjaUndefined("loop.previtem"),
        ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new JinjaUndefined("loop.nextitem"),
        ["cycle"] = (JinjaFunction)(arguments => arguments.Positional.Count > 0
            ? arguments.Positional[i % arguments.Positional.Count]
            : throw new JinjaException("loop.cycle needs arguments")),
    };

    private bool Passes(object? item, JinjaScope scope)
    {
        scope.Spend(1);
        if (Condition is null)
            return true;
        var inner = scope.Inner();
        Assign(item, inner);
        return Condition.IsTrue(inner);
    }

    private void Assign(object? item, JinjaScope scope) => SetStatement.Unpack(Targets, item, scope);
}

internal sealed record SetStatement(IReadOnlyList<string> Targets, JinjaExpression Value, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        Unpack(Targets, JinjaLines.At(Line, () => Value.Evaluate(scope)), scope);
        return JinjaFlow.Next;
    }

    public static void Unpack(IReadOnlyList<string> targets, object? value, JinjaScope scope)
    {
        if (targets.Count == 1)
        {
            scope[targets[0]] = value;
            return;
        }
        var parts = JinjaValues.Items(value);
        if (parts.Count != targets.Count)
            throw new JinjaException($"{parts.Count} values cannot be set to {targets.Count} names");
        for (var i = 0; i < parts.Count; i++)
            scope[targets[i]] = parts[i];
    }
}

internal sealed record SetAttributeStatement(string Name, string Attribute, JinjaExpression Value, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output) => JinjaLines.At(Line, () =>
    {
        var ns = scope[Name] as JinjaNamespace ?? throw new JinjaException($"'{Name}' is not a namespace, so '{Name}.{Attribute}' cannot be set");
        ns[Attribute] = Value.Evaluate(scope);
        return JinjaFlow.Next;
    });
}

/// <param name="Filtered">The name by which <paramref name="Filters"/> know the body's text.</param>
internal sealed record SetBlockStatement(string Name, BodyStatement Body, string Filtered, JinjaExpression Filters, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        scope[Name] = FilterBlockStatement.Apply(Body, Filtered, Filters, Line, scope);
        return JinjaFlow.Next;
    }
}

/// <summary>Writes its body's text with filters put on it.</summary>
internal sealed record FilterBlockStatement(BodyStatement Body, string Filtered, JinjaExpression Filters, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        var text = JinjaValues.ToText(Apply(Body, Filtered, Filters, Line, scope));
        scope.Spend(text.Length);
        output.Append(text);
        return JinjaFlow.Next;
    }

    public static object? Apply(BodyStatement body, string filtered, JinjaExpression filters, int line, JinjaScope scope)
    {
        var inner = scope.Inner();
        var text = body.RenderToText(inner);
        inner[filtered] = text;
        return JinjaLines.At(line, () => filters.Evaluate(inner));
    }
}

/// <summary>Names that hold inside its body. Their values do not see each other.</summary>
internal sealed record WithStatement(IReadOnlyList<(string Name, JinjaExpression Value)> Names, BodyStatement Body, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        var inner = scope.Inner();
        foreach (var (name, value) in JinjaLines.At(Line, () => Names.Select(name => (name.Name, name.Value.Evaluate(scope))).ToList()))
            inner[name] = value;
        return Body.Render(inner, output);
    }
}

/// <summary>Calls a macro that may call back the statement's body as <c>caller()</c>.</summary>
internal sealed record CallBlockStatement(CallExpression Called, MacroStatement Caller, int Line) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        var caller = (JinjaFunction)(arguments => Caller.Call(scope, arguments));
        var call = Called with { Call = Called.Call with { Named = [.. Called.Call.Named, ("caller", new LiteralExpression(caller))] } };
        var text = JinjaLines.At(Line, () => JinjaValues.ToText(call.Evaluate(scope)));
        scope.Spend(text.Length);
        output.Append(text);
        return JinjaFlow.Next;
    }
}

internal sealed record MacroStatement(string Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, BodyStatement Body)
    : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, StringBuilder output)
    {
        scope[Name] = (JinjaFunction)(arguments => Call(scope, arguments));
        return JinjaFlow.Next;
    }

    public string Call(JinjaScope scope, JinjaArguments arguments)
    {
        var inner = scope.Inner();
        if (Parameters.All(parameter => parameter.Name != "caller"))
        {
            var named = new Dictionary<string, object?>(arguments.Named);
            inner["caller"] = named.Remove("caller", out var caller) ? caller : new JinjaUndefined("caller");
            arguments = arguments with { Named = named };
        }
        arguments.Allow([.. Parameters.Select(parameter => parameter.Name)]);
        for (var i = 0; i < Parameters.Count; i++)
        {
            var (name, fallback) = Parameters[i];
            inner[name] = arguments.Has(i, name) ? arguments.Get(i, name) : fallback is null ? new JinjaUndefined(name) : fallback.Evaluate(inner);
        }
        return Body.RenderToText(inner);
    }
}

/// <summary>Adds the line to errors that do not say theirs.</summary>
internal static class JinjaLines
{
    public static T At<T>(int line, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (JinjaException e) when (!e.Message.StartsWith("line ", StringComparison.Ordinal))
        {
            throw new JinjaException(e.Message, line);
        }
        catch (OverflowException)
        {
            throw new JinjaException("a number becomes too large", line);
        }
    }
}
