using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.RewardScoring.Tests;

public sealed class ScoringTests : IAsyncLifetime
{
    private const string Run = "r";
    private const string Group = "group/r/2/generator/0/0";
    private const string Attempt = "group/r/2/solver/0/0";

    private static readonly HeldOutItem Item = HeldOut.Make(HeldOut.Seen, 1, 7)[0];
    private static readonly string Set = Ids.HeldOutStream(Digests.Sha256Hex("set"));
    private static readonly string Right = CompactFormat.Answer(Item.Task.Gold);
    private static readonly string Wrong = CompactFormat.Answer([]);

    private ServiceBed _bed = null!;

    public async ValueTask InitializeAsync()
    {
        _bed = await ServiceBed.StartAsync(services => services.AddRewardScoring(), bus => bus.AddRewardScoringConsumers());
        await AppendAsync(Ids.RunStream(Run), new RunStarted(Run, ShippedPresets.Nano, "base", [], "0.1.0"));
        await AppendAsync(Set, new HeldOutRegistered("set", [Item]));
        var task = new TaskRef(Group, 0);
        var spec = new TaskSpec(Item.Class, TaskContext.SingleTurn, Item.Task.Menu.Count, Item.Task.Gold.Count);
        var executed = new SampleExecution(0, [.. Item.Task.Gold.Select(call => new CallOutcome(call, CallStatus.Succeeded, "1", null))]);
        await AppendAsync(
            Group,
            new TasksProposed(Run, spec, "p", [1], [Sample(CompactFormat.Proposal("it", Item.Task)), Sample("nothing")], "d"),
            new ToolCallsExecuted(Run, [executed, new SampleExecution(1, [])]));
        await AppendAsync("group/r/2/probe/0/0",
            new TaskAttempted(Run, task, AttemptPurpose.Probe, "p", [1], [Sample(Right), Sample(Right), Sample(Wrong), Sample(Wrong)], "d"));
        await AppendAsync(
            Attempt,
            new TaskAttempted(Run, new TaskRef(Set, 0), AttemptPurpose.Train, "p", [1],
                [Sample(Right), Sample(Wrong), new Trajectory(1, [], [], "", FinishReason.Void, "worker died")], "d"),
            new ToolCallsExecuted(Run, []));
    }

    public ValueTask DisposeAsync() => _bed.DisposeAsync();

    [Fact]
    public async Task Proposals_are_scored_from_what_is_stored()
    {
        (await _bed.AskAsync(Proposals("group/r/2/probe/0/0"))).ShouldBeOfType<FactsStored>();

        var scored = _bed.Log.Stream(Group)[2].ShouldBeOfType<ProposalsScored>();
        scored.Scores[0].PassRate.ShouldBe(0.5);
        scored.Scores[0].Difficulty.ShouldBe(1);
        scored.Scores[1].Total.ShouldBe(0);
        scored.Scores[0].Advantage.ShouldBeGreaterThan(0);
        scored.Scores[1].Advantage.ShouldBeLessThan(0);
    }

    [Fact]
    public async Task Attempts_are_scored_and_void_samples_left_out()
    {
        (await _bed.AskAsync(new ScoreAttempts(Run, "shard/a", [StreamLayout.PlaceOf<AttemptsScored>(Attempt)]))).ShouldBeOfType<FactsStored>();

        var scored = _bed.Log.Stream(Attempt)[2].ShouldBeOfType<AttemptsScored>();
        scored.Scores.Select(score => score.Exact).ShouldBe([true, false, false]);
        scored.Scores.Select(score => score.Void).ShouldBe([false, false, true]);
        scored.Scores[2].Advantage.ShouldBe(0);
        (scored.Scores[0].Advantage + scored.Scores[1].Advantage).ShouldBe(0, tolerance: 1e-9);
    }

    [Fact]
    public async Task A_candidate_is_kept_rated_and_labelled_in_small_facts()
    {
        const string candidate = "task/r/1/4";
        const string label = "group/r/1/label/0/4";
        var spec = new TaskSpec(Item.Class, TaskContext.SingleTurn, Item.Task.Menu.Count, Item.Task.Gold.Count);
        var executed = new SampleExecution(0, [.. Item.Task.Gold.Select(call => new CallOutcome(call, CallStatus.Succeeded, "1", null))]);
        await AppendAsync(candidate, new TasksProposed(Run, spec, "p", [1], [Sample(CompactFormat.Proposal("it", Item.Task))], "d"),
            new ToolCallsExecuted(Run, [executed]));
        await _bed.AskAsync(new FilterCandidates(Run, "shard/f", [StreamLayout.PlaceOf<CandidateFiltered>(candidate)]));
        var attempt = new TaskAttempted(Run, new TaskRef(candidate, 0), AttemptPurpose.Verify, "p", [1], [Sample(Right), Sample(Wrong)], "d");
        (await _bed.Log.AppendAsync(Run, "test", [new FactAppend(candidate, 4, attempt)], TestContext.Current.CancellationToken)).ShouldBeTrue();
        await _bed.AskAsync(new RateCandidates(Run, "shard/r", [StreamLayout.PlaceOf<CandidateRated>(candidate)]));
        await AppendAsync(label, attempt with { Purpose = AttemptPurpose.Label, Samples = [Sample("hm"), Sample("easy")] });
        await _bed.AskAsync(new LabelCandidates(Run, "shard/l", [StreamLayout.PlaceOf<CandidateLabelled>(label)]));

        var filtered = _bed.Log.Stream(candidate)[2].ShouldBeOfType<CandidateFiltered>();
        (filtered.Reason, filtered.Domain, filtered.Tokens).ShouldBe((null, Item.Class, 1));
        filtered.Kept!.Tools.ShouldBe(Item.Task.Menu.Select(tool => tool.Name));
        _bed.Log.Stream(candidate)[4].ShouldBe(new CandidateRated(Run, 0.5, 0.5, GoldIsMajority: true, PromptTooLong: false, Tokens: 2));
        _bed.Log.Stream(label)[1].ShouldBe(new CandidateLabelled(Run, "easy", PromptTooLong: false, Tokens: 2));
    }

    [Fact]
    public async Task Scoring_twice_stores_once()
    {
        await _bed.AskAsync(Proposals("group/r/2/probe/0/0"));
        await _bed.AskAsync(Proposals("group/r/2/probe/0/0"));

        _bed.Log.Stream(Group).Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_probe_that_is_stored_only_later_is_waited_for()
    {
        var asked = _bed.AskAsync(Proposals("group/r/2/probe/0/9"));
        await Task.Delay(100, TestContext.Current.CancellationToken);
        await AppendAsync("group/r/2/probe/0/9", _bed.Log.Stream("group/r/2/probe/0/0")[0]);

        (await asked).ShouldBeOfType<FactsStored>();
    }

    [Fact]
    public async Task Over_the_batch_repetition_is_counted_among_all_proposals_of_the_step_whichever_shard_they_are_in()
    {
        const string run = "b";
        var options = ShippedPresets.Nano with
        {
            Generator = ShippedPresets.Nano.Generator with
            {
                PromptsPerStep = 3,
                Reward = ShippedPresets.Nano.Generator.Reward with { RepetitionScope = RepetitionScope.Batch }
            },
        };
        await AppendAsync(Ids.RunStream(run), new RunStarted(run, options, "base", [], "0.1.0"));
        var facts = _bed.Log.Stream(Group);
        await AppendAsync("group/b/2/generator/0/0", facts[0], facts[1]);
        await AppendAsync("group/b/2/generator/0/1", facts[0]);

        // The third group's proposals are stored late: they are waited for.
        var asked = _bed.AskAsync(
            new ScoreProposals(run, "shard/p",
            [new ProposalToScore(StreamLayout.PlaceOf<ProposalsScored>("group/b/2/generator/0/0"), ["group/r/2/probe/0/0", null])]));
        await Task.Delay(100, TestContext.Current.CancellationToken);
        await AppendAsync("group/b/2/generator/0/2", facts[0]);

        (await asked).ShouldBeOfType<FactsStored>();
        var scored = _bed.Log.Stream("group/b/2/generator/0/0")[2].ShouldBeOfType<ProposalsScored>();
        scored.Scores.Select(score => score.Repetition).ShouldBe([0.5, 0]);
    }

    private static ScoreProposals Proposals(string probe) =>
        new(Run, "shard/p", [new ProposalToScore(StreamLayout.PlaceOf<ProposalsScored>(Group), [probe, null])]);

    private static Trajectory Sample(string text) => new(1, [1], [-1], text, FinishReason.Stop);

    private async Task AppendAsync(string stream, params object[] facts) =>
        (await _bed.Log.AppendAsync(Run, "test", [.. facts.Select((fact, i) => new FactAppend(stream, i + 1, fact))])).ShouldBeTrue();
}
