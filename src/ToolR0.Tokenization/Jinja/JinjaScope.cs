namespace ToolR0.Tokenization.Jinja;

/// <summary>
/// The names that a part of a template sees. A name set inside a loop or macro is gone at its end. One budget, shared by all scopes of a rendering,
/// bounds the work: a template cannot run forever or write without end.
/// </summary>
internal sealed class JinjaScope
{
    private const int MostSteps = 4_000_000;
    private const int LongestValue = 64 << 20;

    /// <summary>Expressions inside each other, calls of macros included. A limit of its own: what a stack holds depends on thread, build and compiler
    /// tier.</summary>
    private const int Deepest = 1000;

    private readonly JinjaScope? _parent;
    private readonly Budget _budget;
    private readonly Dictionary<string, object?> _names;

    public JinjaScope(Dictionary<string, object?> names)
    {
        _names = names;
        _budget = new Budget();
    }

    private JinjaScope(JinjaScope parent)
    {
        _parent = parent;
        _budget = parent._budget;
        _names = [];
    }

    public object? this[string name]
    {
        get
        {
            for (var scope = this; scope is not null; scope = scope._parent)
            {
                if (scope._names.TryGetValue(name, out var value))
                    return value;
            }
            return new JinjaUndefined(name);
        }
        set => _names[name] = value;
    }

    public JinjaScope Inner() => new(this);

    /// <summary>Charges the work of making or visiting <paramref name="size"/> characters or items.</summary>
    public void Spend(long size)
    {
        _budget.Steps += 1 + (size / 16);
        if (_budget.Steps > MostSteps || size > LongestValue)
            throw new JinjaException("the template does more work than is allowed");
    }

    /// <summary>Goes into an expression; to be followed by <see cref="Leave"/>.</summary>
    public void Enter()
    {
        if (++_budget.Depth > Deepest)
            throw new JinjaException($"the template nests its parts too deeply: more than {Deepest} expressions inside each other");
    }

    public void Leave() => _budget.Depth--;

    private sealed class Budget
    {
        public long Steps { get; set; }

        public int Depth { get; set; }
    }
}

/// <summary>The arguments of a call, by position and by name, and the scope it is made in.</summary>
internal sealed record JinjaArguments(string Function, List<object?> Positional, Dictionary<string, object?> Named, JinjaScope Scope)
{
    /// <summary>Checks that there are at most these arguments.</summary>
    public JinjaArguments Allow(params string[] names)
    {
        if (Positional.Count > names.Length)
            throw new JinjaException($"{Function} takes at most {names.Length} arguments, not {Positional.Count}");
        foreach (var name in Named.Keys)
        {
            var index = Array.IndexOf(names, name);
            if (index < 0 || index < Positional.Count)
                throw new JinjaException($"{Function} does not take the argument {name}");
        }
        return this;
    }

    public bool Has(int index, string name) => index < Positional.Count || Named.ContainsKey(name);

    public object? Get(int index, string name, object? fallback = null) =>
        index < Positional.Count ? Positional[index] : Named.TryGetValue(name, out var value) ? value : fallback;

    public object? Need(int index, string name) =>
        Has(index, name) ? Get(index, name) : throw new JinjaException($"{Function} needs the argument {name}");

    public string? Text(int index, string name) => Get(index, name) switch
    {
        null => null,
        string text => text,
        var other => throw new JinjaException($"{Function}: {name} is a {JinjaValues.TypeOf(other)}, not a str"),
    };
}
