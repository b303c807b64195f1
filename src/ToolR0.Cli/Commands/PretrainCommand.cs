using System.CommandLine;
using ToolR0.Cli.Pretraining;
using ToolR0.Cli.Progress;

namespace ToolR0.Cli.Commands;

internal static class PretrainCommand
{
    public static Command Create()
    {
        var command = new Command("pretrain", "Make the tiny base model from procedurally generated text");
        var output = new Option<string>("--out") { Description = "Folder to write", HelpName = "DIR", Required = true };
        var seed = new Option<long?>("--seed") { Description = "Seed of text, weights and order", HelpName = "N" };
        var steps = new Option<int?>("--steps") { Description = "Batches", HelpName = "N" };
        foreach (var option in new Option[] { output, seed, steps })
            command.Add(option);
        command.SetAction((parsed, cancellation) =>
        {
            var options = new BaseModelOptions();
            options = options with { Seed = parsed.GetValue(seed) ?? options.Seed, Steps = parsed.GetValue(steps) ?? options.Steps };
            if (options.Steps < 1)
                throw new CliError(FormattableString.Invariant($"--steps {options.Steps}: must be at least 1"));
            var result = BaseModel.Make(
                options,
                parsed.GetValue(output)!,
                p => Console.WriteLine(FormattableString.Invariant(
                    $"step {p.Step,5}/{p.Steps}  loss {p.Loss:0.000}  {p.Tokens:#,0} tokens  {ProgressText.Duration(p.Elapsed)}")),
                cancellation);
            Console.WriteLine(FormattableString.Invariant(
                $"{result.Parameters:#,0} parameters, {result.Tokens:#,0} tokens, {ProgressText.Duration(result.Elapsed)}, SHA-256 {result.Sha256}"));
            foreach (var set in result.HeldOut)
                Console.WriteLine(FormattableString.Invariant($"{set.Set}: {100 * set.Accuracy:0.0} % exact of {set.Items} items"));
            return Task.FromResult(0);
        });
        return command;
    }
}
