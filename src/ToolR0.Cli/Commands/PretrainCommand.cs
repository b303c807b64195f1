using System.CommandLine;
using ToolR0.Contracts;
using ToolR0.Pretraining;
using ToolR0.Reporting;

namespace ToolR0.Cli.Commands;

internal static class PretrainCommand
{
    public static Command Create()
    {
        var command = new Command("pretrain", "Make the tiny base model from procedurally generated text");
        var output = new Option<string>("--out") { Description = "Folder to write", HelpName = "DIR", Required = true };
        var seed = new Option<long?>("--seed") { Description = "Seed of text, weights and order", HelpName = "N" };
        var steps = new Option<int?>("--steps") { Description = "Batches in all, spread over the stages as by default", HelpName = "N" };
        var from = new Option<string?>("--from") { Description = "Folder with what earlier stages made, to go on from", HelpName = "DIR" };
        var stages = BaseModelOptions.Recipes.Values.SelectMany(options => options.Stages).Select(stage => stage.Name).Distinct().ToArray();
        var after = new Option<string?>("--after")
        {
            Description = "The last stage that --from has behind it (default: the first)",
            HelpName = "STAGE"
        };
        after.AcceptOnlyFromAmong(stages);
        var recipe = new Option<string>("--recipe")
        {
            Description = "What it learns: nano (the shipped base-nano), study (base-study, which seldom proposes two calls), invention (base-invention, which seldom invents a tool) or agent (base-nano-agent, which has seen results of calls)",
            HelpName = "NAME",
            DefaultValueFactory = _ => "nano",
        };
        recipe.AcceptOnlyFromAmong([.. BaseModelOptions.Recipes.Keys]);
        var until = new Option<string>("--until") { Description = "Stop after this stage; what it made is a folder for --from", HelpName = "STAGE" };
        until.AcceptOnlyFromAmong(stages);
        foreach (var option in new Option[] { output, recipe, seed, steps, from, after, until })
            command.Add(option);
        command.SetAction((parsed, cancellation) =>
        {
            var options = BaseModelOptions.Recipes[parsed.GetValue(recipe)!];
            options = options with { Seed = parsed.GetValue(seed) ?? options.Seed };
            if (parsed.GetValue(steps) is { } asked)
                options = asked >= options.Stages.Count ? options.WithSteps(asked)
                    : throw new UserErrorException(FormattableString.Invariant($"--steps {asked}: must be at least {options.Stages.Count}"));
            if (parsed.GetValue(from) is { } folder && !File.Exists(Path.Combine(folder, "config.json")))
                throw new UserErrorException($"--from {folder}: there is no config.json");
            var made = parsed.GetValue(from) is null ? 0 : 1;
            if (parsed.GetValue(after) is { } behind)
                made = made == 0 ? throw new UserErrorException($"--after {behind}: says what --from was made by, and there is no --from")
                    : Through(options, "--after", behind);
            if (parsed.GetValue(until) is { } last)
                options = options with { Stages = [.. options.Stages.Take(Through(options, "--until", last))] };
            if (made >= options.Stages.Count)
            {
                var flag = parsed.GetValue(until) is { } end ? $"--until {end}" : $"--after {parsed.GetValue(after)}";
                throw new UserErrorException($"{flag}: is what --from was made by; nothing would be left to do");
            }

            var result = BaseModel.Make(
                options,
                parsed.GetValue(output)!,
                parsed.GetValue(from),
                made,
                p => Console.WriteLine(FormattableString.Invariant(
                    $"{p.Stage,-8} step {p.Step,5}/{p.Steps}  loss {p.Loss:0.000}  {p.Tokens:#,0} tokens  {Durations.Text(p.Elapsed)}")),
                cancellation);
            Console.WriteLine(FormattableString.Invariant(
                $"{result.Parameters:#,0} parameters, {result.Tokens:#,0} tokens, {Durations.Text(result.Elapsed)}, SHA-256 {result.Sha256}"));
            foreach (var set in result.HeldOut)
                Console.WriteLine(FormattableString.Invariant($"{set.Set}: {100 * set.Accuracy:0.0} % exact of {set.Items} items"));
            Console.WriteLine("in clean form: "
                + string.Join(", ", result.Clean.Select(set => FormattableString.Invariant($"{set.Key} {100 * set.Value:0.0} %"))));
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>The number of stages up to and with the named one.</summary>
    private static int Through(BaseModelOptions options, string option, string stage)
    {
        var index = options.Stages.ToList().FindIndex(s => s.Name == stage);
        return index >= 0 ? index + 1
            : throw new UserErrorException(
                $"{option} {stage}: {options.Name} has no such stage, only {string.Join(", ", options.Stages.Select(s => s.Name))}");
    }
}
