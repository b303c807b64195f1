using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;

namespace ToolR0.TinyWorld.Tests;

/// <summary>The method's rules must let the tiny world's own right tasks through.</summary>
public sealed class TinyWorldMethodTests
{
    [Theory]
    [InlineData(HeldOut.Seen)]
    [InlineData(HeldOut.Unseen)]
    public void A_right_task_of_the_tiny_world_survives_and_earns_full_format_and_validity(string kind)
    {
        var n = 0;
        foreach (var item in HeldOut.Make(kind, 300, seed: 99))
        {
            var spec = new TaskSpec(item.Class, TaskContext.SingleTurn, item.Task.Menu.Count, item.Task.Gold.Count);
            var text = CompactFormat.Proposal(string.Join(' ', item.Task.Gold.Select(c => c.Name)), item.Task);
            var group = Given.Proposed(spec, Given.Sample(text));
            var executed = Given.AllRan(group);

            var candidate = new TestCandidate(new TaskRef("task/r/1/0", 0), 0, spec, group.Samples[0], executed.Samples[0]);
            Curricula.Filter([candidate], HeldOutGuard.None, ShippedPresets.Nano)[0].Reason.ShouldBeNull(text);
            var score = GeneratorReward.ScoreGroup(group, executed, [Given.Attempted(AttemptPurpose.Probe, CompactFormat.Answer(item.Task.Gold))],
                [], 1, ShippedPresets.Nano)[0];
            (score.Format, score.Validity, score.PassRate).ShouldBe((1.0, 1.0, 1.0), $"{text} {string.Join(',', score.Reasons)}");
            SolverReward.Score(0, item.Task, CompactFormat.Answer(item.Task.Gold), ShippedPresets.Nano.Solver).Total.ShouldBe(2, 1e-9);
            n++;
        }

        n.ShouldBe(300);
    }

    [Fact]
    public void A_held_out_item_is_refused_as_a_candidate()
    {
        var items = HeldOut.Make(HeldOut.Seen, 50, seed: 7);
        var candidates = items.Select((item, i) =>
        {
            var spec = new TaskSpec(item.Class, TaskContext.SingleTurn, item.Task.Menu.Count, item.Task.Gold.Count);
            var group = Given.Proposed(spec, Given.Sample(CompactFormat.Proposal("x", item.Task)));
            return new TestCandidate(new TaskRef($"task/r/1/{i}", 0), i, spec, group.Samples[0], Given.AllRan(group).Samples[0]);
        }).ToList();
        Curricula.Filter(candidates, new HeldOutGuard(items), ShippedPresets.Nano).ShouldAllBe(v => v.Reason == Rejections.HeldOut);
    }
}
