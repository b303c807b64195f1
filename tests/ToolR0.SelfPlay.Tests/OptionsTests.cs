using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Specs;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class OptionsTests
{
    private static readonly RunOptionsValidator Validator = new();

    [Fact]
    public void The_presets_obey_the_rules()
    {
        foreach (var name in ShippedPresets.All.Keys)
            Validator.Validate(ShippedPresets.All[name]).Errors.ShouldBeEmpty();
    }

    [Fact]
    public void The_paper_preset_has_the_papers_constants()
    {
        var o = Presets.Paper;
        (o.Iterations, o.Generator.Steps, o.Solver.Steps).ShouldBe((3, 50, 50));
        (o.Curriculum.Candidates, o.Curriculum.Selected, o.Curriculum.VerifySamples, o.Curriculum.MinAgreement).ShouldBe((10_000, 2_000, 10, 0.2));
        (o.Generator.GroupSize, o.Solver.GroupSize, o.Generator.PromptsPerStep, o.Solver.PromptsPerStep).ShouldBe((4, 4, 6, 8));
        (o.Generator.LearningRate, o.Solver.LearningRate, o.Generator.Probes).ShouldBe((1e-6, 1e-6, 8));
        o.Specs.Domains.Count.ShouldBe(32);
        (o.Generator.Reward.RepetitionWeight, o.Generator.Reward.RepetitionScope).ShouldBe((0, RepetitionScope.Batch));
        (o.Generator.Reward.CoherenceWeight, o.Judge.Tries, o.Judge.Sampling.Temperature, o.Judge.OnFailure)
            .ShouldBe((0.5, 3, 0.1, JudgeFailure.Void));
        (o.Generator.Reward.SpecObedience, o.Prompts.OfferRefusal, o.Curriculum.LabelBy, o.Curriculum.Order)
            .ShouldBe((false, false, LabelBy.PassRate, CurriculumOrder.EasyToHard));
        (o.Generator.ProbeSampling.Temperature, o.Curriculum.Sampling.Temperature, o.Curriculum.VerifySampling.Temperature, o.Curriculum.Compare)
            .ShouldBe((0.7, 0.7, 0.001, VerifyCompare.Names));
    }

    [Fact]
    public void What_is_written_loads_again_unchanged()
    {
        foreach (var name in ShippedPresets.All.Keys)
        {
            var json = RunOptionsJson.Write(ShippedPresets.All[name]);
            RunOptionsJson.Write(RunOptionsJson.Load(json, ShippedPresets.All, "paper")).ShouldBe(json);
        }
    }

    [Fact]
    public void A_document_overrides_its_preset_and_leaves_the_rest()
    {
        var o = RunOptionsJson.Load(
            """{ /* mine */ "Seed": 7, "solver": { "learningRate": 1e-3, "control": "randomReward" }, "specs": { "domains": { "chess": 2 } }, }""",
            ShippedPresets.All, "nano");
        o.Seed.ShouldBe(7);
        o.Solver.LearningRate.ShouldBe(1e-3);
        o.Solver.Control.ShouldBe(SolverControl.RandomReward);
        o.Solver.GroupSize.ShouldBe(ShippedPresets.Nano.Solver.GroupSize);
        o.Specs.Domains.ShouldBe(new Dictionary<string, double> { ["chess"] = 2 });
        o.Preset.ShouldBe("nano");
        RunOptionsJson.Load("""{"preset":"paper"}""", ShippedPresets.All, "nano").Curriculum.Candidates.ShouldBe(10_000);
    }

    [Theory]
    [InlineData("{", "not JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"preset":"huge"}""", "preset: 'huge' is unknown; it is one of nano, nano-study, nano-agent, nano-agent-study, paper")]
    [InlineData("""{"solver":{"learnRate":1}}""", "solver.learnRate: there is no such option; the nearest are solver.learningRate")]
    [InlineData("""{"sead":1}""", "sead: there is no such option; the nearest are seed")]
    [InlineData("""{"solver":3}""", "solver: 3 is not an object")]
    [InlineData("""{"solver":{"steps":"many"}}""", "solver.steps: \"many\" is not an integer")]
    [InlineData("""{"solver":{"steps":1.5}}""", "solver.steps: 1.5 is not an integer")]
    [InlineData("""{"seed":null}""", "seed: null is not an integer")]
    [InlineData("""{"curriculum":{"compare":"words"}}""", "curriculum.compare: \"words\" is not one of names, calls")]
    [InlineData("""{"curriculum":{"compare":1}}""", "curriculum.compare: 1 is not one of names, calls")]
    [InlineData("""{"specs":{"calls":{"x":1}}}""", "specs.calls: {\"x\":1} is not a distribution")]
    public void What_can_not_be_read_is_one_clear_line(string json, string message)
    {
        var error = Should.Throw<OptionsException>(() => RunOptionsJson.Load(json, ShippedPresets.All, "nano")).Message;
        error.ShouldContain(message);
        error.ShouldNotContain("\n");
    }

    [Fact]
    public void Flags_set_one_option_by_its_path()
    {
        var o = ShippedPresets.Nano;
        RunOptionsJson.Set(o, "solver.learningRate", "3e-4").Solver.LearningRate.ShouldBe(3e-4);
        RunOptionsJson.Set(o, "SOLVER.REQUIRETHINK", "True").Solver.RequireThink.ShouldBeTrue();
        RunOptionsJson.Set(o, "curriculum.order", "shuffled").Curriculum.Order.ShouldBe(CurriculumOrder.Shuffled);
        RunOptionsJson.Set(o, "evaluation.sets", "seen, mine.jsonl").Evaluation.Sets.ShouldBe(["seen", "mine.jsonl"]);
        RunOptionsJson.Set(o, "evaluation.sets", "").Evaluation.Sets.ShouldBeEmpty();
        RunOptionsJson.Set(o, "specs.calls", "1=0.5,3=0.5").Specs.Calls.ShouldBe(new Dictionary<int, double> { [1] = 0.5, [3] = 0.5 });
        RunOptionsJson.Set(o, "specs.domains", "chess,go").Specs.Domains.ShouldBe(new Dictionary<string, double> { ["chess"] = 1, ["go"] = 1 });
        RunOptionsJson.Set(o, "specs.domains.chess", "2").Specs.Domains["chess"].ShouldBe(2);
        RunOptionsJson.Set(o, "generator.sampling.topP", "0.9").Generator.Sampling.TopP.ShouldBe(0.9);
        RunOptionsJson.Set(o, "seed", "5").Solver.ShouldBe(o.Solver);
    }

    [Theory]
    [InlineData("solver", "1", "solver: is a group of options")]
    [InlineData("solver.steps.more", "1", "solver.steps has no options inside")]
    [InlineData("solver.step", "1", "the nearest are solver.steps")]
    [InlineData("solver.steps", "", "solver.steps: '' is not an integer")]
    [InlineData("solver.requireThink", "maybe", "solver.requireThink: 'maybe' is not true or false")]
    [InlineData("specs.calls", "1=x", "specs.calls: '1=x' is not a distribution")]
    [InlineData("learning.loss", "drGrpo", "learning.loss: \"drGrpo\" is not one of grpo, bnpo, dr_grpo, dapo, cispo")]
    [InlineData("curriculum.order", "7", "curriculum.order: \"7\" is not one of easyToHard, shuffled")]
    public void A_flag_that_does_not_fit_is_one_clear_line(string path, string value, string message) =>
        Should.Throw<OptionsException>(() => RunOptionsJson.Set(ShippedPresets.Nano, path, value)).Message.ShouldContain(message);

    [Theory]
    [InlineData("solver.sampling.temperature", "-1", "solver.sampling.temperature: -1 must be at least 0")]
    [InlineData("solver.sampling.temperature", "0", "solver.sampling.temperature: 0 must be at least 0.001, since what is sampled is learned from")]
    [InlineData("solver.sampling.temperature", "1e-12", "solver.sampling.temperature: 1E-12 must be at least 0.001")]
    [InlineData("generator.sampling.temperature", "0",
        "generator.sampling.temperature: 0 must be at least 0.001, since what is sampled is learned from")]
    [InlineData("generator.sampling.topP", "0", "generator.sampling.topP: 0 must be above 0 and at most 1")]
    [InlineData("generator.sampling.topP", "1.5", "generator.sampling.topP: 1.5 must be above 0 and at most 1")]
    [InlineData("generator.probes", "0", "generator.probes: 0 must be at least 1")]
    [InlineData("iterations", "0", "iterations: 0 must be from 1 to 100")]
    [InlineData("solver.groupSize", "1", "solver.groupSize: 1 must be at least 2")]
    [InlineData("curriculum.minAgreement", "2", "curriculum.minAgreement: 2 must be from 0 to 1")]
    [InlineData("generator.reward.bandLow", "0.9", "generator.reward: [0.9, 0.75] must have bandLow not above bandHigh")]
    [InlineData("specs.domains", "a=0", "specs.domains: [a] must have a positive weight")]
    [InlineData("specs.calls", "99=1", "specs.calls: [99] must have numbers from 0 to 16 as its keys")]
    [InlineData("evaluation.every", "0", "evaluation.every: 0 must be at least 1")]
    [InlineData("evaluation.sets", "seen,seen", "evaluation.sets: [seen, seen] must not name a set twice")]
    [InlineData("learning.clipHigh", "-0.1", "learning.clipHigh: -0.1 must be at least 0")]
    [InlineData("learning.loss", "cispo", "learning.clipHigh: 0 must be at least 1, since learning.loss is cispo")]
    [InlineData("learning.klWeight", "-1", "learning.klWeight: -1 must be at least 0")]
    [InlineData("learning.lora.rank", "-1", "learning.lora.rank: -1 must be from 0 (all weights are trained) to 1024")]
    [InlineData("learning.lora.alpha", "0", "learning.lora.alpha: 0 must be above 0")]
    [InlineData("learning.lora.targets", "q_proj,lm_head", "learning.lora.targets: [q_proj, lm_head] must be all-linear, or some of q_proj, k_proj")]
    [InlineData("learning.lora.targets", "q_proj,q_proj", "learning.lora.targets: [q_proj, q_proj] must be all-linear, or some of q_proj")]
    [InlineData("prompts.examples", "9", "prompts.examples: 9 must be from 0 to 8")]
    [InlineData("specs.arguments", "0=1", "specs.arguments: [0] must have numbers from 1 to 16 as its keys")]
    [InlineData("specs.values", "verse=1", "specs.values: [verse] must have kinds of value (text, number, boolean, date, list) as its keys")]
    [InlineData("warmStart.rounds", "11", "warmStart.rounds: 11 must be from 0 (no warm start) to 10")]
    [InlineData("warmStart.solver.examples", "0", "warmStart.solver.examples: 0 must be from 1 to 8")]
    [InlineData("warmStart.generator.fit.learningRate", "0", "warmStart.generator.fit.learningRate: 0 must be above 0")]
    [InlineData("variation.refusals", "1.2", "variation.refusals: 1.2 must be from 0 to 1")]
    [InlineData("variation.menuSizes", "0=1", "variation.menuSizes: [0] must have sizes from 1 to 128 as its keys")]
    [InlineData("learning.lora.targets", "[]", "learning.lora.targets: [] must be all-linear, or some of")]
    public void A_value_that_breaks_a_rule_is_named_with_the_rule(string path, string value, string message)
    {
        var failure = Validator.Validate(RunOptionsJson.Set(ShippedPresets.Nano, path, value)).Errors.ShouldHaveSingleItem();
        failure.ErrorMessage.ShouldStartWith(message);
    }

    [Theory]
    [InlineData("grpo", LearningLoss.Grpo)]
    [InlineData("dr_grpo", LearningLoss.DrGrpo)]
    [InlineData("DAPO", LearningLoss.Dapo)]
    public void A_loss_goes_by_the_fields_name_for_it(string name, LearningLoss loss)
    {
        var options = RunOptionsJson.Set(Presets.Paper, "learning.loss", name);
        options.Learning.Loss.ShouldBe(loss);
        RunOptionsJson.Write(options).ShouldContain($"\"loss\": \"{name.ToLowerInvariant()}\"");
        var capped = options.Learning with { Loss = LearningLoss.Cispo, ClipHigh = 5 };
        new RunOptionsValidator().Validate(options with { Learning = capped }).IsValid.ShouldBeTrue();
    }

    [Fact]
    public void What_is_not_learned_from_may_be_greedy()
    {
        var frozen = RunOptionsJson.Set(RunOptionsJson.Set(ShippedPresets.Nano, "generator.train", "false"), "generator.sampling.temperature", "0");
        Validator.Validate(frozen).Errors.ShouldBeEmpty();
        foreach (var path in (string[])["generator.probeSampling", "curriculum.sampling", "curriculum.verifySampling", "judge.sampling"])
            Validator.Validate(RunOptionsJson.Set(ShippedPresets.Nano, path + ".temperature", "0")).Errors.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"solver":{"requireThink":true},"solver":{"requireThink":false}}""", "solver: stands twice")]
    [InlineData("""{"solver":{"requireThink":true},"Solver":{"requireThink":false}}""", "Solver: stands twice")]
    [InlineData("""{"solver":{"steps":1,"groupSize":4,"STEPS":2}}""", "solver.STEPS: stands twice")]
    [InlineData("""{"seed":1,"seed":1}""", "seed: stands twice")]
    [InlineData("""{"preset":"nano","preset":"paper"}""", "preset: stands twice")]
    [InlineData("""{"specs":{"domains":{"chess":1,"chess":2}}}""", "specs.domains.chess: stands twice")]
    public void A_name_that_stands_twice_is_one_clear_line(string json, string message)
    {
        foreach (var preset in (string?[])[null, "paper"])
            Should.Throw<OptionsException>(() => RunOptionsJson.Load(json, ShippedPresets.All, "nano", preset)).Message.ShouldStartWith(message);
        RunOptionsJson.Load("""{"specs":{"domains":{"chess":1,"Chess":2}}}""", ShippedPresets.All, "nano").Specs.Domains.Count.ShouldBe(2);
    }

    [Fact]
    public void A_preset_is_where_options_start_from_and_not_one_of_them() =>
        Should.Throw<OptionsException>(() => RunOptionsJson.Set(ShippedPresets.Nano, "preset", "paper")).Message.ShouldContain("--preset");

    [Fact]
    public void Every_option_can_be_set_by_its_path_to_what_it_is()
    {
        RunOptionsJson.Paths().ShouldContain("generator.reward.majorityFromIteration");
        RunOptionsJson.Paths().Count.ShouldBeGreaterThan(80);
        var written = RunOptionsJson.Write(ShippedPresets.Nano);
        foreach (var path in RunOptionsJson.Paths().Where(path => path != "preset"))
        {
            var value = JsonNode.Parse(written)!;
            foreach (var name in path.Split('.'))
                value = value[name]!;
            RunOptionsJson.Write(RunOptionsJson.Set(ShippedPresets.Nano, path, value.ToString())).ShouldBe(written, path);
        }
    }

    [Fact]
    public void Specs_follow_their_weights_and_their_seed()
    {
        var drawn = Enumerable.Range(0, 20_000).Select(i => SpecSampler.Sample(Presets.Paper.Specs, Seeds.Derive(1, $"{i}"))).ToList();
        Share(s => s.Context == TaskContext.MultiTurn).ShouldBe(0.1, 0.01);
        drawn.Where(s => s.Context == TaskContext.MultiTurn).ShouldAllBe(s => s.Calls == 1);
        Share(s => s.Calls == 2).ShouldBe(0.9 * 0.2, 0.01);
        drawn.Where(s => s.Calls == 2).ShouldAllBe(s => s.MenuSize >= 3 && s.MenuSize <= 5);
        var single = drawn.Where(s => s.Calls == 1).ToList();
        ((double)single.Count(s => s.MenuSize <= 4) / single.Count).ShouldBe(0.4, 0.015);
        drawn.Select(s => s.Domain).Distinct().Count().ShouldBe(32);
        SpecSampler.Sample(Presets.Paper.Specs, 42).ShouldBe(SpecSampler.Sample(Presets.Paper.Specs, 42));

        var reversed = Presets.Paper.Specs with { Domains = Presets.Paper.Specs.Domains.Reverse().ToDictionary() };
        SpecSampler.Sample(reversed, 42).ShouldBe(SpecSampler.Sample(Presets.Paper.Specs, 42));

        double Share(Func<TaskSpec, bool> of) => (double)drawn.Count(of) / drawn.Count;
    }
}
