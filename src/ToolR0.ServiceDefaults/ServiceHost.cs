using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Messaging;

namespace ToolR0.ServiceDefaults;

/// <summary>Where a process finds what it shares with the others.</summary>
/// <param name="Postgres">Connection string of the event store.</param>
/// <param name="Home">Folder of policies and reports.</param>
public sealed record ServiceSettings(string Postgres, BusOptions Bus, string Home, WorkerOptions Workers)
{
    /// <summary>
    /// Reads <c>ToolR0:Postgres</c>, <c>ToolR0:Bus</c>, <c>ToolR0:RabbitMq</c>, <c>ToolR0:Home</c>, <c>ToolR0:Workers</c>, or the same as
    /// <c>TOOLR0_POSTGRES</c> and so on.
    /// </summary>
    /// <exception cref="FormatException">Names the setting, its value and the rule.</exception>
    public static ServiceSettings From(IConfiguration configuration)
    {
        string? Get(string name) => configuration[$"ToolR0:{name}"] is { Length: > 0 } value ? value
            : configuration[$"TOOLR0_{name.ToUpperInvariant()}"] is { Length: > 0 } variable ? variable : null;

        var workers = Get("Workers") is not { } text ? WorkerOptions.Default
            : int.TryParse(text, out var count) && count is >= 1 and <= 1024 ? new WorkerOptions(count)
            : throw new FormatException($"ToolR0:Workers is '{text}': it must be a number from 1 to 1024");
        return new ServiceSettings(
            Get("Postgres") ?? throw new FormatException("ToolR0:Postgres is not set: it must be the connection string of the event store"),
            BusOptions.Parse(Get("Bus") ?? "rabbitmq", Get("RabbitMq")),
            Path.GetFullPath(Get("Home") ?? ".toolr0"),
            workers);
    }

    public string Policies => Path.Combine(Home, "policies");
}

/// <summary>Runs one service as a process of its own: settings, store, bus, and the line "ready" once it takes commands.</summary>
public static class ServiceHost
{
    /// <param name="register">Registers the store and the service.</param>
    /// <param name="consumers">Registers the service's consumers on the bus.</param>
    /// <returns>Exit code: 0 after an orderly stop, 1 with one line on standard error when it cannot start.</returns>
    public static async Task<int> RunAsync(
        string name, string[] args, Action<IServiceCollection, ServiceSettings> register, Action<IBusRegistrationConfigurator> consumers)
    {
        try
        {
            var builder = Host.CreateApplicationBuilder(args);
            builder.Logging.SetMinimumLevel(LogLevel.Warning);
            var settings = ServiceSettings.From(builder.Configuration);
            builder.Services.AddSingleton(settings).AddSingleton(settings.Workers);
            register(builder.Services, settings);
            builder.Services.AddToolR0Bus(settings.Bus, consumers);
            using var host = builder.Build();
            await host.StartAsync();
            Console.WriteLine($"{name} ready");
            await host.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"{name}: {e.Message.ReplaceLineEndings(" ")}");
            return 1;
        }
    }
}
