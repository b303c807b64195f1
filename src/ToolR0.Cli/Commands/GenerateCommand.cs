using System.CommandLine;
using ToolR0.Contracts.Options;
using ToolR0.Serving.Generation;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Commands;

/// <summary>Samples one completion, to try a model or to check it against another implementation.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var command = new Command("generate", "Sample one completion of a prompt, printed as it is drawn");
        var model = new Option<string?>(
            "--base")
        {
            Description = $"The model: {RunFlags.Kinds}; or the SHA-256 of a policy in the home folder (default: base-nano)",
            HelpName = "MODEL|SHA"
        };
        var adapter = new Option<string?>("--adapter") { Description = "A LoRA adapter over the base, in PEFT's layout", HelpName = "DIR" };
        var prompt = new Option<string?>("--prompt")
        {
            Description = "What the user says; the model's chat template puts it in a turn",
            HelpName = "TEXT"
        };
        var messages = new Option<string?>(
            "--messages")
        {
            Description = "JSON: a list of messages, or an object with messages, tools and variables of the chat template; tools are shown as in training",
            HelpName = "FILE"
        };
        var tokens = new Option<string?>("--tokens") { Description = "Token ids of the whole prompt, e.g. 1,2,3", HelpName = "IDS" };
        var raw = new Option<bool>("--raw") { Description = "--prompt is the whole prompt, without chat template" };
        var greedy = new Option<bool>("--greedy") { Description = "Take the most likely token each time" };
        var temperature = new Option<double>("--temperature")
        {
            Description = "Sampling temperature (default: 1)",
            HelpName = "T",
            DefaultValueFactory = _ => 1
        };
        var topP = new Option<double>("--top-p")
        {
            Description = "Draw from the most likely tokens that make up this mass (default: 1)",
            HelpName = "P",
            DefaultValueFactory = _ => 1
        };
        var seed = new Option<long>("--seed")
        {
            Description = "Equal seeds give equal completions (default: 1)",
            HelpName = "N",
            DefaultValueFactory = _ => 1
        };
        var maxNew = new Option<int>("--max-new") { Description = "Tokens at most (default: 256)", HelpName = "N", DefaultValueFactory = _ => 256 };
        foreach (var option in new Option[] { model, adapter, prompt, messages, tokens, raw, greedy, temperature, topP, seed, maxNew })
            command.Add(option);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var named = parsed.GetValue(model);
            var found = await common.FindAsync(parsed, named, finder => finder.ModelAsync(named, TinyWorldAssets.BaseNano, cancellation));
            var sampling = new SamplingOptions
            {
                Temperature = parsed.GetValue(greedy) ? 0 : parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                MaxNewTokens = parsed.GetValue(maxNew),
            };
            var asked = new OneCompletion(found.Path, parsed.GetValue(adapter), sampling, parsed.GetValue(seed), common.Json(parsed));
            asked.Ask(parsed.GetValue(prompt), parsed.GetValue(messages), parsed.GetValue(tokens), parsed.GetValue(raw));
            asked.Write(cancellation);
            return 0;
        });
        return command;
    }
}
