using System.CommandLine;
using Spectre.Console;
using ToolR0.Cli.Commands;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;

var root = new RootCommand("Tool-R0: a language model teaches itself tool calling from zero data")
{
    RunCommand.Create(),
    ServeCommand.Create(),
    ScoreCommand.Create(),
    DoctorCommand.Create(),
    BenchCommand.Create(),
    StudyCommand.Create(),
    ToolsCommand.Create(),
};
IEnumerable<Command> more = [.. StackCommands.Create(), .. StoreCommands.Create(), .. ModelCommands.Create(), .. ServingCommands.Create()];
foreach (var command in more)
    root.Add(command);

// Where nobody looks at a terminal's width, a table need not fit one.
if (!AnsiConsole.Profile.Out.IsTerminal)
    AnsiConsole.Profile.Width = 160;

try
{
    var parsed = root.Parse(args);
    if (parsed.Errors.Count > 0)
    {
        var what = parsed.UnmatchedTokens.Count > 0 ? $"unknown command or option '{parsed.UnmatchedTokens[0]}'" : parsed.Errors[0].Message;
        return Fail($"{what} (see toolr0{(parsed.CommandResult.Command is RootCommand ? "" : " " + parsed.CommandResult.Command.Name)} --help)", 2);
    }

    // Where options are read, a variable that goes down a level and leads nowhere is an error of theirs.
    var readsOptions = parsed.CommandResult.Command.Options.Any(option => option.Name == "--set");
    foreach (var line in EnvironmentNames.Unknown(Settings.ProcessEnvironment()).Where(line => !readsOptions || !line.Split(' ')[0].Contains("__")))
        Console.Error.WriteLine($"toolr0: {line}");

    var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(60) };
    return await parsed.InvokeAsync(configuration);
}
catch (UserErrorException e)
{
    return Fail(e.Message + Account.Of(e), e.ExitCode);
}
catch (Exception e) when (e is EventStoreException or BusUnreachableException or IOException or InvalidDataException or UnauthorizedAccessException)
{
    return Fail(e.Message + Account.Of(e), 1);
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
