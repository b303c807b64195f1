using System.CommandLine;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Evaluation.Benchmarks;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Reporting;
using ToolR0.ServiceDefaults;

namespace ToolR0.Cli.Commands;

/// <summary>Flags of <c>eval</c> about public benchmarks.</summary>
internal sealed class BenchmarkFlags
{
    private readonly Option<string?> _benchmark =
        new("--benchmark")
        {
            Description = "A public set: ToolAlpaca, SealTools or API-Bank as packed by Hammer, BFCL, SNIPS; a file, a folder or a name in TOOLR0_BENCHMARKS",
            HelpName = "NAME|FILE"
        };
    private readonly Option<string?> _predictions =
        new("--predictions")
        {
            Description = "Score these answers to the benchmark instead of asking a policy: JSON Lines of id and completion or calls (without ids in the items' order), - for standard input",
            HelpName = "FILE"
        };
    private readonly Option<string?> _writeGold =
        new("--write-gold")
        {
            Description = "Write the benchmark's gold answers as predictions, - for standard output, and ask nobody",
            HelpName = "FILE"
        };

    public BenchmarkFlags(Command command)
    {
        foreach (var option in new Option[] { _benchmark, _predictions, _writeGold })
            command.Add(option);
    }

    public string? Name(ParseResult parsed) => parsed.GetValue(_benchmark)
        ?? ((Predictions(parsed) ?? WriteGold(parsed)) is null ? null
            : throw new UserErrorException("--predictions and --write-gold need --benchmark"));

    public string? Predictions(ParseResult parsed) => parsed.GetValue(_predictions);

    public string? WriteGold(ParseResult parsed) => parsed.GetValue(_writeGold);
}

/// <summary><c>toolr0 eval --benchmark</c>: a policy's or somebody else's answers to a public set, scored by the set's own rules.</summary>
internal static class BenchmarkEval
{
    /// <summary>Stands for standard input and output.</summary>
    private const string Standard = "-";

    /// <param name="model">Where the policy is, asked for only when a policy is to answer.</param>
    /// <param name="limit">Items; 0 means all.</param>
    public static async Task<int> RunAsync(
        string name, string? predictions, string? writeGold, Func<Task<string>> model, int limit, RunOptions options, Settings settings, bool json,
        CancellationToken cancellation)
    {
        var benchmark = BenchmarkReader.Load(name, settings.Home);
        var items = limit > 0 ? [.. benchmark.Items.Take(limit)] : benchmark.Items;
        if (writeGold is not null)
        {
            if (writeGold == Standard)
            {
                await using var output = Console.OpenStandardOutput();
                await output.WriteAsync(Encoding.UTF8.GetBytes(Predictions.Gold(items)), cancellation);
                return 0;
            }

            OutputFile.Write(writeGold, Predictions.Gold(items));
            Console.Error.WriteLine($"{items.Count} gold answers in {writeGold}");
            return 0;
        }

        BenchmarkResult result;
        var asked = "";
        if (predictions is not null)
        {
            var text = ReadText(predictions);
            result = BenchmarkResult.Of(benchmark, items, Digests.Sha256Hex(text), Predictions.Read(predictions, text, items, benchmark.Items));
        }
        else
        {
            TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
            var path = await model();
            using var source = CompletionSources.OpenFolder(Role.Solver, path, options.Inference);
            asked = BenchmarkRun.Asked(items, options);
            result = BenchmarkResult.Of(benchmark, items, Policy.HashOf(path), BenchmarkRun.Answer(source, items, options, cancellation));
        }

        if (json)
            Console.WriteLine(result.ToJson());
        else
            result.Write(AnsiConsole.Console);
        if (settings.Postgres is null)
        {
            Console.Error.WriteLine("not stored: no PostgreSQL was given (--postgres or TOOLR0_POSTGRES)");
            return 0;
        }

        await using var store = ServiceHost.Store(settings);
        Console.Error.WriteLine($"stored in {await result.StoreAsync(store.GetRequiredService<IFactLog>(), asked, cancellation)}");
        return 0;
    }

    private static string ReadText(string path)
    {
        try
        {
            if (path != Standard)
                return File.ReadAllText(path);
            using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
            return input.ReadToEnd();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--predictions {path}: {(File.Exists(path) ? "cannot be read" : "there is no such file")}");
        }
    }
}
