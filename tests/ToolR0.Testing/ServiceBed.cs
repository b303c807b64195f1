using System.Threading.Channels;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;

namespace ToolR0.Testing;

/// <summary>One service on the in-memory bus over an in-memory store, with a listener for what it publishes.</summary>
public sealed class ServiceBed : IAsyncDisposable
{
    private readonly IHost _host;

    private ServiceBed(IHost host, InMemoryFactLog log)
    {
        _host = host;
        Log = log;
    }

    public InMemoryFactLog Log { get; }

    private Listener Heard => _host.Services.GetRequiredService<Listener>();

    public static async Task<ServiceBed> StartAsync(
        Action<IServiceCollection> services, Action<IBusRegistrationConfigurator> consumers, InMemoryFactLog? log = null, int workers = 2)
    {
        var store = log ?? new InMemoryFactLog();
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IFactLog>(store).AddSingleton(new WorkerOptions(workers)).AddSingleton<Listener>();
        services(builder.Services);
        builder.Services.AddToolR0Bus(BusOptions.Memory, bus =>
        {
            consumers(bus);
            bus.AddConsumer<Listener>();
        });
        var host = builder.Build();
        await host.StartAsync();
        return new ServiceBed(host, store);
    }

    /// <summary>Sends a command and waits for its answer: <see cref="FactsStored"/> or <see cref="ShardFailed"/>.</summary>
    public async Task<object> AskAsync<TCommand>(TCommand command)
        where TCommand : class, IShardCommand
    {
        await _host.Services.GetRequiredService<CommandSender>().SendAsync(command, "test");
        return await Heard.Answers.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    public sealed class Listener : IConsumer<FactsStored>, IConsumer<ShardFailed>
    {
        private readonly Channel<object> _answers = Channel.CreateUnbounded<object>();

        public ChannelReader<object> Answers => _answers.Reader;

        public async Task Consume(ConsumeContext<FactsStored> context) => await _answers.Writer.WriteAsync(context.Message);

        public async Task Consume(ConsumeContext<ShardFailed> context) => await _answers.Writer.WriteAsync(context.Message);
    }
}
