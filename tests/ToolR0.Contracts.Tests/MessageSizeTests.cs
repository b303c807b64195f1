using System.Text.Json;
using System.Text.Json.Serialization;
using ToolR0.Contracts.Options;

namespace ToolR0.Contracts.Tests;

/// <summary>Commands carry ids: the largest shards of the paper's sizes stay far below the limit of 64 KiB.</summary>
public sealed class MessageSizeTests
{
    private const int Limit = 64 * 1024;

    /// <summary>Half: what the bus's envelope adds is a few hundred bytes.</summary>
    private const int Comfortable = Limit / 2;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };
    private static readonly RunOptions Paper = new();
    private static readonly string Run = new('r', 40);
    private static readonly string Sha = new('f', 64);

    private static int Groups => Paper.Dispatch.PromptsPerShard;

    private static string Stream(int n) => Ids.GroupStream(Run, Paper.Iterations, "generator", 9999, 10_000 + n);

    private static StreamPlace At(int n) => new(Stream(n), 3);

    private static long[] SeedsOf(int n) => [.. Enumerable.Repeat(long.MaxValue, n)];

    public static TheoryData<object> Largest =>
    [
        new ProposeTasks(Run, Shard(Stage.Propose), Sha, [.. Enumerable.Range(0, Groups).Select(n => new ProposalGroup(
            At(n), new TaskSpec("a rather long name of a domain, as users write", TaskContext.MultiTurn, 8, 2),
            SeedsOf(Paper.Generator.GroupSize)))]),
        Attempt(AttemptPurpose.Probe, Paper.Generator.Probes),
        Attempt(AttemptPurpose.Verify, Paper.Curriculum.VerifySamples),
        Attempt(AttemptPurpose.Train, Paper.Solver.GroupSize),
        Attempt(AttemptPurpose.Evaluate, 1),
        new ExecuteToolCalls(Run, Shard(Stage.Execute), [.. Enumerable.Range(0, Groups).Select(At)]),
        new ScoreProposals(Run, Shard(Stage.Score), [.. Enumerable.Range(0, Groups).Select(n =>
            new ProposalToScore(At(n),
                [.. Enumerable.Range(0, Paper.Generator.GroupSize).Select(i => Stream((n * Paper.Generator.GroupSize) + i))]))]),
        new ScoreAttempts(Run, Shard(Stage.Score), [.. Enumerable.Range(0, Groups).Select(At)]),
        new FilterCandidates(Run, Shard(Stage.Filter), [.. Enumerable.Range(0, Groups).Select(At)]),
        new TrainPolicy(
            Run, Shard(Stage.Train), At(0), Role.Solver, Paper.Iterations, 49, 50, Sha, Sha,
            [.. Enumerable.Range(0, Math.Max(Paper.Solver.PromptsPerStep, Paper.Generator.PromptsPerStep)).Select(Stream)]),
        new StartRun(
            Run,
            Paper with { Specs = Paper.Specs with { Domains = Enumerable.Range(0, 500)
                .ToDictionary(i => $"a domain with a name, number {i}", _ => 1.0 / 3) } },
            Sha,
            [.. Enumerable.Range(0, 20).Select(i => new HeldOutSet($"/some/long/path/of/a/held-out/set-{i}.jsonl", Sha, 500))]),
        new FactsStored(Run, Shard(Stage.Propose), DateTimeOffset.MaxValue, DateTimeOffset.MaxValue),
    ];

    [Theory]
    [MemberData(nameof(Largest))]
    public void The_largest_message_of_its_kind_fits(object message) =>
        JsonSerializer.SerializeToUtf8Bytes(message, message.GetType(), Json).Length.ShouldBeLessThan(Comfortable);

    [Fact]
    public void A_runs_options_travel_packed_and_come_back_as_they_were()
    {
        var options = Paper with { Seed = 7, Specs = Paper.Specs with { Domains = new Dictionary<string, double> { ["ein Gebiet ä"] = 1.0 / 3 } } };
        var text = JsonSerializer.Serialize(new StartRun(Run, options, Sha, []), Json);
        text.ShouldNotContain("Gebiet");
        var read = JsonSerializer.Deserialize<StartRun>(text, Json)!;
        JsonSerializer.Serialize(read.Options, Json).ShouldBe(JsonSerializer.Serialize(options, Json));
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<StartRun>(
            $$"""{"run":"r","options":"{{Convert.ToBase64String([1, 2, 3])}}","base":"b","heldOut":[]}""", Json));
    }

    private static string Shard(Stage stage) => Ids.Shard(Run, Paper.Iterations, Phase.Generator, 9999, stage, 999);

    private static AttemptTasks Attempt(AttemptPurpose purpose, int samples) => new(
        Run, Shard(Stage.Attempt), Sha, purpose,
        [.. Enumerable.Range(0, Groups).Select(n => new AttemptGroup(At(n), new TaskRef(Ids.HeldOutStream(Sha), n), SeedsOf(samples)))]);
}
