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
using ToolR0.SelfPlay.Options;
using ToolR0.Serving.Conversations;
using ToolR0.Serving.Http;
using ToolR0.Tokenization;

namespace ToolR0.Serving.Generation;

/// <summary>Samples one completion and writes it to standard output, as it is drawn or as JSON.</summary>
/// <param name="path">A folder or a GGUF file.</param>
/// <param name="adapter">Folder of a LoRA adapter over it; null for none.</param>
public sealed class OneCompletion(string path, string? adapter, SamplingOptions sampling, long seed, bool json)
{
    private static readonly JsonSerializerOptions Layout =
        new(JsonSerializerDefaults.Web)
        {
            WriteIndented = true,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
        };

    private Func<Tokenizer, int[]>? _ask;

    /// <summary>Says what is asked, one of three; everything that needs no model is checked here.</summary>
    /// <param name="prompt">What a user says; with <paramref name="raw"/> the whole prompt.</param>
    /// <param name="messages">A file of messages. Its tools are shown as the model's folder says that it was trained.</param>
    /// <param name="tokens">The whole prompt's ids.</param>
    /// <exception cref="UserErrorException">More or less than one, or one that cannot be read.</exception>
    public void Ask(string? prompt, string? messages, string? tokens, bool raw)
    {
        if (new[] { prompt, messages, tokens }.Count(given => given is not null) != 1)
            throw new UserErrorException("give one of --prompt, --messages and --tokens");
        if (raw && prompt is null)
            throw new UserErrorException("--raw goes with --prompt");
        if (tokens is not null)
        {
            var ids = Ids(tokens);
            _ask = _ => ids;
        }
        else if (messages is not null)
        {
            var chat = ChatFile.Read(messages);
            _ask = chat.Options.Tools is { Count: > 0 } && Trained() is { } trained ? AsTrained(messages, chat.Written, trained)
                : tokenizer => Templated(tokenizer, chat);
        }
        else if (prompt!.Length == 0)
        {
            throw new UserErrorException("--prompt is empty");
        }
        else
        {
            _ask = raw
                ? tokenizer => tokenizer.Encode(prompt)
                : tokenizer => Templated(tokenizer, new ChatFile([new ChatMessage("user", prompt)], new ChatOptions()));
        }
    }

    /// <summary>Samples and writes.</summary>
    /// <exception cref="UserErrorException">The prompt is too long, or nothing could be sampled.</exception>
    public void Write(CancellationToken cancellation)
    {
        using var policy = Load();
        TorchRuntime.Configure(Math.Max(1, Environment.ProcessorCount));
        var prompt = (_ask ?? throw new InvalidOperationException("nothing was asked"))(policy.Tokenizer);
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
        if (json)
        {
            WriteJson(policy, prompt, completion, clock.Elapsed.TotalSeconds);
            return;
        }

        Console.WriteLine(stream.Finish());
        var end = completion.Finish == FinishReason.Stop ? "stopped" : "cut at the limit";
        Console.Error.WriteLine(FormattableString.Invariant(
            $"{prompt.Length} + {completion.Tokens.Length} tokens in {clock.Elapsed.TotalSeconds:0.0} s, {end}"));

        // A model may have more rows than its tokenizer has entries; those decode to nothing.
        void Print(SampledToken token)
        {
            if (token.Id < policy.Tokenizer.VocabularySize && !policy.Tokenizer.StopTokens.Contains(token.Id))
                Console.Out.Write(stream.Append(token.Id));
            Console.Out.Flush();
        }
    }

    private void WriteJson(Policy policy, int[] prompt, Trajectory completion, double seconds) => Console.WriteLine(JsonSerializer.Serialize(
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

    private Policy Load()
    {
        if (adapter is null)
            return Policy.Load(path);
        var folder = Path.GetFullPath(adapter);
        if (!Directory.Exists(folder))
            throw new UserErrorException($"--adapter {folder}: there is no such folder");
        try
        {
            return Policy.Load(path, adapter: folder);
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"--adapter {folder}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    private PromptOptions? Trained()
    {
        try
        {
            return TrainedWith.Read(Directory.Exists(path) ? path : null)?.Prompts;
        }
        catch (OptionsException e)
        {
            throw new UserErrorException(e.Message);
        }
    }

    private static Func<Tokenizer, int[]> AsTrained(string file, JsonElement written, PromptOptions prompts)
    {
        try
        {
            var conversation = ChatRequest.ReadConversation(new Fields(written), prompts.ToolTokens);
            return tokenizer => new PromptWriter(tokenizer, prompts).Write(conversation).Tokens;
        }
        catch (Exception e) when (e is ApiException or ConversationException)
        {
            throw new UserErrorException($"--messages {file}: {e.Message}");
        }
    }

    private static int[] Templated(Tokenizer tokenizer, ChatFile chat) => tokenizer.HasChatTemplate
        ? tokenizer.EncodeChat(chat.Messages, chat.Options)
        : throw new UserErrorException("the model has no chat template: give --prompt with --raw, or --tokens");

    private static string Decode(Policy policy, int[] tokens) =>
        policy.Tokenizer.Decode(tokens.Where(t => t < policy.Tokenizer.VocabularySize).ToArray(), skipSpecial: false);

    private static int[] Ids(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        return [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw new UserErrorException(
                $"--tokens: '{(part.Length > 40 ? part[..40] + "…" : part)}' is not a token id (whole numbers, separated by commas)"))];
    }
}
