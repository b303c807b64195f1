using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Tokenization;

namespace ToolR0.Serving.Conversations;

/// <summary>A prompt.</summary>
/// <param name="Opening">How the answer begins, where that is given: it belongs to the prompt's tokens and to the answer's text.</param>
public sealed record WrittenPrompt(int[] Tokens, string Opening);

/// <summary>
/// Writes conversations as a model's prompts. Where it is known which prompt set the model was trained with, tools and the last question are asked as
/// in training; else its own chat template is given the tools. No text of a conversation becomes a special token.
/// </summary>
/// <param name="prompts">Null where it is not known.</param>
public sealed class PromptWriter(Tokenizer tokenizer, PromptOptions? prompts)
{
    private const string TemplateTag = "<tool_call>";

    private readonly Lazy<string?> _probe = new(() => Probe(tokenizer));

    /// <summary>What the model was trained with, or its chat template.</summary>
    public string Kind => prompts is null ? "chat template" : $"{prompts.Set.ToString().ToLowerInvariant()} prompts";

    /// <summary>About so many tokens of a tool stand on a menu.</summary>
    public int ToolTokens => (prompts ?? new PromptOptions()).ToolTokens;

    /// <exception cref="ConversationException">The model cannot be given this conversation.</exception>
    public WrittenPrompt Write(Conversation conversation)
    {
        var begins = conversation is { Rule: CallRule.Required, ShowsTools: true };
        var opening = begins ? Opening(conversation.Wanted, name => name) : "";
        var guarded = begins ? Opening(conversation.Wanted, tokenizer.Guard) : "";
        if (!tokenizer.HasChatTemplate)
            throw new ConversationException("messages", "the model has no chat template; completions take a whole prompt");
        var turns = prompts is null ? [.. conversation.Turns.Select(AsTemplateTakesIt)] : AsTrained(conversation, prompts);
        var offers = conversation.ShowsTools && prompts is null;
        if (offers && _probe.Value is null)
        {
            throw new ConversationException(
                "tools", "the model's chat template has no place for tools, and its folder does not say how it was trained");
        }

        var options = new ChatOptions { Tools = offers ? [.. conversation.Tools.Select(tool => tokenizer.Guard(tool.Function))] : null };
        try
        {
            return new WrittenPrompt(
                [.. tokenizer.EncodeGuarded(tokenizer.RenderChat(turns, options)), .. tokenizer.EncodeGuarded(guarded)], opening);
        }
        catch (InvalidDataException e)
        {
            throw new ConversationException("messages", $"the model's chat template does not take them: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private List<ChatMessage> AsTrained(Conversation conversation, PromptOptions options)
    {
        var turns = conversation.Turns;
        var last = turns.ToList().FindLastIndex(turn => turn.Role == "user");
        if (!conversation.ShowsTools || last < 0)
            return [.. turns.Select(turn => new ChatMessage(turn.Role, tokenizer.Guard(Said(turn, options))))];

        var menu = conversation.Tools.Select(tool => tool.Spec).ToList();
        var asked = SolverPrompt.Render(new ToolTask(turns[last].Text, menu, []), options)
            .Select(turn => (turn.Role, Content: tokenizer.Guard(turn.Content))).ToList();
        var system = asked.Where(turn => turn.Role == "system")
            .Concat(turns.Where(turn => turn.Role == "system").Select(turn => (turn.Role, Content: tokenizer.Guard(turn.Text)))).ToList();
        var messages = new List<ChatMessage>();
        if (system.Count > 0)
            messages.Add(new ChatMessage("system", string.Join("\n\n", system.Select(turn => turn.Content))));
        messages.AddRange(asked.SkipLast(1).Where(turn => turn.Role != "system").Select(turn => new ChatMessage(turn.Role, turn.Content)));
        for (var i = 0; i < turns.Count; i++)
        {
            if (i == last)
                messages.Add(new ChatMessage(asked[^1].Role, asked[^1].Content));
            else if (turns[i].Role != "system")
                messages.Add(new ChatMessage(turns[i].Role, tokenizer.Guard(Said(turns[i], options))));
        }

        return messages;
    }

    /// <summary>What a turn said, its calls in the format in which the model was trained to write them.</summary>
    private static string Said(Turn turn, PromptOptions options) =>
        turn.Calls is { Count: > 0 } calls ? turn.Text + SolverPrompt.Answer([.. calls.Select(call => call.Call)], options) : turn.Text;

    private ChatMessage AsTemplateTakesIt(Turn turn)
    {
        var fields = new Dictionary<string, JsonElement>();
        if (turn.Calls is { Count: > 0 } calls)
        {
            // Templates write arguments as JSON themselves, so they are given values and not text.
            var list = new JsonArray([.. calls.Select(call => new JsonObject
            {
                ["id"] = call.Id,
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = call.Call.Name, ["arguments"] = Arguments(call.Call) },
            })]);
            fields["tool_calls"] = tokenizer.Guard(JsonSerializer.SerializeToElement(list));
        }

        if (turn.CallId is { } id)
            fields["tool_call_id"] = tokenizer.Guard(JsonSerializer.SerializeToElement(id));
        if (turn.Name is { } name)
            fields["name"] = tokenizer.Guard(JsonSerializer.SerializeToElement(name));
        return new ChatMessage(turn.Role, tokenizer.Guard(turn.Text)) { Fields = fields };
    }

    private static JsonObject Arguments(ToolCall call)
    {
        var arguments = new JsonObject();
        foreach (var (name, value) in call.Arguments)
            arguments[name] = JsonNode.Parse(value.GetRawText());
        return arguments;
    }

    /// <summary>How an answer that calls something begins.</summary>
    /// <param name="write">Writes the name of the tool that is wanted.</param>
    private string Opening(string? wanted, Func<string, string> write)
    {
        var call = wanted is null ? "" : $"{write(JsonSerializer.Serialize(wanted, CallText.Layout)[1..^1])}\"";
        if (prompts is not null)
            return prompts.Set == PromptSet.Signatures ? SignatureFormat.Beginning + call : $"<{Tags.Answer}>[{{\"name\":\"{call}";
        return _probe.Value?.Contains(TemplateTag, StringComparison.Ordinal) == true
            ? $"{TemplateTag}\n{{\"name\": \"{call}"
            : throw new ConversationException("tool_choice", "the model's chat template does not say how calls begin: must be \"auto\" or \"none\"");
    }

    /// <summary>What the chat template writes of a tool; null where it does not show it.</summary>
    private static string? Probe(Tokenizer tokenizer)
    {
        ChatMessage[] turns = [new("user", "?")];
        var tool = JsonSerializer.SerializeToElement(new
        {
            type = "function",
            function = new { name = "probe", description = "A probe.", parameters = new { type = "object", properties = new { } } },
        });
        try
        {
            var with = tokenizer.RenderChat(turns, new ChatOptions { Tools = [tool] });
            return with == tokenizer.RenderChat(turns) ? null : with;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
