using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Audit;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

/// <summary>A curriculum made from small facts is the one that its payloads gave, and its audit looks at every property of every fact.</summary>
public sealed class CurriculumFactsTests
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    [Theory]
    [InlineData(1, 20)]
    [InlineData(2, 60)]
    [InlineData(3, 200)]
    public void The_curriculum_is_the_one_that_the_payloads_gave_to_the_bit(int seed, int selected)
    {
        string[] domains = ["units", "travel", "math"];
        var options = Given.Options with
        {
            Seed = seed,
            Curriculum = Given.Options.Curriculum with
            {
                Selected = selected,
                Compare = seed == 2 ? VerifyCompare.Calls
                : VerifyCompare.Names,
                MajorityFromIteration = seed == 3 ? 1 : 0
            },
            Specs = Given.Options.Specs with { Domains = domains.ToDictionary(domain => domain, domain => domain.Length / 2.0) },
        };
        var guard = new HeldOutGuard([new HeldOutItem("1", "units", Given.Task(question: "Please convert 3 mile of road seventeen to feet"))]);
        var candidates = Enumerable.Range(0, 240).Select(n => Made(n, domains[n % 3])).ToList();
        Dictionary<int, TaskAttempted> attempts = candidates.ToDictionary(c => c.Index, c => Given.Probes((c.Index * 7) % 11, 10));

        var survivors = Curricula.Filter(candidates, guard, options).Where(v => v.Survives);
        var selection = Curricula.Select([.. survivors.Select(v => new TestVerified(v, attempts[v.Candidate.Index]))], 1, options);
        var old = OldSelection.Of(candidates, index => attempts[index], guard, 1, options);

        selection.Tasks.ShouldBe(old.Tasks);
        selection.Tasks.Count.ShouldBeGreaterThan(10);
        var texts = selection.Tasks.Select(t => candidates[t.Task.Stream.Split('/') is [.., var n] ? int.Parse(n) : -1])
            .Select(c => Fingerprints.CanonicalText(TaskSource.Resolve(c.Task, new TasksProposed("r", c.Spec, "p", [], [c.Sample], ""))!) + "\n");
        Digests.Sha256Hex(string.Concat(texts)).ShouldBe(old.Sha256);
    }

    /// <summary>Facts that are pure functions of other facts.</summary>
    public static TheoryData<Type> Derived =>
    [
        typeof(ProposalsScored), typeof(AttemptsScored), typeof(CandidateFiltered), typeof(CandidateRated), typeof(CandidateLabelled),
        typeof(CurriculumSelected),
        typeof(TaskSelected), typeof(TaskRejected), typeof(EvaluationCompleted), typeof(StepCompleted), typeof(StepStarted), typeof(PhaseStarted),
        typeof(IterationStarted), typeof(RunCompleted),
    ];

    [Theory]
    [MemberData(nameof(Derived))]
    public async Task Every_property_of_a_derived_fact_is_compared(Type type)
    {
        var options = SimulatedRun.Options with { Curriculum = SimulatedRun.Options.Curriculum with { LabelBy = LabelBy.Judge } };
        var facts = SimulatedRun.Facts(options);
        (await AuditAsync(facts)).ShouldBeEmpty();
        var at = facts.FindIndex(stored => stored.Fact.GetType() == type);
        at.ShouldBeGreaterThanOrEqualTo(0, type.Name);
        var original = JsonSerializer.SerializeToNode(facts[at].Fact, type, Json)!;
        var paths = Leaves(original, "").Where(path => !path.EndsWith("Seconds", StringComparison.Ordinal)).ToList();
        foreach (var property in type.GetProperties().Where(property => property.SetMethod is not null))
            paths.ShouldContain(path => path.StartsWith("/" + JsonNamingPolicy.CamelCase.ConvertName(property.Name), StringComparison.Ordinal));

        foreach (var path in paths)
        {
            var altered = Altered(original, path, type);
            altered.ShouldNotBeNull($"{type.Name}{path} cannot be altered");
            var run = facts.ToList();
            run[at] = run[at] with { Fact = altered };
            (await AuditAsync(run))
                .ShouldContain(finding =>
                    finding.Stream == run[at].Stream && finding.Version == run[at].Version, $"{type.Name}{path} is not compared");
        }
    }

    private static TestCandidate Made(int n, string domain)
    {
        var question = n % 40 == 17 ? "Please convert 3 mile of road seventeen to feet"
            : n % 8 == 5 ? $"Please convert {n} mile of the same road to feet"
            : $"Please convert 3 mile of road {(char)('a' + (n % 26))}{(char)('a' + (n / 26))} to feet" + new string('!', n % 5);
        var text = n % 9 == 4 ? "nothing" : Given.Proposal(question);
        var group = Given.Proposed(Given.Spec with { Domain = domain }, Given.Sample(text, n));
        return TestCandidate.Of($"task/r/1/{n}", n, group, Given.AllRan(group));
    }

    /// <summary>Every value, and every empty list or object, by its path.</summary>
    private static IEnumerable<string> Leaves(JsonNode? node, string path) => node switch
    {
        JsonObject { Count: > 0 } members => members.SelectMany(member => Leaves(member.Value, $"{path}/{member.Key}")),
        JsonArray { Count: > 0 } items => Leaves(items[0], $"{path}/0"),
        _ => [path],
    };

    private static object? Altered(JsonNode original, string path, Type type)
    {
        foreach (var value in new JsonNode?[] { 7.25, 977, "altered", "Solver", "Curriculum", "MultiTurn", true, false, null })
        {
            var copy = original.DeepClone();
            var parts = path.Split('/')[1..];
            JsonNode parent = copy;
            foreach (var part in parts[..^1])
                parent = parent is JsonArray list ? list[int.Parse(part)]! : parent[part]!;
            var before = parent is JsonArray array ? array[int.Parse(parts[^1])] : parent[parts[^1]];
            JsonNode? with = before is JsonArray ? new JsonArray(value?.DeepClone()) : before is JsonObject
                ? new JsonObject { ["altered"] = value?.DeepClone() } : value?.DeepClone();
            if (parent is JsonArray items)
                items[int.Parse(parts[^1])] = with;
            else
                parent[parts[^1]] = with;
            try
            {
                if (JsonSerializer.Deserialize(copy, type, Json) is { } altered
                    && !JsonNode.DeepEquals(JsonSerializer.SerializeToNode(altered, type, Json), original))
                    return altered;
            }
            catch (JsonException)
            {
                // Not a value for this property: the next kind.
            }
        }

        return null;
    }

    private static async Task<List<AuditFinding>> AuditAsync(IEnumerable<StoredFact> facts)
    {
        var findings = new List<AuditFinding>();
        await foreach (var finding in RunAudit.CheckAsync(
            facts.ToAsyncEnumerable(), SimulatedRun.Decode, SimulatedRun.EncodePrompt, SimulatedRun.HeldOut,
            cancellation: TestContext.Current.CancellationToken))
        {
            findings.Add(finding);
        }

        return findings;
    }
}
