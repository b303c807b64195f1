using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.WarmStart;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

public sealed class WarmStartTests
{
    private static readonly TaskSpec Spec = new("travel", TaskContext.SingleTurn, 2, 1, 2, ValueKinds.Text);

    private static readonly string Good = Proposal("Which trains go from Hamburg to Munich?",
        """{"origin":"Hamburg","destination":"Munich"}""");

    [Fact]
    public void A_valid_proposal_passes_the_gate_with_what_is_needed_of_it_later()
    {
        var kept = Judge(Good).Kept.ShouldNotBeNull();

        kept.Spec.ShouldBe(Spec);
        kept.Tool.ShouldBe("find_trains");
    }

    [Fact]
    public void Each_way_to_fail_has_its_reason()
    {
        Judge(Proposal("Which trains go from Hamburg to Munich?", """{"origin":"Hamburg","destination":"Vienna"}""")).Reason
            .ShouldBe(Rejections.NotGrounded);
        Judge(Proposal("Which trains go from Hamburg?", """{"origin":"Hamburg"}""")).Reason.ShouldBe(Rejections.MissingRequiredArgument);
        Judge(Proposal("Which trains and which trains go from Hamburg to Munich and which trains go back?",
            """{"origin":"Hamburg","destination":"Munich"}""")).Reason.ShouldBe(Rejections.RepeatsItself);
        Judge(Good.Replace("Hotels in a city.", "Trains between two cities.")).Reason.ShouldBe(Rejections.ToolsAlike);
        Judge(Good[..40]).Reason.ShouldBe(Rejections.MissingTags);
        Judge(SignatureFormat.Proposal(SignatureFormat.Demonstrations[0].Task)).Reason.ShouldBe(Rejections.DemonstrationCopied);
    }

    [Fact]
    public void With_hindsight_a_proposal_is_kept_under_the_spec_that_it_obeys_and_without_it_is_dropped()
    {
        var asked = Spec with { Arguments = 4, MenuSize = 3, Value = ValueKinds.Date };

        Judge(Good, asked).Kept.ShouldNotBeNull().Spec.ShouldBe(Spec);
        Judge(Good, asked, Options with { WarmStart = Options.WarmStart with { Hindsight = false } }).Reason.ShouldBe(Rejections.SpecNotObeyed);
        Judge(Good, Spec, Options with { WarmStart = Options.WarmStart with { Hindsight = false } }).Reason.ShouldBeNull();
    }

    [Fact]
    public void Of_duplicates_one_is_kept_and_of_one_tool_as_many_as_the_options_say()
    {
        var proposals = Enumerable.Range(0, 6).Select(i => Judged(i, $"q{i}", "t")).Append(Judged(6, "q0", "other")).ToList();

        var kept = WarmSelection.Proposals("r", 0, proposals, Options with { WarmStart = Options.WarmStart with { TasksPerTool = 2 } });

        kept.Kept.Count.ShouldBe(2);
        kept.Dropped.ShouldBe(new Dictionary<string, int> { [Rejections.Duplicate] = 1, [Rejections.ToolOften] = 4 });
    }

    [Fact]
    public void Quotas_keep_the_rare_shapes_that_would_drown()
    {
        var proposals = Enumerable.Range(0, 100).Select(i => Judged(i, $"q{i}", $"t{i}", arguments: i % 20 == 0 ? 3 : 1)).ToList();
        var few = Options.WarmStart with { Generator = Options.WarmStart.Generator with { Keep = 10 } };

        var balanced = WarmSelection.Proposals("r", 0, proposals, Options with { WarmStart = few });
        var plain = WarmSelection.Proposals("r", 0, proposals, Options with { WarmStart = few with { Quotas = false } });

        balanced.Kept.Count.ShouldBe(10);
        balanced.Shapes["arguments=3"].ShouldBe(5);
        plain.Shapes.GetValueOrDefault("arguments=3").ShouldBeLessThan(4);
        WarmSelection.Proposals("r", 0, proposals, Options with { WarmStart = few }).Kept.ShouldBe(balanced.Kept);
    }

    [Fact]
    public void A_fit_goes_through_what_is_kept_once_an_epoch_and_its_rate_rises_and_falls_to_nothing()
    {
        var selected = new WarmStartSelected(
            "r", Role.Generator, 0, [.. Enumerable.Range(0, 10).Select(i => new TaskRef("group/r/0/warmproposals/0/0", i))], 10, new Dictionary<string, int>(), new Dictionary<string, int>());
        var fit = new FitOptions { Epochs = 3, Batch = 4, Warmup = 0.25, LearningRate = 1 };
        var options = Options with
        {
            WarmStart = Options.WarmStart with { BatchesPerStep = 3, Generator = Options.WarmStart.Generator with { Fit = fit } },
        };

        var steps = WarmStartPlan.Steps(selected, options.WarmStart);
        var plans = Enumerable.Range(0, steps).Select(step => WarmStartPlan.Step(selected, step, options)).ToList();

        steps.ShouldBe(3);
        plans.SelectMany(plan => plan.Examples).CountBy(example => example).ShouldAllBe(count => count.Value == 3);
        plans.Select(plan => plan.FirstBatch).ShouldBe([0, 3, 6]);
        plans.ShouldAllBe(plan => plan.Batches == 8);
        Enumerable.Range(0, 8).Select(batch => WarmStartPlan.LearningRate(fit, batch, 8))
            .ShouldBe([0.5, 1, 1, 5.0 / 6, 4.0 / 6, 3.0 / 6, 2.0 / 6, 1.0 / 6], tolerance: 1e-12);
    }

    [Fact]
    public void Without_a_warm_start_none_of_its_phases_comes()
    {
        WarmStartPlan.Next(null, 0, Presets.Paper).ShouldBeNull();
        WarmStartPlan.Next(Phase.Evaluation, 0, Presets.Paper).ShouldBeNull();
        WarmStartPlan.Next(Phase.Evaluation, 0, Presets.SmolLm2).ShouldBe(Phase.WarmProposals);
        WarmStartPlan.Next(Phase.WarmSolver, 1, Presets.SmolLm2).ShouldBe(Phase.WarmProposals);
        WarmStartPlan.Next(Phase.WarmSolver, 2, Presets.SmolLm2).ShouldBeNull();
    }

    private static RunOptions Options => Presets.SmolLm2;

    private static string Proposal(string question, string arguments) => SignatureFormat.Proposal(new ToolTask(
        question,
        [
            new ToolSpec("find_trains", "Trains between two cities.",
                [new ToolParameter("origin", "string"), new ToolParameter("destination", "string")], ["origin", "destination"]),
            new ToolSpec("book_hotel", "Hotels in a city.", [new ToolParameter("city", "string")], ["city"]),
        ],
        [Given.Call("find_trains", arguments)]));

    private static GatedProposal Judge(string text, TaskSpec? spec = null, RunOptions? options = null)
    {
        var sample = new Trajectory(1, [1, 2], [-1, -1], text, FinishReason.Stop);
        var proposed = new TasksProposed("r", spec ?? Spec, "p", [1], [sample], "", Signatures: true);
        var task = TaskSource.Resolve(new TaskRef("group/r/0/warmproposals/0/0", 0), proposed);
        var executed = new ToolCallsExecuted("r",
            [new SampleExecution(0, [.. (task?.Gold ?? []).Select(call => new CallOutcome(call, CallStatus.SchemaChecked, null, null))])]);
        return WarmGate.Judge("r", proposed, executed, HeldOutGuard.None, options ?? Options).Verdicts.ShouldHaveSingleItem();
    }

    private static JudgedProposal Judged(int i, string question, string tool, int arguments = 1) => new(
        new TaskRef("group/r/0/warmproposals/0/0", i),
        new GatedProposal(i, null, null, new KeptProposal(Spec with { Arguments = arguments }, $"f{i}", question, 1, tool)));
}
