using System.CommandLine;
using ToolR0.Cli;
using ToolR0.Cli.Commands;
using ToolR0.EventStore;
using ToolR0.Messaging;

var root = new RootCommand("Tool-R0: a language model teaches itself tool calling from zero data")
{
    RunCommand.Create(),
    ServeCommand.Create(),
    DoctorCommand.Create(),
};
foreach (var command in (IEnumerable<Command>)[.. StackCommands.Create(), .. StoreCommands.Create(), .. ModelCommands.Create()])
    root.Add(command);

try
{
    var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(60) };
    return await root.Parse(args).InvokeAsync(configuration);
}
catch (CliError e)
{
    return Fail(e.Message, e.ExitCode);
}
catch (Exception e) when (e is EventStoreException or BusUnreachableException or IOException or InvalidDataException or UnauthorizedAccessException)
{
    return Fail(e.Message, 1);
}
catch (OperationCanceledException)
{
    return Fail("interrupted", 130);
}
catch (Exception e)
{
    if (Environment.GetEnvironmentVariable("TOOLR0_TRACE") is { Length: > 0 })
        Console.Error.WriteLine(e);
    return Fail($"{e.Message} (unexpected {e.GetType().Name}; TOOLR0_TRACE=1 shows where)", 1);
}

static int Fail(string message, int exitCode)
{
    Console.Error.WriteLine($"toolr0: {message.ReplaceLineEndings(" ")}");
    return exitCode;
}
