using System.Text.Json.Serialization;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Messaging.Telemetry;

namespace ToolR0.Messaging;

/// <summary>The conventions of the bus in one place.</summary>
public static class ToolR0Bus
{
    /// <summary>
    /// Registers the bus, its start-up probe, <see cref="CommandSender"/> and the given consumers. Queues are durable; on RabbitMQ they are quorum
    /// queues and every send waits for the broker's confirmation. Endpoint policy stands in each consumer's definition.
    /// </summary>
    public static IServiceCollection AddToolR0Bus(this IServiceCollection services, BusOptions options,
        Action<IBusRegistrationConfigurator> consumers)
    {
        services.AddSingleton(options);
        services.AddHostedService<BusProbeService>();
        services.AddSingleton<CommandSender>();
        services.Configure<MassTransitHostOptions>(host =>
        {
            host.WaitUntilStarted = true;
            host.StartTimeout = TimeSpan.FromSeconds(10);
        });
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            consumers(bus);
            bus.AddToolR0Transport(options);
        });
        return services;
    }

    /// <summary>The transport with the product's serialization; apart from <see cref="AddToolR0Bus"/> for test harnesses.</summary>
    public static void AddToolR0Transport(this IBusRegistrationConfigurator bus, BusOptions options)
    {
        if (options.Kind == BusKind.Memory)
        {
            bus.UsingInMemory((context, transport) =>
            {
                UseJson(transport);
                transport.UseConsumeFilter(typeof(WorkScopeFilter<>), context);
                transport.ConfigureEndpoints(context);
            });
            return;
        }

        bus.AddConfigureEndpointsCallback((name, endpoint) =>
        {
            if (endpoint is not IRabbitMqReceiveEndpointConfigurator queue)
                return;
            queue.SetQuorumQueue();
            queue.SingleActiveConsumer = Queues.HasSingleActiveConsumer(name);
        });
        bus.UsingRabbitMq((context, transport) =>
        {
            var (user, password) = options.Credentials;
            transport.Host(options.RabbitMq.Host, (ushort)options.Port, options.VirtualHost, host =>
            {
                host.Username(user);
                host.Password(password);
                host.PublisherConfirmation = true;
                if (options.RabbitMq.Scheme == "amqps")
                    host.UseSsl(ssl => ssl.ServerName = options.RabbitMq.Host);
            });
            UseJson(transport);
            transport.UseConsumeFilter(typeof(WorkScopeFilter<>), context);
            transport.ConfigureEndpoints(context);
        });
    }

    private static void UseJson(IBusFactoryConfigurator transport)
    {
        transport.ConfigureJsonSerializerOptions(json =>
        {
            if (!json.Converters.Any(converter => converter is JsonStringEnumConverter))
                json.Converters.Add(new JsonStringEnumConverter());
            json.WriteIndented = false;
            return json;
        });
        transport.ClearSerialization();
        transport.AddSerializer(new SizedJsonSerializerFactory());
        transport.AddDeserializer(new SizedJsonSerializerFactory(), true);
    }
}
