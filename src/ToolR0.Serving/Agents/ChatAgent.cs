using System.Threading.Channels;
using ToolR0.Contracts;
using ToolR0.Policies;
using ToolR0.Policies.Sampling;
using ToolR0.Serving.Conversations;
using ToolR0.Serving.Models;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.Serving.Agents;

/// <summary>A conversation of a person with a model that calls the person's tools.</summary>
/// <param name="model">Not owned.</param>
/// <param name="servers">Null for no tools. Not owned.</param>
public sealed class ChatAgent(ServedModel model, ToolServerSet? servers, AgentOptions options, AgentConsole console)
{
    private readonly AgentTools _tools = new(servers, model.Writer.ToolTokens);
    private readonly List<Turn> _turns = [];
    private int _calls;
    private long _answers;

    /// <summary>Loads the model, starts the servers of tools, and talks until the input ends.</summary>
    /// <param name="path">A folder or a GGUF file.</param>
    /// <param name="environment">Where variables of the file of tools have their values.</param>
    /// <exception cref="UserErrorException">The model or the file of tools cannot be read.</exception>
    public static async Task RunAsync(
        string path, AgentOptions options, AgentConsole console, IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        var source = options.ToolsFile is { } file ? ToolSourceReader.Read(file, environment) : null;
        TorchRuntime.Configure(Environment.ProcessorCount);
        using var model = ServedModel.Load(path, "", places: 1);
        await using var servers = source is null ? null : await ToolServerSet.StartAsync(source, options.Tools, cancellation);
        foreach (var state in servers?.Servers.Where(state => state.Server.Enabled && state.Session is null) ?? [])
            await console.NoteAsync($"{state.Server.Name} is not running: {state.Reason}");
        await console.NoteAsync($"{model.Sha256[..12]}, {model.Writer.Kind}, {servers?.Catalogue.Tools.Count ?? 0} tools");
        await new ChatAgent(model, servers, options, console).TalkAsync(cancellation);
    }

    /// <summary>Answers questions until the input ends.</summary>
    public async Task TalkAsync(CancellationToken cancellation)
    {
        while (await console.QuestionAsync(cancellation) is { } question)
        {
            try
            {
                await AnswerAsync(question, cancellation);
            }
            catch (ConversationException e)
            {
                // What does not fit is forgotten, so that the next question has room.
                var last = _turns.FindLastIndex(turn => turn.Role == "user");
                _turns.RemoveRange(last, _turns.Count - last);
                await console.NoteAsync(e.Message);
            }
        }
    }

    private async Task AnswerAsync(string question, CancellationToken cancellation)
    {
        _turns.Add(new Turn("user", question));
        for (var turn = 0; turn < options.MostTurns; turn++)
        {
            var read = await SayAsync(cancellation);
            if (!read.CallsSomething)
            {
                _turns.Add(new Turn("assistant", read.Text));
                return;
            }

            List<AskedCall> calls = [.. read.Calls!.Select(call => new AskedCall($"call_{++_calls}", call))];
            _turns.Add(new Turn("assistant", read.Text, calls));
            foreach (var call in calls)
                _turns.Add(new Turn("tool", await ResultAsync(call.Call, cancellation), CallId: call.Id, Name: call.Call.Name));
        }

        await console.NoteAsync($"stopped: --max-turns {options.MostTurns}");
    }

    /// <summary>The model's next turn, shown as it is drawn.</summary>
    private async Task<ReadAnswer> SayAsync(CancellationToken cancellation)
    {
        var prompt = Fitting();
        var text = model.Text(prompt.Opening, [], mayCall: _tools.Offered.Count > 0);
        var request = new LiveRequest(prompt.Tokens, Seeds.Derive(options.Seed, $"answer/{_answers++}"), options.Sampling, []);
        var tokens = Channel.CreateUnbounded<int>(new UnboundedChannelOptions { SingleReader = true });
        var sampling = SampleAsync();
        await foreach (var token in tokens.Reader.ReadAllAsync(cancellation))
            await console.ShowAsync(text.Append(token));
        var answer = await sampling;
        text.End();
        var read = ReadAnswer.Of(text.Whole, [.. _tools.Offered.Select(tool => tool.Spec.Name)]);
        await console.ShowAsync(text.Finish(read.Text.Length));
        if (read.Text.Length > 0)
            await console.ShowAsync("\n");
        if (answer.Finish == FinishReason.Length)
            await console.NoteAsync("cut at the limit");
        if (read.Calls is { Count: 0 })
            await console.NoteAsync("no tool fits");
        return read;

        async Task<Trajectory> SampleAsync()
        {
            try
            {
                return await model.SampleAsync(request, token => tokens.Writer.TryWrite(token), cancellation);
            }
            finally
            {
                tokens.Writer.Complete();
            }
        }
    }

    /// <summary>The conversation as far back as the model has room for: the oldest questions go first, with all that followed them.</summary>
    private WrittenPrompt Fitting()
    {
        while (true)
        {
            var prompt = model.Writer.Write(new Conversation(_turns, _tools.Offered));
            if (prompt.Tokens.Length < model.MaxPositions)
                return prompt;
            var next = _turns.FindIndex(1, turn => turn.Role == "user");
            if (next < 0)
                throw new ConversationException("messages", $"{prompt.Tokens.Length} tokens are more than the model's {model.MaxPositions}");
            _turns.RemoveRange(0, next);
        }
    }

    /// <summary>What the model is told of a call.</summary>
    private async Task<string> ResultAsync(ToolCall call, CancellationToken cancellation)
    {
        await console.CallAsync(call);
        var changes = _tools.ChangesSomething(call.Name);
        if ((changes || options.Ask == AskRule.All) && !await console.AgreesAsync(call, changes, cancellation))
            return "error: the user refused this call";
        var result = await _tools.CallAsync(call, cancellation);
        await console.ResultAsync(result);
        return result.Fault == CallFault.None ? result.Text : $"error: {result.Error}";
    }
}
