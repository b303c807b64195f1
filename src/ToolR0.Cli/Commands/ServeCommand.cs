using System.CommandLine;
using ToolR0.Cli.Hosting;
using ToolR0.Messaging;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 serve</c>: several services of the stack in one process. Each has a program of its own too, which is what the stack
/// starts.</summary>
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
        command.Add(names);
        var common = new CommonOptions(command, BusKind.RabbitMq);
        command.SetAction(async (parsed, cancellation) =>
        {
            var parts = ServiceKinds.Named(parsed.GetValue(names)!);
            await ServiceProcess.RunAsync(common.Settings(parsed), parts, cancellation);
            return 0;
        });
        return command;
    }
}
