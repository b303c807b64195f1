using System.Runtime.InteropServices;

namespace ToolR0.ServiceDefaults;

/// <summary>A process that is one service, or several: started, ready, stopped by a signal. The body of every service's Program.cs.</summary>
public static class ServiceProcess
{
    /// <summary>The main program of a service. Its settings come from the environment (<see cref="Settings.OfService"/>).</summary>
    /// <returns>Exit code: 0 after an orderly stop, 1 with one line on standard error when it cannot start, 2 for unknown arguments.</returns>
    public static async Task<int> MainAsync(ServicePart part, string[] args)
    {
        if (args is ["--help"] or ["-h"])
        {
            Console.WriteLine(
                $"The {part.Name} service of ToolR0. It takes no arguments; its settings are environment variables: TOOLR0_POSTGRES, TOOLR0_RABBITMQ, "
                + "TOOLR0_HOME, TOOLR0_WORKERS, TOOLR0_HEALTH_PORT, TOOLR0_LOG, OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md).");
            return 0;
        }

        if (args.Length > 0)
        {
            await Console.Error.WriteLineAsync($"{part.Name}: unknown argument '{args[0]}' (see --help)");
            return 2;
        }

        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }

        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        try
        {
            await RunAsync(Settings.OfService(Settings.ProcessEnvironment()), [part], stop.Token);
            return 0;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"{part.Name}: {e.Message.ReplaceLineEndings(" ")}");
            return 1;
        }
    }

    /// <summary>Runs services until <paramref name="stop"/> is cancelled, and says when they are ready.</summary>
    public static async Task RunAsync(Settings settings, IReadOnlyList<ServicePart> parts, CancellationToken stop)
    {
        using var host = ServiceHost.Build(settings, parts, ServiceLog.ToConsole, tellsHealth: true);
        try
        {
            await host.StartAsync(stop);
            Console.WriteLine($"{string.Join(", ", parts.Select(part => part.Name))} ready on {settings.Bus.Address}");
            await Task.Delay(Timeout.Infinite, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop while it was starting.
        }

        await host.StopAsync(CancellationToken.None);
    }
}
