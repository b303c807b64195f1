using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;
using ToolR0.Tokenization;

namespace ToolR0.Pretraining;

/// <summary>What <c>toolr0 pretrain</c> shows: the mean loss in nats since the last report, per learned token.</summary>
public sealed record PretrainingProgress(string Stage, int Step, int Steps, double Loss, long Tokens, TimeSpan Elapsed);

/// <summary>Exact match of greedy answers on one held-out set, in [0, 1].</summary>
public sealed record HeldOutAccuracy(string Set, int Items, double Accuracy, IReadOnlyDictionary<string, double> ByClass);

/// <param name="Sha256">Names the weights.</param>
/// <param name="Tokens">Tokens read in training.</param>
/// <param name="From">SHA-256 of the weights that the first stages were taken from; null when all were run.</param>
/// <param name="Made">How many stages were taken so.</param>
/// <param name="Clean">Exact match on the one-call items of the seen and unseen set in the clean form of read-and-copy text.</param>
public sealed record BaseModelResult(
    string Sha256, long Parameters, long Tokens, TimeSpan Elapsed, IReadOnlyList<HeldOutAccuracy> HeldOut, IReadOnlyDictionary<string, double> Clean,
        string? From, int Made = 0);

/// <summary>Makes the tiny base model from procedurally generated text: the stand-in for a weak pretrained model.</summary>
public static class BaseModel
{
    private const int ReportEvery = 50;

    /// <summary>
    /// Trains tokenizer and model, measures the model, and writes a Hugging Face folder with a README. The folder appears complete or not
    /// at all; an existing one of that name is replaced at the end.
    /// </summary>
    /// <param name="from">A folder that holds what the first stages made, which are then not repeated; null: all stages.</param>
    /// <param name="made">How many stages that folder has behind it; without effect where there is none.</param>
    /// <exception cref="IOException">The folder can not be written.</exception>
    public static BaseModelResult Make(
        BaseModelOptions options, string folder, string? from = null, int made = 1, Action<PretrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        foreach (var stage in options.Stages)
            ArgumentOutOfRangeException.ThrowIfLessThan(stage.Steps, 1);
        TorchRuntime.Configure(1);
        var target = Path.GetFullPath(folder);
        // A name of its own: two runs for one folder must not write into each other's work.
        var work = $"{target}.{Guid.NewGuid():N}.partial";
        Directory.CreateDirectory(work);
        try
        {
            var result = Train(options, from, made, work, progress, cancellation);
            File.WriteAllText(Path.Combine(work, "README.md"), BaseModelReadme.Write(options, result));
            TrainedWith.Write(work, ShippedPresets.All[options.Preset]);
            if (Directory.Exists(target))
                Directory.Delete(target, recursive: true);
            Directory.Move(work, target);
            return result;
        }
        finally
        {
            if (Directory.Exists(work))
                Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>Greedy exact match on held-out items, the calls compared as a multiset.</summary>
    public static HeldOutAccuracy Measure(Policy policy, string set, IReadOnlyList<HeldOutItem> items, CancellationToken cancellation = default)
    {
        const int BatchSize = 50;
        var greedy = new SamplingOptions { Temperature = 0, MaxNewTokens = 96 };
        var compact = new PromptOptions { Set = PromptSet.Compact };
        var exact = new List<(string Class, bool Exact)>();
        foreach (var batch in items.Chunk(BatchSize))
        {
            var requests = batch.Select(item => new SampleRequest(Encode(policy.Tokenizer, SolverPrompt.Render(item.Task, compact)), [0])).ToArray();
            var answers = Sampler.Sample(policy, requests, greedy, [], cancellation);
            exact.AddRange(batch.Zip(answers, (item, samples) => (
                item.Class, SolverAnswer.Parse(samples[0].Text, requireThink: false).Calls is { } calls
                    && Calls.SameMultiset(calls, item.Task.Gold))));
        }

        return new HeldOutAccuracy(
            set,
            exact.Count,
            exact.Average(x => x.Exact ? 1.0 : 0),
            exact.GroupBy(x => x.Class).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Average(x => x.Exact ? 1.0 : 0)));
    }

    /// <summary>Share of greedy continuations of clean texts whose first call is right to the letter, in [0, 1].</summary>
    public static double MeasureClean(Policy policy, IReadOnlyList<(string Given, string Completion)> items, CancellationToken cancellation = default)
    {
        var greedy = new SamplingOptions { Temperature = 0, MaxNewTokens = 96 };
        var requests = items.Select(item => new SampleRequest(policy.Tokenizer.Encode(item.Given), [0])).ToArray();
        var answers = requests.Chunk(50).SelectMany(batch => Sampler.Sample(policy, batch, greedy, [], cancellation));
        return items.Zip(answers, (item, samples) => samples[0].Text.StartsWith(item.Completion, StringComparison.Ordinal) ? 1.0 : 0).Average();
    }

    internal static int[] Encode(Tokenizer tokenizer, IReadOnlyList<(string Role, string Content)> prompt) =>
        tokenizer.EncodeChat([.. prompt.Select(turn => new ChatMessage(turn.Role, turn.Content))]);

    private static BaseModelResult Train(BaseModelOptions options, string? from, int made, string folder, Action<PretrainingProgress>? progress,
        CancellationToken cancellation)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var first = 0;
        if (from is null)
        {
            BaseModelTokenizer.Train(options.Mixture(0), options.TokenizerTexts, options.Model.VocabularySize, folder);
        }
        else
        {
            using var given = Policy.Load(from);
            given.Save(folder);
            first = made;
        }

        long tokens = 0;
        var sha = "";
        for (var stage = first; stage < options.Stages.Count; stage++)
            sha = RunStage(options, stage, folder, ref tokens, clock, progress, cancellation);

        using var policy = Policy.Load(folder);
        var measured = HeldOut.Kinds.Where(kind => kind != HeldOut.Chained).Select(kind =>
            Measure(policy, kind, HeldOut.Make(kind, options.MeasuredItems, HeldOut.ShippedSeed), cancellation)).ToList();
        var clean = new[] { HeldOut.Seen, HeldOut.Unseen }.ToDictionary(
            kind => kind, kind => MeasureClean(policy, HeldOut.MakeClean(kind, options.MeasuredItems, HeldOut.ShippedSeed), cancellation));
        return new BaseModelResult(sha, options.Model.ParameterCount, tokens, clock.Elapsed, measured, clean, from is null ? null
            : Policy.HashOf(from), first);
    }

    private static string RunStage(
        BaseModelOptions options, int index, string folder, ref long tokensBefore, System.Diagnostics.Stopwatch clock,
        Action<PretrainingProgress>? progress, CancellationToken cancellation)
    {
        var stage = options.Stages[index];
        using var start = index == 0 ? Policy.CreateRandom(options.Model, folder, options.Seed) : Policy.Load(folder);
        using var trainer = new CrossEntropyTrainer(start, BaseModelOptions.Training(stage));
        var losses = new List<double>();
        var (before, tokens) = (tokensBefore, 0L);
        trainer.Run(
            new TextBatches(options.Mixture(index), start.Tokenizer, options.TextsPerBatch, options.Seed).All(),
            made =>
            {
                losses.Add(made.Loss);
                tokens = made.Tokens;
                if (made.Step % ReportEvery != 0 && made.Step != stage.Steps)
                    return;
                progress?.Invoke(new PretrainingProgress(stage.Name, (int)made.Step, stage.Steps, losses.Average(), before + tokens, clock.Elapsed));
                losses.Clear();
            },
            cancellation);
        tokensBefore = before + tokens;
        return trainer.Save(folder);
    }
}
