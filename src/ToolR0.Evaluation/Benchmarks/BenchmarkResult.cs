using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using ToolR0.Contracts;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>All answers to a benchmark, judged.</summary>
public sealed record BenchmarkResult(BenchmarkCompleted Completed, IReadOnlyList<BenchmarkAnswer> Answers)
{
    /// <summary>Answers per event.</summary>
    private const int ChunkSize = 100;

    /// <param name="by">SHA-256 of the policy or of the predictions.</param>
    /// <param name="predictions">One per item, in the order of <paramref name="items"/>.</param>
    public static BenchmarkResult Of(Benchmark benchmark, IReadOnlyList<BenchmarkItem> items, string by, IReadOnlyList<Prediction> predictions)
    {
        var answers = items.Zip(predictions, (item, prediction) =>
        {
            var error = prediction.Error ?? BenchmarkScorer.Score(item, prediction.Calls);
            return new BenchmarkAnswer(item.Id, item.Class, prediction.Text, prediction.Calls, error is null, error?.Class, error?.Kind,
                error?.Detail);
        }).ToList();
        static double Share(IEnumerable<BenchmarkAnswer> of) => of.Average(answer => answer.Right ? 1.0 : 0);
        return new BenchmarkResult(
            new BenchmarkCompleted(
                benchmark.Name,
                benchmark.Sha256,
                by,
                answers.Count,
                Share(answers),
                new SortedDictionary<string, double>(answers.GroupBy(answer => answer.Class).ToDictionary(g => g.Key, Share), StringComparer.Ordinal),
                new SortedDictionary<string, int>(answers.Where(answer => !answer.Right).CountBy(answer => $"{answer.ErrorClass}/{answer.Error}")
                    .ToDictionary(), StringComparer.Ordinal)),
            answers);
    }

    /// <summary>Stores the result as events unless the same is stored already.</summary>
    /// <param name="asked">What decides the answers beside policy and items: the options of prompting and sampling.</param>
    /// <returns>The stream.</returns>
    public async Task<string> StoreAsync(IFactLog log, string asked, CancellationToken cancellation)
    {
        var stream = Ids.BenchmarkStream(Completed.Sha256, Digests.Sha256Hex($"{Completed.By}\n{Completed.Items}\n{asked}")[..16]);
        var facts = Answers.Chunk(ChunkSize)
            .Select(object (chunk) => new BenchmarkAnswered(Completed.Benchmark, Completed.Sha256, Completed.By, chunk)).Append(Completed);
        await log.AppendAsync("benchmark", stream, [.. facts.Select((fact, i) => new FactAppend(stream, i + 1, fact))], cancellation);
        return stream;
    }

    public void Write(IAnsiConsole console)
    {
        static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
        console.WriteLine($"{Completed.Benchmark}: {Percent(Completed.Accuracy)} of {Completed.Items} items right");
        var classes = new Table().Border(TableBorder.Simple).AddColumns("class", "items", "right");
        foreach (var (name, share) in Completed.ByClass)
            classes.AddRow(Markup.Escape(name), Answers.Count(answer => answer.Class == name).ToString(CultureInfo.InvariantCulture), Percent(share));
        console.Write(classes);
        if (Completed.Errors.Count == 0)
            return;
        var errors = new Table().Border(TableBorder.Simple).AddColumns("error", "items", "share", "for example");
        foreach (var (kind, count) in Completed.Errors.OrderByDescending(error => error.Value))
        {
            var example = Answers.First(answer => $"{answer.ErrorClass}/{answer.Error}" == kind);
            errors.AddRow(kind, count.ToString(CultureInfo.InvariantCulture), Percent((double)count / Completed.Items),
                Markup.Escape($"{example.Id}: {example.Detail}"));
        }

        console.Write(errors);
    }

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Completed.Benchmark,
            Completed.Sha256,
            Completed.By,
            Completed.Items,
            Completed.Accuracy,
            Completed.ByClass,
            Completed.Errors,
            wrong = Answers.Where(a => !a.Right).Select(a => new { a.Id, a.ErrorClass, a.Error, a.Detail })
        },
        new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            WriteIndented = true,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        });
}
