using System.CommandLine;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Evaluation.Scoring;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 score</c>: rewards of completions from elsewhere. Streams: memory does not grow with the number of cases.</summary>
internal static class ScoreCommand
{
    private const string Standard = "-";

    /// <summary>Completions from elsewhere are scored by the paper's rules unless something says otherwise.</summary>
    private const string DefaultPreset = "paper";

    public static Command Create()
    {
        var command = new Command(
            "score",
            "Score completions offline, one JSON object per line. Solver cases: completion, gold (list of calls). Generator cases: completion, and optionally spec {menuSize, calls}, "
            + "solverCalls (the K sampled answers as lists of calls, null where nothing parsed), judge (1 to 5). An id is passed on. A line that is not a case gives a record with its number and an error, and exit code 1");
        var role = new Option<string>("--role") { Description = "generator or solver", HelpName = "ROLE", Required = true };
        var input = new Option<string>("--in")
        {
            Description = "JSON Lines file of cases, - for standard input",
            HelpName = "FILE",
            DefaultValueFactory = _ => Standard
        };
        var output = new Option<string>("--out")
        {
            Description = "JSON Lines file of scores, - for standard output",
            HelpName = "FILE",
            DefaultValueFactory = _ => Standard
        };
        var preset = new Option<string?>("--preset") { Description = $"Whose rules: {DefaultPreset} (default) or another preset", HelpName = "NAME" };
        var file = new Option<string?>("--options") { Description = "Options as JSON; the preset's where it is silent", HelpName = "FILE" };
        var set = new Option<string[]>("--set")
        {
            Description = "One option, e.g. solver.requireThink=false; may be repeated",
            HelpName = "PATH=VALUE"
        };
        foreach (var option in new Option[] { role, input, output, preset, file, set })
            command.Add(option);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = RunOptionsLoader.Load(new OptionSources
            {
                Preset = parsed.GetValue(preset),
                File = parsed.GetValue(file),
                Environment = ServiceDefaults.Settings.ProcessEnvironment(),
                Sets = parsed.GetValue(set) ?? [],
                DefaultPreset = DefaultPreset,
            }, ShippedPresets.All);
            var write = parsed.GetValue(role) switch
            {
                "solver" => (Action<Utf8JsonWriter, JsonElement>)((json, item) => CaseRecords.Write(json, CaseScorer.Solver(item, options.Solver))),
                "generator" => (json, item) => CaseRecords.Write(json, CaseScorer.Generator(item, options)),
                var other => throw new UserErrorException($"--role {other}: must be generator or solver"),
            };
            var (lines, errors) = await RunAsync(parsed.GetValue(input)!, parsed.GetValue(output)!, write, cancellation);
            if (errors > 0)
                Console.Error.WriteLine(FormattableString.Invariant($"toolr0: {errors} of {lines} lines could not be scored: their records say why"));
            return errors > 0 ? 1 : 0;
        });
        return command;
    }

    private static async Task<(long Lines, long Errors)> RunAsync(
        string input, string output, Action<Utf8JsonWriter, JsonElement> write, CancellationToken cancellation)
    {
        if (input != Standard && !File.Exists(input))
            throw new UserErrorException($"--in {input}: {(Directory.Exists(input) ? "is a folder" : "there is no such file")}");
        await using var cases = input == Standard ? Console.OpenStandardInput() : File.OpenRead(input);
        if (output != Standard)
            return await OutputFile.WriteAsync(output, scores => CaseRecords.WriteAsync(cases, scores, write, cancellation));
        await using var standard = Console.OpenStandardOutput();
        return await CaseRecords.WriteAsync(cases, standard, write, cancellation);
    }
}
