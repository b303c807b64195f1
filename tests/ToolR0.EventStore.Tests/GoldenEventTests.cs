using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Testing;

namespace ToolR0.EventStore.Tests;

/// <summary>
/// One stored event per type and version, Golden/{type}.v{version}.json: what is in a store stays readable. The newest of a type is what this build
/// writes. A changed fact needs a new version there, and an upcaster where the older one no longer means the same.
/// </summary>
public sealed class GoldenEventTests(StoreFixture store)
{
    private static readonly string Folder = Path.Combine(PrivateServers.RepositoryRoot, "tests", "ToolR0.EventStore.Tests", "Golden");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(Folder, "*.v*.json").Select(Path.GetFileName).Order(StringComparer.Ordinal).OfType<string>()];

    /// <summary>One of each type.</summary>
    private static IReadOnlyList<object> Samples()
    {
        Trajectory[] samples =
            [new(7, [1, 2], [-0.5f, -0.25f], "text", FinishReason.Stop), new(8, [], [], "", FinishReason.Void, "worker lost"),
            new(9, [3], [], "x", FinishReason.Length, null, true)];
        var call = Facts.Call("convert", """{"unit":"mile","value":3}""");
        var task = new ToolTask("How far?", [new ToolSpec("convert", "Converts", [new ToolParameter("value", "number", "how many")], ["value"])],
            [call]);
        var policies = new Dictionary<Role, string> { [Role.Generator] = "g", [Role.Solver] = "s" };
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.RewardMean] = 0.5,
            [MetricNames.TokensSampled] = 40,
            [MetricNames.WallSeconds] = 1.5
        };
        return
        [
            Facts.Started("r") with { Origin = new BaseOrigin("org/name", "main", "0123456789abcdef0123456789abcdef01234567", "q/name.gguf", "sha") },
            new IterationStarted("r", 1, "g", "s"), new PhaseStarted("r", 1, Phase.Generator, 2),
            new StepStarted("r", 1, Phase.Solver, 0, [new TaskSpec("units", TaskContext.MultiTurn, 3, 1)], [new TaskRef("task/r/1/0", 0)], policies),
            new StepCompleted("r", 1, Phase.Solver, 0, "p", metrics),
            new CurriculumSelected("r", 1, [new SelectedTask(new TaskRef("task/r/1/0", 0), "units", "easy", 0.75, "f")], "sha", 2,
                new Dictionary<string, int> { ["duplicate"] = 1 }),
            new EvaluationCompleted("r", 1, "seen", "s", 4, 0.25, new Dictionary<string, double> { ["units"] = 0.25 }),
            new RunPaused("r"), new RunResumed("r"), new RunCancelled("r", "why"), new RunCompleted("r", "g", "s"), new RunFailed("r", "why"),
            new TasksProposed("r", new TaskSpec("units", TaskContext.SingleTurn, 3, 1), "g", [1, 2], samples, "d"),
            new TaskAttempted("r", new TaskRef("task/r/1/0", 0), AttemptPurpose.Verify, "s", [1], samples, "d"),
            new CallsBegun("r", "group/r/1/solver/0/0/2", 2, [0, 3]),
            new TurnTaken("r", 2, "s", [new TurnSample(0, [4, 5], samples[0])], "d"),
            new ToolCallsExecuted("r",
                [new SampleExecution(0, [new CallOutcome(call, CallStatus.Succeeded, "4.8", null)]), new SampleExecution(1, [], "tool down")]),
            new ProposalsScored("r", [new ProposalScore(0, 1, 1, 0.5, null, 0.75, 0, 1.5, 0.5, 0.25, ["not_parsed"], 0.7)]),
            new AttemptsScored("r", [new AttemptScore(0, 1, 0.5, 1, 0.5, 0, 1, 1.5, false, ["wrong_values"], -0.7, true)]),
            new PolicyUpdated("r", Role.Solver, 1, 0, "a", "b", ["group/r/1/solver/0/0"],
                new Dictionary<string, double> { [MetricNames.Loss] = 0.5, [MetricNames.TokensLearned] = 12 }),
            new ReferenceMeasured("r", "base", [[-0.5f, -0.25f], []], "d"),
            new CandidateFiltered("r", "units", null, null, new KeptCandidate("f", "sha", "0123456789abcdef", 1.5, 1, ["convert"],
                new QuestionSketch("f0", "AAA=")), 40),
            new CandidateRated("r", 0.75, 0.5, true, false, 80), new CandidateLabelled("r", "hard", false, 20),
            new ProposalsGated("r",
                [
                    new GatedProposal(0, null, null,
                        new KeptProposal(
                            new TaskSpec("units", TaskContext.SingleTurn, 2, 1, 2, ValueKinds.Number), "f", "0123456789abcdef", 1.5, "convert")),
                    new GatedProposal(1, "not_grounded", null, null),
                ], 90),
            new TaskVaried("r", new TaskRef("group/r/0/warmproposals/0/1", 2), ["menu.1", "rename.camelCase"], 7, task),
            new WarmStartSelected("r", Role.Solver, 1, [new TaskRef("group/r/0/variant/1/0", 0)], 40,
                new Dictionary<string, int> { ["wrong_tool"] = 3 },
                new Dictionary<string, int> { ["menu.1"] = 1 }),
            new TaskRejected("r", 1, "low_agreement", "names 0.1"), new TaskSelected("r", 1, 3, "hard", 0.25),
            new HeldOutRegistered("seen", [new HeldOutItem("i0", "units", task)]),
            new ToolCatalogueRegistered(
                [
                    new CatalogueTool(
                        "files_read", "files", "read", "Read", "Reads a file", """{"type":"object","properties":{"path":{"type":"string"}}}""", "",
                        """{"readOnlyHint":true}""", true, true, true),
                ],
                [new RefusedTool("files", "write", "changes something")]),
            new BenchmarkAnswered("bench", "sha", "by",
                [new BenchmarkAnswer("i0", "simple", "text", [call], false, "semantic", "wrong_tool", "detail")]),
            new BenchmarkCompleted("bench", "sha", "by", 4, 0.5, new Dictionary<string, double> { ["simple"] = 0.5 },
                new Dictionary<string, int> { ["structural/wrong_tool"] = 2 }),
        ];
    }

    [Fact]
    public void The_newest_golden_event_of_each_type_is_what_this_build_writes()
    {
        var written = new List<string>();
        foreach (var sample in Samples())
        {
            var (name, json) = (FactTypes.NameOf(sample.GetType()), JsonSerializer.SerializeToNode(sample, sample.GetType(), EventJson.Options)!);
            var file = Directory.GetFiles(Folder, $"{name}.v*.json").Order(StringComparer.Ordinal).LastOrDefault();
            if (file is null)
            {
                File.WriteAllText(Path.Combine(Folder, $"{name}.v1.json"),
                    json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
                written.Add(name);
                continue;
            }

            JsonNode.DeepEquals(json, JsonNode.Parse(File.ReadAllText(file!)))
                .ShouldBeTrue($"{Path.GetFileName(file)}: this build writes {json.ToJsonString()}");
        }

        Samples().Select(sample => sample.GetType()).ShouldBe(FactTypes.All, ignoreOrder: true);
        written.ShouldBeEmpty("these had no golden event; one was written, look at it");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_golden_event_is_read_as_this_build_means_it(string file)
    {
        var name = file[..file.IndexOf('.')];
        var run = Facts.Run();
        var stream = Ids.RunStream(run);
        await store.Log.AppendAsync(run, "c", [new FactAppend(stream, 1, new RunPaused(run))], Cancellation);
        await using (var command = store.Database.DataSource.CreateCommand(
            $"update {EventStoreDatabase.Schema}.mt_events set type = $2, mt_dotnet_type = null, data = $3::jsonb where stream_id = $1"))
        {
            command.Parameters.AddWithValue(stream);
            command.Parameters.AddWithValue(name);
            command.Parameters.AddWithValue(await File.ReadAllTextAsync(Path.Combine(Folder, file), Cancellation));
            await command.ExecuteNonQueryAsync(Cancellation);
        }

        var newest = JsonNode.Parse(
            await File.ReadAllTextAsync(Directory.GetFiles(Folder, $"{name}.v*.json").Order(StringComparer.Ordinal).Last(), Cancellation))!;
        if (file is "run_started.v1.json" or "run_started.v2.json" or "run_started.v3.json")
            newest.AsObject().Remove("origin");
        if (file == "run_started.v1.json")
            newest["options"]!["generator"]!["reward"]!["repetitionScope"] = nameof(RepetitionScope.Group);
        if (file == "candidate_filtered.v1.json")
            newest["kept"]!.AsObject().Remove("sketch");
        foreach (var fact in new[] { (await store.Log.ReadAsync([stream], Cancellation))[stream][0],
            (await store.Log.ReadFromAsync(stream, 0, Cancellation))[0] })
        {
            var read = JsonSerializer.SerializeToNode(fact.Fact, fact.Fact.GetType(), EventJson.Options)!;
            JsonNode.DeepEquals(read, newest).ShouldBeTrue($"{file} is read as {read.ToJsonString()}");
        }
    }
}
