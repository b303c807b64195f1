using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using ToolR0.Messaging.Telemetry;

namespace ToolR0.ServiceDefaults;

/// <summary>
/// OpenTelemetry, told by the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_SERVICE_NAME, …).
/// Without an endpoint nothing is set up: no span is made, no number kept.
/// </summary>
public static class Observability
{
    /// <summary>The variable that turns export on.</summary>
    public const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Spans and metrics of ours, of the bus, of Marten and of the database; the runtime's metrics; log lines with their scopes.</summary>
    internal static void Add(HostApplicationBuilder builder, string service)
    {
        if (string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(Endpoint)))
            return;
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeScopes = true;
            logging.IncludeFormattedMessage = true;
        });
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is { Length: > 0 } name ? name : service,
                serviceVersion: typeof(Observability).Assembly.GetName().Version?.ToString(3),
                serviceInstanceId: $"{Environment.MachineName}-{Environment.ProcessId}"))
            .WithTracing(tracing => tracing.AddSource(Instruments.Name, "MassTransit", "Marten").AddNpgsql())
            .WithMetrics(metrics => metrics.AddMeter(Instruments.Name, "MassTransit", "Marten", "Npgsql").AddRuntimeInstrumentation())
            .UseOtlpExporter();
    }
}
