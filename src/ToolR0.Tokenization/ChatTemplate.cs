using System.Globalization;
using System.Text.Json;
using ToolR0.Tokenization.Jinja;

namespace ToolR0.Tokenization;

/// <summary>What a conversation is written with besides its turns.</summary>
public sealed record ChatOptions
{
    /// <summary>Ends with what opens the assistant's turn.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Tools in JSON as the template expects them, usually <c>{"type":"function","function":{…}}</c>; null offers none.</summary>
    public IReadOnlyList<JsonElement>? Tools { get; init; }

    /// <summary>Further variables of the template, such as <c>enable_thinking</c> or <c>date_string</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>
    /// What <c>strftime_now</c> tells. Null, the default, leaves that function undefined: a template then writes its fixed date, so that the same
    /// conversation has the same tokens on any day.
    /// </summary>
    public DateTimeOffset? Now { get; init; }
}

/// <summary>A model's chat template: the part of Jinja that such templates use, rendered as transformers renders it. Safe for use by many
/// threads.</summary>
internal sealed class ChatTemplate
{
    private const int LongestTemplate = 1 << 20;
    private const int LongestRange = 100_000;

    private readonly BodyStatement _body;
    private readonly IReadOnlyDictionary<string, string> _specialTokens;

    /// <exception cref="JinjaException">The template is broken or uses what is not supported; the message names it and its line.</exception>
    public ChatTemplate(string template, IReadOnlyDictionary<string, string> specialTokens)
    {
        if (template.Length > LongestTemplate)
            throw new JinjaException($"the template is longer than {LongestTemplate} characters");
        _body = Guarded(() => JinjaParser.Parse(template));
        _specialTokens = specialTokens;
    }

    /// <exception cref="JinjaException">The template raises an error or fails on these messages.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatOptions options)
    {
        var names = new Dictionary<string, object?>
        {
            ["messages"] = messages.Select(Message).ToList(),
            ["tools"] = options.Tools?.Select(JinjaValues.FromJson).ToList(),
            ["documents"] = null,
            ["add_generation_prompt"] = options.AddGenerationPrompt,
            ["raise_exception"] =
                (JinjaFunction)(arguments => throw new JinjaException(JinjaValues.ToText(arguments.Allow("message").Get(0, "message")))),
            ["namespace"] = (JinjaFunction)Namespace,
            ["range"] = (JinjaFunction)Range,
            ["dict"] = (JinjaFunction)Dictionary,
            ["joiner"] = (JinjaFunction)Joiner,
        };
        if (options.Now is { } now)
            names["strftime_now"] = (JinjaFunction)(arguments => Format(now, arguments.Allow("format").Text(0, "format") ?? ""));
        foreach (var (name, token) in _specialTokens)
            names[name] = token;
        foreach (var (name, value) in options.Variables)
            names[name] = JinjaValues.FromJson(value);
        return Guarded(() => _body.RenderToText(new JinjaScope(names)));
    }

    private static T Guarded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException($"the template nests its parts too deeply: {e.Message}");
        }
    }

    private static object? Message(ChatMessage message)
    {
        var map = new JinjaMap { ["role"] = message.Role };
        if (message.Content is not null)
            map["content"] = message.Content;
        foreach (var (name, value) in message.Fields)
            map[name] = JinjaValues.FromJson(value);
        return map;
    }

    private static object? Namespace(JinjaArguments arguments)
    {
        var ns = new JinjaNamespace();
        foreach (var (key, value) in Dictionary(arguments))
            ns[JinjaValues.ToText(key.Value)] = value;
        return ns;
    }

    private static JinjaMap Dictionary(JinjaArguments arguments)
    {
        var map = new JinjaMap();
        foreach (var given in arguments.Positional)
        {
            if (given is List<object?> pairs && pairs.All(pair => pair is List<object?> { Count: 2 }))
            {
                foreach (var pair in pairs.Cast<List<object?>>())
                    map[JinjaKey.Of(pair[0])] = pair[1];
                continue;
            }
            foreach (var (key, value) in given as JinjaMap ?? throw new JinjaException($"{arguments.Function} needs a dict or named arguments"))
                map[key] = value;
        }
        foreach (var (name, value) in arguments.Named)
            map[name] = value;
        return map;
    }

    private static object? Range(JinjaArguments arguments)
    {
        arguments.Allow("start", "stop", "step");
        var numbers = arguments.Positional.Select(JinjaValues.ToInt).ToArray();
        if (numbers.Length == 0 || numbers is [_, _, 0])
            throw new JinjaException("range needs one to three whole numbers, the last of which is not 0");
        long start = numbers.Length == 1 ? 0 : numbers[0];
        long stop = numbers.Length == 1 ? numbers[0] : numbers[1];
        long step = numbers.Length == 3 ? numbers[2] : 1;
        var items = new List<object?>();
        for (var i = start; step > 0 ? i < stop : i > stop; i += step)
        {
            if (items.Count >= LongestRange)
                throw new JinjaException($"range makes more than {LongestRange} numbers");
            items.Add(i);
        }
        arguments.Scope.Spend(items.Count);
        return new JinjaView("range", items, step == 1 ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})");
    }

    /// <summary>A function that gives nothing at its first call and the separator afterwards.</summary>
    private static object? Joiner(JinjaArguments arguments)
    {
        var separator = arguments.Allow("sep").Get(0, "sep", ", ");
        var used = false;
        return (JinjaFunction)(call =>
        {
            call.Allow();
            var first = !used;
            used = true;
            return first ? "" : separator;
        });
    }

    private static string Format(DateTimeOffset now, string format)
    {
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            var pattern = format[++i] switch
            {
                'd' => "dd",
                'm' => "MM",
                'Y' => "yyyy",
                'y' => "yy",
                'B' => "MMMM",
                'b' => "MMM",
                'A' => "dddd",
                'a' => "ddd",
                'H' => "HH",
                'I' => "hh",
                'M' => "mm",
                'S' => "ss",
                'p' => "tt",
                '%' => "'%'",
                var c => throw new JinjaException($"strftime_now: '%{c}' is not supported"),
            };
            text.Append(now.ToString(pattern, CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }
}
