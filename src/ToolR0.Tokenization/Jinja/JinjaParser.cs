namespace ToolR0.Tokenization.Jinja;

/// <summary>Reads the statements of a template. What is outside the subset is refused by name, with its line.</summary>
internal sealed class JinjaParser
{
    private const int DeepestBlocks = 50;

    /// <summary>Names the text of a block that filters are put on; no template can name it.</summary>
    private const string Filtered = "{filtered}";

    private readonly JinjaTokens _tokens;
    private readonly JinjaExpressionParser _expressions;
    private int _depth;
    private int _loops;

    private JinjaParser(JinjaTokens tokens)
    {
        _tokens = tokens;
        _expressions = new JinjaExpressionParser(tokens);
    }

    /// <exception cref="JinjaException">The template is broken or outside the subset.</exception>
    public static BodyStatement Parse(string template)
    {
        var parser = new JinjaParser(new JinjaTokens(JinjaLexer.Read(template)));
        var body = parser.Body();
        return parser._tokens.Current.Kind == JinjaTokenKind.End ? body
            : throw parser._tokens.Wrong($"'{parser._tokens.Current.Value}' closes nothing");
    }

    /// <summary>Statements up to the end or to a tag that none of them begins with, which is left with its name as the current token.</summary>
    private BodyStatement Body(params string[] ends)
    {
        if (++_depth > DeepestBlocks)
            throw _tokens.Wrong("blocks are nested too deeply");
        var statements = new List<JinjaStatement>();
        while (_tokens.Current.Kind != JinjaTokenKind.End)
        {
            var token = _tokens.Take();
            if (token.Kind == JinjaTokenKind.Text)
            {
                statements.Add(new TextStatement(token.Value));
            }
            else if (token.Kind == JinjaTokenKind.OutputBegin)
            {
                statements.Add(new OutputStatement(_expressions.ParseTuple(), token.Line));
                _tokens.Expect(JinjaTokenKind.OutputEnd, "}}");
            }
            else
            {
                var name = _tokens.Current;
                if (ends.Contains(name.Value) || name.Value.StartsWith("end", StringComparison.Ordinal) || name.Value is "else" or "elif")
                {
                    if (!ends.Contains(name.Value))
                        throw _tokens.Wrong($"'{name.Value}' closes nothing");
                    break;
                }
                statements.Add(Statement());
            }
        }
        if (ends.Length > 0 && _tokens.Current.Kind == JinjaTokenKind.End)
            throw _tokens.Wrong($"'{ends[^1]}' is missing");
        _depth--;
        return new BodyStatement(statements);
    }

    private JinjaStatement Statement()
    {
        var line = _tokens.Current.Line;
        var name = _tokens.Name();
        switch (name)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                return Macro();
            case "break" or "continue" when _loops > 0:
                EndTag();
                return new LoopFlowStatement(name == "break" ? JinjaFlow.Break : JinjaFlow.Continue);
            case "call":
                return CallBlock(line);
            case "with":
                return With(line);
            case "filter":
                return FilterBlock(line);
            case "generation": // marks what the assistant says; changes no text
                EndTag();
                var body = Body("endgeneration");
                Close();
                return body;
            default:
                throw new JinjaException($"the statement '{name}' is not supported", line);
        }
    }

    private IfStatement If(int line)
    {
        var branches = new List<(JinjaExpression, BodyStatement)>();
        BodyStatement? otherwise = null;
        do
        {
            var condition = _expressions.ParseTuple();
            EndTag();
            branches.Add((condition, Body("elif", "else", "endif")));
        }
        while (_tokens.TryTakeName("elif"));
        if (_tokens.TryTakeName("else"))
        {
            EndTag();
            otherwise = Body("endif");
        }
        Close();
        return new IfStatement(branches, otherwise, line);
    }

    private ForStatement For(int line)
    {
        var targets = Targets();
        if (!_tokens.TryTakeName("in"))
            throw _tokens.Wrong("'in' is missing");
        var source = _expressions.ParseWithoutCondition();
        var condition = _tokens.TryTakeName("if") ? _expressions.Parse() : null;
        if (_tokens.IsName("recursive"))
            throw _tokens.Wrong("'recursive' is not supported");
        EndTag();
        _loops++;
        var body = Body("else", "endfor");
        _loops--;
        BodyStatement? otherwise = null;
        if (_tokens.TryTakeName("else"))
        {
            EndTag();
            otherwise = Body("endfor");
        }
        Close();
        return new ForStatement(targets, source, condition, body, otherwise, line);
    }

    private JinjaStatement Set(int line)
    {
        var targets = Targets();
        if (targets.Count == 1 && _tokens.TryTakeSymbol("."))
        {
            var attribute = _tokens.Name();
            _tokens.Expect(JinjaTokenKind.Symbol, "=");
            var assigned = _expressions.ParseTuple();
            EndTag();
            return new SetAttributeStatement(targets[0], attribute, assigned, line);
        }
        if (_tokens.TryTakeSymbol("="))
        {
            var value = _expressions.ParseTuple();
            EndTag();
            return new SetStatement(targets, value, line);
        }
        if (targets.Count > 1)
            throw _tokens.Wrong("'=' is missing");
        var filtered = new NameExpression(Filtered);
        var filters = _expressions.ParseFilters(filtered, beginsWithName: false);
        EndTag();
        var body = Body("endset");
        Close();
        return new SetBlockStatement(targets[0], body, Filtered, filters, line);
    }

    private FilterBlockStatement FilterBlock(int line)
    {
        var filters = _expressions.ParseFilters(new NameExpression(Filtered), beginsWithName: true);
        EndTag();
        var body = Body("endfilter");
        Close();
        return new FilterBlockStatement(body, Filtered, filters, line);
    }

    private WithStatement With(int line)
    {
        var names = new List<(string, JinjaExpression)>();
        while (_tokens.Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (names.Count > 0)
                _tokens.Expect(JinjaTokenKind.Symbol, ",");
            var name = _tokens.Name();
            _tokens.Expect(JinjaTokenKind.Symbol, "=");
            names.Add((name, _expressions.Parse()));
        }
        EndTag();
        var body = Body("endwith");
        Close();
        return new WithStatement(names, body, line);
    }

    private CallBlockStatement CallBlock(int line)
    {
        var parameters = _tokens.IsSymbol("(") ? Parameters() : [];
        var call = _expressions.ParseCall();
        EndTag();
        return new CallBlockStatement(call, new MacroStatement("caller", parameters, MacroBody("endcall")), line);
    }

    private MacroStatement Macro()
    {
        var name = _tokens.Name();
        var parameters = Parameters();
        EndTag();
        return new MacroStatement(name, parameters, MacroBody("endmacro"));
    }

    private List<(string, JinjaExpression?)> Parameters()
    {
        var parameters = new List<(string, JinjaExpression?)>();
        _tokens.Expect(JinjaTokenKind.Symbol, "(");
        while (!_tokens.TryTakeSymbol(")"))
        {
            if (parameters.Count > 0)
                _tokens.Expect(JinjaTokenKind.Symbol, ",");
            parameters.Add((_tokens.Name(), _tokens.TryTakeSymbol("=") ? _expressions.Parse() : null));
        }
        return parameters;
    }

    /// <summary>A loop around a macro is none of its own.</summary>
    private BodyStatement MacroBody(string end)
    {
        var loops = _loops;
        _loops = 0;
        var body = Body(end);
        _loops = loops;
        Close();
        return body;
    }

    private List<string> Targets()
    {
        var parenthesised = _tokens.TryTakeSymbol("(");
        var targets = new List<string> { _tokens.Name() };
        while (_tokens.TryTakeSymbol(","))
            targets.Add(_tokens.Name());
        if (parenthesised)
            _tokens.Expect(JinjaTokenKind.Symbol, ")");
        return targets;
    }

    /// <summary>The name of the closing tag, which is known to be right, and its end.</summary>
    private void Close()
    {
        _tokens.Take();
        if (_tokens.Current.Kind == JinjaTokenKind.Name)
            _tokens.Take(); // endmacro name
        EndTag();
    }

    private void EndTag() => _tokens.Expect(JinjaTokenKind.BlockEnd, "%}");
}

/// <summary>The tokens of a template and the place that the parser is at.</summary>
internal sealed class JinjaTokens(List<JinjaToken> tokens)
{
    private int _at;

    public JinjaToken Current => tokens[_at];

    public JinjaToken Next => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public JinjaToken Take() => tokens[_at < tokens.Count - 1 ? _at++ : _at];

    public bool IsName(string name) => Current.Kind == JinjaTokenKind.Name && Current.Value == name;

    public bool IsSymbol(string symbol) => Current.Kind == JinjaTokenKind.Symbol && Current.Value == symbol;

    public bool TryTakeName(string name)
    {
        var found = IsName(name);
        if (found)
            Take();
        return found;
    }

    public bool TryTakeSymbol(string symbol)
    {
        var found = IsSymbol(symbol);
        if (found)
            Take();
        return found;
    }

    public string Name() => Current.Kind == JinjaTokenKind.Name ? Take().Value : throw Wrong($"a name is missing before {Shown()}");

    public void Expect(JinjaTokenKind kind, string value)
    {
        if (Current.Kind != kind || (kind == JinjaTokenKind.Symbol && Current.Value != value))
            throw Wrong($"'{value}' is missing before {Shown()}");
        Take();
    }

    public string Shown() => Current.Kind switch
    {
        JinjaTokenKind.End => "the end",
        JinjaTokenKind.BlockEnd => "'%}'",
        JinjaTokenKind.OutputEnd => "'}}'",
        _ => $"'{Current.Value}'",
    };

    public JinjaException Wrong(string what) => new(what, Current.Line);
}
