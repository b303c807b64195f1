using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using ToolR0.Contracts;
using ChatFinishReason = OpenAI.Chat.ChatFinishReason;
using ChatMessage = OpenAI.Chat.ChatMessage;

namespace ToolR0.Serving.Tests;

/// <summary>Conversations with tools, as the official clients hold them.</summary>
public sealed class ChatTests(Served served) : IClassFixture<Served>
{
    /// <summary>An item that the shipped base answers with calls.</summary>
    private static HeldOutItem Item => Served.Items[0];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ChatClient Client => new(
        Served.Name, new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = served.Server.Address, RetryPolicy = new ClientRetryPolicy(0) });

    private static ChatCompletionOptions Options(HeldOutItem item)
    {
        var options = new ChatCompletionOptions { Temperature = 0 };
        foreach (var tool in item.Task.Menu)
        {
            var function = Served.Element(Served.Function(tool)).GetProperty("function");
            options.Tools.Add(ChatTool.CreateFunctionTool(
                tool.Name, tool.Description, BinaryData.FromString(function.GetProperty("parameters").GetRawText())));
        }

        return options;
    }

    [Fact]
    public async Task The_official_client_calls_a_tool_and_goes_on_with_its_result()
    {
        var messages = new List<ChatMessage> { new UserChatMessage(Item.Task.Question) };
        var answer = (await Client.CompleteChatAsync(messages, Options(Item), Cancellation)).Value;
        answer.FinishReason.ShouldBe(ChatFinishReason.ToolCalls);
        answer.ToolCalls.Count.ShouldBe(1);
        answer.ToolCalls[0].FunctionName.ShouldBeOneOf([.. Item.Task.Menu.Select(tool => tool.Name)]);
        JsonDocument.Parse(answer.ToolCalls[0].FunctionArguments).RootElement.ValueKind.ShouldBe(JsonValueKind.Object);
        answer.Usage.OutputTokenCount.ShouldBeGreaterThan(0);
        answer.Usage.TotalTokenCount.ShouldBe(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount);

        messages.Add(new AssistantChatMessage(answer));
        messages.Add(new ToolChatMessage(answer.ToolCalls[0].Id, "42"));
        var next = (await Client.CompleteChatAsync(messages, Options(Item), Cancellation)).Value;
        next.Usage.InputTokenCount.ShouldBeGreaterThan(answer.Usage.InputTokenCount);
    }

    [Fact]
    public async Task The_official_client_streams_the_same_answer()
    {
        var whole = (await Client.CompleteChatAsync([new UserChatMessage(Item.Task.Question)], Options(Item), Cancellation)).Value;
        string name = "", arguments = "";
        ChatFinishReason? finish = null;
        ChatTokenUsage? usage = null;
        await foreach (var update in Client.CompleteChatStreamingAsync([new UserChatMessage(Item.Task.Question)], Options(Item), Cancellation))
        {
            foreach (var call in update.ToolCallUpdates)
                (name, arguments) = (name + call.FunctionName, arguments + call.FunctionArgumentsUpdate);
            finish ??= update.FinishReason;
            usage ??= update.Usage;
        }

        name.ShouldBe(whole.ToolCalls[0].FunctionName);
        arguments.ShouldBe(whole.ToolCalls[0].FunctionArguments.ToString());
        finish.ShouldBe(ChatFinishReason.ToolCalls);
        usage!.OutputTokenCount.ShouldBe(whole.Usage.OutputTokenCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Microsofts_client_calls_tools_by_itself(bool streamed)
    {
        var called = new List<string>();
        var tools = Item.Task.Menu.Select(tool => (AITool)new Function(tool, called)).ToList();
        using var client = Client.AsIChatClient().AsBuilder().UseFunctionInvocation(configure: c => c.MaximumIterationsPerRequest = 2).Build();
        var options = new ChatOptions { Temperature = 0, Tools = tools };
        var messages = new List<Microsoft.Extensions.AI.ChatMessage> { new(ChatRole.User, Item.Task.Question) };
        var contents = streamed
            ? (await client.GetStreamingResponseAsync(messages, options, Cancellation).ToChatResponseAsync(Cancellation)).Messages
            : (await client.GetResponseAsync(messages, options, Cancellation)).Messages;
        called.ShouldNotBeEmpty();
        contents.SelectMany(message => message.Contents).OfType<FunctionResultContent>().First().Result!.ToString().ShouldBe("42");
    }

    [Fact]
    public async Task Text_streams_as_it_is_drawn_and_adds_up_to_the_whole()
    {
        ChatMessage[] messages = [new UserChatMessage("Say something.")];
        var options = new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 24 };
        var whole = (await Client.CompleteChatAsync(messages, options, Cancellation)).Value;
        var parts = new List<string>();
        await foreach (var update in Client.CompleteChatStreamingAsync(messages, options, Cancellation))
            parts.AddRange(update.ContentUpdate.Select(part => part.Text).Where(text => text.Length > 0));
        string.Concat(parts).ShouldBe(whole.Content[0].Text);
        parts.Count.ShouldBeGreaterThan(2);
    }

    /// <summary>A tool that says which was called.</summary>
    private sealed class Function(ToolSpec tool, List<string> called) : AIFunction
    {
        public override string Name => tool.Name;

        public override string Description => tool.Description;

        public override JsonElement JsonSchema => Served.Element(Served.Function(tool)).GetProperty("function").GetProperty("parameters").Clone();

        protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
        {
            called.Add(tool.Name);
            return new ValueTask<object?>("42");
        }
    }
}
