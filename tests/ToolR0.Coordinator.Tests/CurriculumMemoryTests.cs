using Microsoft.Extensions.Logging.Abstractions;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.Testing;

namespace ToolR0.Coordinator.Tests;

/// <summary>The paper's curriculum has half a gigabyte of proposals and answers. The coordinator reads none of them.</summary>
public sealed class CurriculumMemoryTests
{
    private const int Candidates = 10_000;
    private const int Samples = 10;
    private const long Limit = 300_000_000;

    [Fact]
    [Trait("Category", "Slow")]
    public async Task The_coordinator_stays_small_at_ten_thousand_candidates_with_ten_samples_each()
    {
        var options = Miniature.Options with
        {
            Generator = Miniature.Options.Generator with { Train = false },
            Curriculum = Miniature.Options.Curriculum with { Candidates = Candidates, Selected = 2_000, VerifySamples = Samples },
            Dispatch = new DispatchOptions(),
        };
        var log = new Payloads(options);
        var outlet = new Outlet();
        var driver = new RunDriver(Miniature.Run, log, new StreamCache(log), outlet, TimeProvider.System, NullLogger.Instance);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var peak = before;

        await driver.HandleAsync(Miniature.Start(options) with { HeldOut = [] }, "test", TestContext.Current.CancellationToken);
        for (var answered = 0; outlet.Sent.TryDequeue(out var command); answered++)
        {
            if (command is AttemptTasks { Purpose: AttemptPurpose.Train })
                break;
            log.Answer(command);
            await driver.HandleAsync(new FactsStored(Miniature.Run, command.Shard, default, default), "test", TestContext.Current.CancellationToken);
            if (answered % 100 == 0 || outlet.Sent.Count == 0)
                peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false));
        }

        peak = Math.Max(peak, log.Peak);
        var curriculum = log.Small.Stream(Ids.RunStream(Miniature.Run)).OfType<CurriculumSelected>().ShouldHaveSingleItem();
        curriculum.Candidates.ShouldBe(Candidates);
        curriculum.Tasks.Count.ShouldBe(2_000);
        curriculum.Rejected.Keys.ShouldContain(Rejections.Duplicate);
        log.PayloadReads.ShouldBe(0);
        TestContext.Current.SendDiagnosticMessage(
            $"managed memory: {before / 1e6:0} MB before, {peak / 1e6:0} MB at most; {log.SmallBytes / (double)Candidates:0} bytes of small facts a candidate");
        (peak - before).ShouldBeLessThan(Limit);
    }

    private sealed class Outlet : IRunOutlet
    {
        public Queue<IShardCommand> Sent { get; } = new();

        public Task SendAsync(IShardCommand command, string causation, CancellationToken cancellation)
        {
            Sent.Enqueue(command);
            return Task.CompletedTask;
        }
    }

    /// <summary>A store that keeps small facts and only the versions of large ones; it has the workers' answers made up as they are asked
    /// for.</summary>
    private sealed class Payloads(RunOptions options) : IFactLog
    {
        private readonly Dictionary<string, long> _versions = [];
        private readonly Dictionary<StreamPlace, StoredFact> _small = [];

        /// <summary>The run's own stream, and the candidates' outcomes.</summary>
        public InMemoryFactLog Small { get; } = new();

        public long Peak { get; private set; }

        public long SmallBytes { get; private set; }

        public int PayloadReads { get; private set; }

        public void Answer(IShardCommand command)
        {
            foreach (var place in command.Answers)
            {
                _versions[place.Stream] = place.Version;
                if (command is FilterCandidates or RateCandidates)
                    Keep(place, Made(command, StreamKey.Parse(place.Stream).Number));
            }
        }

        public async Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default)
        {
            Peak = Math.Max(Peak, GC.GetTotalMemory(forceFullCollection: false));
            return await Small.AppendAsync(run, causationId, [.. facts.Where(fact => fact.Fact is not (TaskSelected or TaskRejected))], cancellation);
        }

        public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
            Small.VersionsAsync(streams, cancellation);

        public Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
            IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
        {
            PayloadReads += streams.Count(stream => StreamKey.IsOf(stream, StreamKind.Task));
            return Small.ReadAsync(streams, cancellation);
        }

        public Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default)
        {
            IReadOnlyList<StoredFact> read = [.. places.Select(place => _small[place])];
            Peak = Math.Max(Peak, GC.GetTotalMemory(forceFullCollection: false));
            return Task.FromResult(read);
        }

        public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

        private object Made(IShardCommand command, int n)
        {
            // Every twentieth candidate proposes what the one before it does.
            n -= n % 20 == 7 ? 1 : 0;
            var spec = new TaskSpec("units", TaskContext.SingleTurn, 2, 1);
            var proposed = new TasksProposed(Miniature.Run, spec, "p", [1], [FakeModels.Propose((4 * n) + 2, spec)], "");
            var task = TaskSource.Resolve(new TaskRef(Ids.TaskStream(Miniature.Run, 1, n), 0), proposed).ShouldNotBeNull();
            if (command is RateCandidates)
                return CandidateFacts.Rate(Miniature.Run, task, new TaskAttempted(
                    Miniature.Run, new TaskRef("", 0), AttemptPurpose.Verify, "p", [1],
                        [.. Enumerable.Range(0, Samples).Select(i => FakeModels.Answer(n + (i * (n % 3)), task))], ""));
            var executed = new SampleExecution(0, [.. task.Gold.Select(call => new CallOutcome(call, CallStatus.Succeeded, "1", null))]);
            return CandidateFacts.Filter(Miniature.Run, new Candidate(spec, proposed.Samples[0], executed), HeldOutGuard.None, options);
        }

        private void Keep(StreamPlace place, object fact)
        {
            SmallBytes += System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(fact, fact.GetType()).Length;
            _small[place] = new StoredFact(place.Stream, place.Version, 0, fact, DateTimeOffset.UnixEpoch, null);
        }
    }
}
