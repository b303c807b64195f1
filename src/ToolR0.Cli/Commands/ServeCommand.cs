using System.CommandLine;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ToolR0.Cli.Hosting;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 serve</c>: some services as a process of the stack, until told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Command("serve", "Run services of the stack in this process until stopped");
        var names = new Argument<string[]>("service")
        {
            Description = "coordinator, task-generation, solving, tool-execution, reward-scoring, learning",
            Arity = ArgumentArity.OneOrMore,
        };
        var health = new Option<string?>("--health") { Description = "A file that is touched every few seconds while bus and store answer", HelpName = "FILE" };
        command.Add(names);
        command.Add(health);
        var common = new CommonOptions(command, BusKind.RabbitMq);
        command.SetAction(async (parsed, cancellation) =>
        {
            var kinds = ServiceKinds.Named(parsed.GetValue(names)!);
            var settings = common.Settings(parsed);
            var healthFile = parsed.GetValue(health);
            using var host = ToolR0Host.Build(
                settings,
                kinds,
                logging => logging.AddSimpleConsole(console => console.SingleLine = true),
                services =>
                {
                    if (healthFile is not null)
                        services.AddHostedService(provider =>
                            new HealthFile(healthFile, provider.GetRequiredService<IBusControl>(), provider.GetRequiredService<RunStates>()));
                });
            await host.StartAsync(cancellation);
            Console.WriteLine($"{string.Join(", ", kinds.Select(kind => kind.Name))} ready on {settings.Bus.Address}");
            await Task.Delay(Timeout.Infinite, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await host.StopAsync(CancellationToken.None);
            return 0;
        });
        return command;
    }
}
