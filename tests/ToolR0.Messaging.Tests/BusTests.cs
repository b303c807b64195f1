using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.Messaging.Tests;

public sealed class BusTests
{
    [Fact]
    public async Task Options_of_a_run_cross_the_bus_unchanged()
    {
        var options = new RunOptions
        {
            Preset = "nano",
            Seed = long.MaxValue - 1,
            Specs = new SpecOptions { Domains = new Dictionary<string, double> { ["Finance"] = 1.5, ["travel"] = 2 } },
            Prompts = new PromptOptions { Set = PromptSet.Compact },
            Curriculum = new CurriculumOptions { Compare = VerifyCompare.Calls, LabelBy = LabelBy.Judge },
            Evaluation = new EvaluationOptions { Sets = ["seen", "unseen"] },
        };
        await using var provider = Bed();
        var harness = provider.GetRequiredService<ITestHarness>();
        await harness.Start();

        await provider.GetRequiredService<CommandSender>().SendAsync(
            new StartRun("r", options, "abc", [new HeldOutSet("seen", "def", 500)]), TestContext.Current.CancellationToken);

        var received = (await harness.Consumed.SelectAsync<StartRun>(TestContext.Current.CancellationToken).First()).Context.Message;
        JsonSerializer.Serialize(received.Options).ShouldBe(JsonSerializer.Serialize(options));
        received.HeldOut.ShouldBe([new HeldOutSet("seen", "def", 500)]);
    }

    [Fact]
    public async Task A_message_over_64_KiB_is_refused_where_it_is_sent()
    {
        await using var provider = Bed();
        await provider.GetRequiredService<ITestHarness>().Start();
        var sender = provider.GetRequiredService<CommandSender>();

        var refusal = await Should.ThrowAsync<MessageTooLargeException>(
            () => sender.SendAsync(new PauseRun(new string('x', 66_000)), TestContext.Current.CancellationToken));

        refusal.Message.ShouldContain("PauseRun");
        refusal.Message.ShouldContain("65536");
        await sender.SendAsync(new PauseRun(new string('x', 10_000)), TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("kafka", null, "ToolR0:Bus is 'kafka'")]
    [InlineData("rabbitmq", "localhost", "ToolR0:RabbitMq is 'localhost'")]
    [InlineData("rabbitmq", "http://me:secret@host/", "ToolR0:RabbitMq is '…@host/'")]
    public void Wrong_settings_are_refused_by_name(string bus, string? rabbit, string expected) =>
        Should.Throw<FormatException>(() => BusOptions.Parse(bus, rabbit)).Message.ShouldStartWith(expected);

    [Theory]
    [InlineData("amqp://u:p@host/", "amqp://host:5672/")]
    [InlineData("amqp://u:p@host:1234/v", "amqp://host:1234/v")]
    public void An_address_is_shown_without_its_password(string rabbit, string expected) =>
        BusOptions.Parse("rabbitmq", rabbit).Address.ShouldBe(expected);

    [Fact]
    public async Task An_unreachable_broker_is_one_clear_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var error = await Should.ThrowAsync<BusUnreachableException>(() => BusProbe.CheckAsync(
            BusOptions.Parse("rabbitmq", $"amqp://me:secret@127.0.0.1:{port}/"), cancellation: TestContext.Current.CancellationToken));

        error.Message.ShouldBe($"RabbitMQ at amqp://127.0.0.1:{port}/ cannot be used: Connection refused");
    }

    [Fact]
    public async Task A_broker_that_never_answers_is_given_up_in_time()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var error = await Should.ThrowAsync<BusUnreachableException>(() => BusProbe.CheckAsync(
            BusOptions.Parse("rabbitmq", $"amqp://127.0.0.1:{port}/"), TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));

        error.Message.ShouldStartWith($"RabbitMQ at amqp://127.0.0.1:{port}/ cannot be used: ");
    }

    [Fact]
    public void Every_command_has_a_queue()
    {
        Type[] commands =
        [
            typeof(ProposeTasks), typeof(AttemptTasks), typeof(ExecuteToolCalls), typeof(ScoreProposals), typeof(ScoreAttempts),
            typeof(FilterCandidates), typeof(RateCandidates), typeof(LabelCandidates), typeof(TrainPolicy),
            typeof(StartRun), typeof(PauseRun), typeof(ResumeRun), typeof(CancelRun),
        ];

        commands.Select(Queues.Of).ShouldBeSubsetOf(Queues.All);
        Should.Throw<ArgumentException>(() => Queues.Of(typeof(FactsStored)));
    }

    private static ServiceProvider Bed()
    {
        var services = new ServiceCollection();
        services.AddSingleton<CommandSender>();
        services.AddMassTransitTestHarness(bus =>
        {
            bus.AddConsumer<Listener>().Endpoint(endpoint => endpoint.Name = Queues.Coordinator);
            bus.AddToolR0Transport(BusOptions.Memory);
        });
        return services.BuildServiceProvider(true);
    }

    public sealed class Listener : IConsumer<StartRun>, IConsumer<PauseRun>
    {
        public Task Consume(ConsumeContext<StartRun> context) => Task.CompletedTask;

        public Task Consume(ConsumeContext<PauseRun> context) => Task.CompletedTask;
    }
}
