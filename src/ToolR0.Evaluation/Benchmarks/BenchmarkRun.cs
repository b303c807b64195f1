using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Prompts;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>Asks a policy a public benchmark's questions, greedily, in the prompts of the options.</summary>
public static class BenchmarkRun
{
    /// <summary>Sets of the same schema as these are read by name; of a folder these are measured, as far as they are there.</summary>
    private static readonly string[] Known = ["BFCL_v4_simple_python.json", "BFCL_v4_irrelevance.json", "toolalpaca.json", "apibank_l1.json"];

    /// <summary>The sets of a folder that are measured before and after a run.</summary>
    /// <exception cref="UserErrorException">There is none, or one cannot be read.</exception>
    public static IReadOnlyList<Benchmark> LoadAll(string folder)
    {
        var files = Known.Select(name => Path.Combine(folder, name)).Where(File.Exists).ToList();
        return files.Count > 0 ? [.. files.Select(BenchmarkReader.Read)]
            : throw new UserErrorException($"--benchmarks {folder}: must be a folder with some of {string.Join(", ", Known)}");
    }

    /// <summary>A policy's answers to all items of some sets, judged by the sets' own rules.</summary>
    /// <param name="folder">The policy's.</param>
    public static IReadOnlyList<BenchmarkResult> Measure(
        string folder, IReadOnlyList<Benchmark> benchmarks, RunOptions options, CancellationToken cancellation)
    {
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        using var source = CompletionSources.OpenFolder(Role.Solver, folder, options.Inference);
        var policy = Policy.HashOf(folder);
        return [.. benchmarks.Select(set => BenchmarkResult.Of(set, set.Items, policy, Answer(source, set.Items, options, cancellation)))];
    }

    /// <summary>What decides answers beside policy and items, as one text.</summary>
    public static string Asked(IReadOnlyList<BenchmarkItem> items, RunOptions options)
    {
        var prompts = Digests.Sha256Hex(string.Join('\n', items.SelectMany(item => Prompt(item, options)).Select(turn => turn.Content)));
        object[] how = options.Inference.Engine == InferenceEngine.Local ? [] : [options.Inference.Solver.Url, options.Inference.Solver.Model];
        return JsonSerializer.Serialize(
            (object[])[prompts, options.Evaluation.MaxNewTokens, options.Dispatch.PromptsFor(1), options.Dispatch.IntraOpThreads, .. how]);
    }

    /// <summary>Greedy answers, in order. A prompt over the limit is never cut: its item counts as wrong.</summary>
    public static IReadOnlyList<Prediction> Answer(
        ICompletionSource source, IReadOnlyList<BenchmarkItem> items, RunOptions options, CancellationToken cancellation)
    {
        var greedy = new SamplingOptions { Temperature = 0, MaxNewTokens = options.Evaluation.MaxNewTokens };
        var stop = options.Prompts is { Set: PromptSet.Signatures, Examples: > 0 } ? SignatureFormat.End : null;
        var prompts = items.Select(item => source.Tokenizer.EncodePrompt(Prompt(item, options))).ToList();
        var answers = items.Zip(prompts, (item, prompt) => prompt.Length > options.Prompts.MaxPromptTokens
            ? new Prediction(item.Id, null, null, BenchmarkError.PromptTooLong(prompt.Length, options.Prompts.MaxPromptTokens))
            : null).ToArray();
        foreach (var shard in Enumerable.Range(0, items.Count).Where(i => answers[i] is null).Chunk(options.Dispatch.PromptsFor(1)))
        {
            var sampled = source.Sample([.. shard.Select(i => new SampleRequest(prompts[i], [0L]))], greedy, cancellation, stop);
            foreach (var (i, samples) in shard.Zip(sampled))
                answers[i] = Predictions.OfText(items[i].Id, samples[0].Text);
        }

        return [.. answers.Select(answer => answer!)];
    }

    /// <summary>A table of accuracies: a row a policy, a column a set.</summary>
    public static void Write(IAnsiConsole console, IReadOnlyList<(string Name, IReadOnlyList<BenchmarkResult> Results)> policies)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("policy");
        foreach (var result in policies[0].Results)
            table.AddColumn(new TableColumn(Markup.Escape($"{result.Completed.Benchmark} ({result.Completed.Items})")).RightAligned());
        foreach (var (name, results) in policies)
        {
            table.AddRow(
                [Markup.Escape(name), .. results.Select(r => string.Create(CultureInfo.InvariantCulture, $"{100 * r.Completed.Accuracy:0.0} %"))]);
        }

        console.Write(table);
    }

    private static IReadOnlyList<(string Role, string Content)> Prompt(BenchmarkItem item, RunOptions options) =>
        SolverPrompt.Render(item.Task, options.Prompts, item.Tools);
}
