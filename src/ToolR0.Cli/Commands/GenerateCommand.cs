using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.TinyWorld;
using ToolR0.Tokenization;

namespace ToolR0.Cli.Commands;

/// <summary>Samples one completion, to try a model or to check it against another implementation.</summary>
internal static class GenerateCommand
{
    private static readonly JsonSerializerOptions Layout =
        new(JsonSerializerDefaults.Web)
        {
            WriteIndented = true,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
        };

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
            Description = "JSON: a list of messages, or an object with messages, tools and variables of the chat template",
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
            var ask = Ask(parsed.GetValue(prompt), parsed.GetValue(messages), parsed.GetValue(tokens), parsed.GetValue(raw));
            using var policy = Load(found.Path, parsed.GetValue(adapter));
            TorchRuntime.Configure(Math.Max(1, Environment.ProcessorCount));
            Generate(policy, parsed.GetValue(adapter), ask(policy.Tokenizer), sampling, parsed.GetValue(seed), common.Json(parsed), cancellation);
            return 0;
        });
        return command;
    }

    private static Policy Load(string folder, string? adapter)
    {
        if (adapter is null)
            return Policy.Load(folder);
        var path = Path.GetFullPath(adapter);
        if (!Directory.Exists(path))
            throw new UserErrorException($"--adapter {path}: there is no such folder");
        try
        {
            return Policy.Load(folder, adapter: path);
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"--adapter {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    private static void Generate(Policy policy, string? adapter, int[] prompt, SamplingOptions sampling, long seed, bool json,
        CancellationToken cancellation)
    {
        var stream = policy.Tokenizer.DecodeStream();
        var clock = Stopwatch.StartNew();
        Trajectory completion;
        try
        {
            completion = Sampler.Sample(policy, [new SampleRequest(prompt, [seed])], sampling, [], cancellation, json ? null : Print)[0][0];
        }
        catch (ArgumentException e)
        {
            throw new UserErrorException(e.Message);
        }

        if (completion.Finish == FinishReason.Void)
            throw new UserErrorException($"nothing was sampled: {completion.VoidCause}");
        var seconds = clock.Elapsed.TotalSeconds;
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    policy = adapter is null ? policy.Sha256 : null,
                    adapter,
                    prompt = new { text = Decode(policy, prompt), tokens = prompt },
                    completion = new
                    {
                        text = completion.Text,
                        tokens = completion.Tokens,
                        logProbs = completion.LogProbs,
                        finish = completion.Finish.ToString().ToLowerInvariant(),
                    },
                    sampling = new { sampling.Temperature, sampling.TopP, sampling.MaxNewTokens, seed },
                    seconds,
                },
                Layout));
            return;
        }

        Console.WriteLine(stream.Finish());
        Console.Error.WriteLine(FormattableString.Invariant(
            $"{prompt.Length} + {completion.Tokens.Length} tokens in {seconds:0.0} s, {(completion.Finish == FinishReason.Stop ? "stopped" : "cut at the limit")}"));

        // A model may have more rows than its tokenizer has entries; those decode to nothing.
        void Print(SampledToken token)
        {
            if (token.Id < policy.Tokenizer.VocabularySize && !policy.Tokenizer.StopTokens.Contains(token.Id))
                Console.Out.Write(stream.Append(token.Id));
            Console.Out.Flush();
        }
    }

    private static string Decode(Policy policy, int[] tokens) =>
        policy.Tokenizer.Decode(tokens.Where(t => t < policy.Tokenizer.VocabularySize).ToArray(), skipSpecial: false);

    /// <summary>What turns a tokenizer into the prompt's ids; everything that needs no model is checked before one is loaded.</summary>
    private static Func<Tokenizer, int[]> Ask(string? prompt, string? messages, string? tokens, bool raw)
    {
        if (new[] { prompt, messages, tokens }.Count(given => given is not null) != 1)
            throw new UserErrorException("give one of --prompt, --messages and --tokens");
        if (raw && prompt is null)
            throw new UserErrorException("--raw goes with --prompt");
        if (tokens is not null)
        {
            var ids = Ids(tokens);
            return _ => ids;
        }

        if (messages is not null)
        {
            var chat = ChatFile.Read(messages);
            return tokenizer => Templated(tokenizer, chat);
        }

        return prompt!.Length == 0
            ? throw new UserErrorException("--prompt is empty")
            : raw
                ? tokenizer => tokenizer.Encode(prompt)
                : tokenizer => Templated(tokenizer, new ChatFile([new ChatMessage("user", prompt)], new ChatOptions()));
    }

    private static int[] Templated(Tokenizer tokenizer, ChatFile chat) => tokenizer.HasChatTemplate
        ? tokenizer.EncodeChat(chat.Messages, chat.Options)
        : throw new UserErrorException("the model has no chat template: give --prompt with --raw, or --tokens");

    private static int[] Ids(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        return [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw new UserErrorException(
                $"--tokens: '{(part.Length > 40 ? part[..40] + "…" : part)}' is not a token id (whole numbers, separated by commas)"))];
    }
}
