using ToolR0.Contracts;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.EventStore.Tests;

/// <summary>What a line of the timeline says about what the writers write.</summary>
public sealed class ReplayTests
{
    [Fact]
    public void A_steps_line_shows_the_reward_and_the_pass_rate_that_the_writer_wrote()
    {
        var group = Given.Proposed(Given.Proposal(), "x");
        var probes = new[] { Given.Probes(4), null };
        var scored = new ProposalsScored("r", GeneratorReward.ScoreGroup(group, Given.AllRan(group), probes, [], 1, ShippedPresets.Nano));
        var updated = new PolicyUpdated("r", Role.Generator, 1, 0, "p0", "p1", [], new Dictionary<string, double> { [MetricNames.Loss] = 0.25 });
        var metrics = StepMetrics.OfTraining([("g/0", group), ("g/0", scored), ("p/0", probes[0]! with { Task = new TaskRef("g/0", 0) })],
            updated, []);

        var reward = scored.Scores.Average(score => score.Total);
        RunTimeline.Describe(new StepCompleted("r", 1, Phase.Generator, 0, "p1", metrics))
            .ShouldBe(FormattableString.Invariant($"generator step 0 completed, policy p1, reward {reward:0.000}, pass rate 0.500, near duplicates 0.000, similarity 0.000"));
        RunTimeline.Describe(updated).ShouldEndWith("p0 -> p1, loss 0.250");
        metrics.Keys.ShouldAllBe(name => MetricNames.Find(name) != null);
    }

    [Fact]
    public void Every_metric_is_listed_once_with_unit_and_meaning()
    {
        MetricNames.All.Select(m => (m.Name, m.IsFamily)).ShouldBeUnique();
        MetricNames.All.ShouldAllBe(m => m.Unit.Length > 0 && m.Meaning.EndsWith('.'));
        MetricNames.Find(MetricNames.Reason("no_think"))!.Unit.ShouldBe("samples");
        MetricNames.Find(MetricNames.PassRateBin(10))!.IsFamily.ShouldBeTrue();
        MetricNames.Find("invented").ShouldBeNull();
        MetricNames.Find("invented.x").ShouldBeNull();
    }

    [Fact]
    public async Task A_timeline_of_the_runs_own_facts_reads_its_own_stream_and_no_other()
    {
        var log = new InMemoryFactLog();
        await log.AppendAsync("r", "c", [new FactAppend("run/r", 1, Facts.Started("r"))], TestContext.Current.CancellationToken);
        await log.AppendAsync("r", "c", [new FactAppend("task/r/1/0", 1, Facts.Proposed("r"))], TestContext.Current.CancellationToken);
        (await RunTimeline.ReadAsync(log, "r", lifeOnly: true, cancellation: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken)).ShouldHaveSingleItem().Event.ShouldBe("run_started");
        (await RunTimeline.StateAsync(log, "r", cancellation: TestContext.Current.CancellationToken)).Status.ShouldBe(RunStatus.Running);
        (log.WholeRuns, log.Reads).ShouldBe((0, 2));
    }
}
