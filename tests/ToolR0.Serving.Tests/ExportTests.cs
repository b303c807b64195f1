using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.Serving.Export;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.Serving.Tests;

/// <summary>A run's policy as a folder of its own.</summary>
public sealed class ExportTests : IDisposable
{
    private const string Run = "demo";

    private readonly TemporaryFolder _folder = new();
    private readonly PolicyStore _policies;
    private readonly string _base;
    private readonly string _first;
    private readonly string _last;

    public ExportTests()
    {
        _policies = new PolicyStore(Path.Combine(_folder.Path, "policies"));
        _base = _policies.Import(TinyWorldAssets.BaseNano);
        _first = _policies.Import(TinyWorldAssets.Base("base-study"));
        _last = _policies.Import(TinyWorldAssets.Base("base-invention"));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Out => Path.Combine(_folder.Path, "out");

    public void Dispose()
    {
        _policies.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_folder_loads_as_the_same_policy_and_its_card_says_where_it_comes_from()
    {
        (await ExportAsync(new ExportRequest(Run))).ShouldBe(_last);
        using (var policy = Policy.Load(Out))
            policy.Sha256.ShouldBe(_last);
        TrainedWith.Read(Out)!.Prompts.Set.ShouldBe(PromptSet.Compact);
        var generation = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Out, "generation_config.json"), Cancellation)).RootElement;
        generation.GetProperty("eos_token_id")[0].GetInt32().ShouldBe(971);
        var card = await File.ReadAllTextAsync(Path.Combine(Out, "README.md"), Cancellation);
        var head = card.Split("---\n")[1];
        head.ShouldContain("base_model: \"org/tiny\"\n");
        head.ShouldContain("library_name: transformers\npipeline_tag: text-generation\n");
        card.ShouldContain("# demo (Solver, iteration 2)");
        card.ShouldContain($"| weights, SHA-256 | `{_last}` |");
        card.ShouldContain($"| base, SHA-256 | `{_base}` |");
        card.ShouldContain("`org/tiny@0123`, commit `0123`");
        card.ShouldContain("| preset, seed | `nano`, 7 |");
        card.ShouldContain("| product version | 1.2.3 |");
        card.ShouldContain("| set | items | base | iteration 1 | iteration 2 |\n|---|---|---|---|---|\n| seen | 4 | 25.0 % | 50.0 % | 75.0 % |\n");
        card.ShouldContain("| BFCL simple | 60 | base | 10.0 % |\n| BFCL simple | 60 | this model | 50.0 % |\n");
        card.ShouldContain($"| 1 | 0 | 40 | `{SyntheticRun.Sha("c1")}` |");
        Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).ShouldBe(["policies", "out"], ignoreOrder: true);
    }

    [Fact]
    public async Task The_policy_of_an_iteration_or_of_the_Generator_can_be_had()
    {
        (await ExportAsync(new ExportRequest(Run, Iteration: 1))).ShouldBe(_first);
        (await File.ReadAllTextAsync(Path.Combine(Out, "README.md"), Cancellation)).ShouldNotContain("iteration 2");
        Directory.Delete(Out, recursive: true);
        (await ExportAsync(new ExportRequest(Run, Iteration: 0))).ShouldBe(_base);
        Directory.Delete(Out, recursive: true);
        (await ExportAsync(new ExportRequest(Run, Role.Generator))).ShouldBe(_base);
        var error = await Should.ThrowAsync<UserErrorException>(() => ExportAsync(new ExportRequest(Run, Iteration: 3)));
        error.Message.ShouldBe("--iteration 3: run 'demo' has iterations 0 to 2");
    }

    [Fact]
    public async Task A_folder_that_is_not_empty_is_left_alone()
    {
        Directory.CreateDirectory(Out);
        await File.WriteAllTextAsync(Path.Combine(Out, "mine.txt"), "x", Cancellation);
        (await Should.ThrowAsync<UserErrorException>(() => ExportAsync(new ExportRequest(Run)))).Message.ShouldContain("not an empty folder");
        Directory.GetFiles(Out).Length.ShouldBe(1);
        File.Delete(Path.Combine(Out, "mine.txt"));
        await ExportAsync(new ExportRequest(Run));
        Policy.HashOf(Out).ShouldBe(_last);
    }

    [Fact]
    public async Task A_policy_that_is_gone_is_told()
    {
        _policies.Remove(_last);
        (await Should.ThrowAsync<UserErrorException>(() => ExportAsync(new ExportRequest(Run)))).Message.ShouldContain(_last[..12]);
        Directory.Exists(Out).ShouldBeFalse();
    }

    private async Task<string> ExportAsync(ExportRequest request)
    {
        var log = Facts();
        return await ModelExport.WriteAsync(request, Out, new ReportReader(log), new WithBenchmarks(log, Measured()), _policies, Cancellation);
    }

    private IEnumerable<BenchmarkCompleted> Measured()
    {
        static BenchmarkCompleted Result(string by, double accuracy) =>
            new("BFCL simple", "b", by, 60, accuracy, new Dictionary<string, double>(), new Dictionary<string, int>());
        return [Result(_last, 0.5), Result("somebody", 1), Result(_base, 0.1)];
    }

    private SyntheticRun Facts()
    {
        var run = new SyntheticRun();
        var options = ShippedPresets.All["nano"] with { Seed = 7, Iterations = 2 };
        var stream = Ids.RunStream(Run);
        run.Append(stream, new RunStarted(Run, options, _base, [SyntheticRun.Seen], "1.2.3", new BaseOrigin("org/tiny", "main", "0123")));
        run.Append(stream, Evaluated(0, _base, 0.25));
        foreach (var (iteration, solver, accuracy) in new[] { (1, _first, 0.5), (2, _last, 0.75) })
        {
            run.Append(stream, new IterationStarted(Run, iteration, _base, iteration == 1 ? _base : _first));
            run.Append(stream, new CurriculumSelected(Run, iteration, [], SyntheticRun.Sha($"c{iteration}"), 40, new Dictionary<string, int>()));
            run.Append(stream, new PhaseStarted(Run, iteration, Phase.Solver, 1));
            run.Append(stream, new StepCompleted(Run, iteration, Phase.Solver, 0, solver, new Dictionary<string, double>()));
            run.Append(stream, Evaluated(iteration, solver, accuracy));
        }

        run.Append(stream, new RunCompleted(Run, _base, _last));
        return run;
    }

    private static EvaluationCompleted Evaluated(int iteration, string policy, double accuracy) =>
        new(Run, iteration, "seen", policy, 4, accuracy, new Dictionary<string, double>());

    /// <summary>A log that also holds results of benchmarks.</summary>
    private sealed class WithBenchmarks(IFactLog log, IEnumerable<BenchmarkCompleted> results) : IFactLog
    {
        public Task<bool> AppendAsync(
            string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default) =>
            log.AppendAsync(run, causationId, facts, cancellation);

        public Task<IReadOnlyDictionary<string, long>> VersionsAsync(
            IReadOnlyCollection<string> streams, CancellationToken cancellation = default) => log.VersionsAsync(streams, cancellation);

        public Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
            IReadOnlyCollection<string> streams, CancellationToken cancellation = default) => log.ReadAsync(streams, cancellation);

        public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
            run == "benchmark"
                ? results.Select((fact, i) => new StoredFact("benchmark", i + 1, i + 1, fact, DateTimeOffset.UnixEpoch, null)).ToAsyncEnumerable()
                : log.ReadRunAsync(run, upTo, cancellation);

        public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => log.RunsAsync(cancellation);
    }
}
