using System.Xml.Linq;
using ToolR0.Contracts;
using ToolR0.Policies.Hub;
using ToolR0.Policies.Storage;

namespace ToolR0.Studies.Tests;

public sealed class StudyTests
{
    private const string Small = """
        {
          "name": "small", "asks": "Does B help?", "preset": "nano-study", "bases": ["base-nano"], "seeds": [1, 2, 3], "reference": "a",
          "set": { "solver.steps": 5 },
          "arms": [
            { "name": "a", "says": "as it is" },
            { "name": "b", "says": "other", "set": { "generator.train": false, "specs.calls": { "1": 1 } } },
          ] // a comment
        }
        """;

    private static StudyPlan Plan(string json = Small) => Plan(StudyFile.Parse(json, "small.json"));

    private static StudyPlan Plan(StudyFile file) =>
        StudyPlan.OfAsync(file, new ModelFinder("/nowhere", HubSettings.Read(new Dictionary<string, string>()))).GetAwaiter().GetResult();

    private static StudyRun Run(string arm, long seed, double before, double after) => new(
        $"{arm}-{seed}",
        arm,
        "base-nano",
        seed,
        new Dictionary<string, IReadOnlyList<double>> { ["seen"] = [before, 0.1, after], ["unseen"] = [0.2, 0.2, 0.2] },
        [new Dictionary<int, int> { [1] = 10, [2] = (int)seed }],
        [0.1 * seed],
        60 + seed,
        50);

    /// <summary>a: 0.5, 0.6, 0.7; b: 0.6, 0.8, failed. Differences 0.1, 0.2.</summary>
    private static StudyResult Result()
    {
        var plan = Plan();
        var runs = new[]
        {
            Run("a", 1, 0.2, 0.5), Run("b", 1, 0.2, 0.6), Run("a", 2, 0.2, 0.6), Run("b", 2, 0.2, 0.8), Run("a", 3, 0.2, 0.7),
            StudyRun.Failed(plan.Cells[5], plan.Cells[5].Run, null, "no <disk>"),
        };
        return StudyResult.Of(plan with { Sets = ["seen", "unseen"] }, runs, 250, "1.2.3");
    }

    // By hand: mean 3, s = √2.5, s/√5 = 0.707107; t(4, 0.975) = 2.776445.
    [Fact]
    public void An_interval_is_students()
    {
        var estimate = Estimate.Of([1, 2, 3, 4, 5]);
        estimate.Mean.ShouldBe(3);
        estimate.StandardError!.Value.ShouldBe(0.707107, 1e-6);
        estimate.Low!.Value.ShouldBe(3 - 1.963243, 1e-6);
        estimate.High!.Value.ShouldBe(3 + 1.963243, 1e-6);
        estimate.Separated.ShouldBeTrue();
    }

    // t(1) = 12.706205, t(9) = 2.262157.
    [Fact]
    public void Few_values_are_known_badly()
    {
        Estimate.Of([0.1, 0.2]).High!.Value.ShouldBe(0.15 + (0.05 * 12.706205), 1e-6);
        Estimate.Of([0.1, 0.2]).Separated.ShouldBeFalse();
        Estimate.Of([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]).High!.Value.ShouldBe(0.5 + (2.262157 / 6), 1e-6);
    }

    [Fact]
    public void One_value_has_a_mean_and_no_interval()
    {
        Estimate.Of([0.25]).ShouldBe(new Estimate(1, 0.25, null, null, null));
        Estimate.Of([0.25]).Separated.ShouldBeFalse();
        Should.Throw<ArgumentException>(() => Estimate.Of([]));
    }

    [Fact]
    public void Arms_of_a_seed_are_measured_on_the_same_fresh_sets()
    {
        var cells = Plan().Cells;
        cells.Select(cell => (cell.Seed, cell.Arm.Name)).ShouldBe([(1L, "a"), (1, "b"), (2, "a"), (2, "b"), (3, "a"), (3, "b")]);
        cells.GroupBy(cell => cell.Seed).Select(g => g.Select(cell => cell.HeldOutSeed).Distinct().Count()).ShouldBe([1, 1, 1]);
        cells.Select(cell => cell.HeldOutSeed).Distinct().Count().ShouldBe(3);
        cells.ShouldAllBe(cell => cell.Options.Seed == cell.Seed && cell.Options.Solver.Steps == 5);
        cells[1].Options.Generator.Train.ShouldBeFalse();
        cells[1].Options.Specs.Calls.ShouldBe(new Dictionary<int, double> { [1] = 1 });
    }

    [Fact]
    public void A_run_is_known_by_what_decides_its_result_and_not_by_what_it_is_called()
    {
        var cells = Plan().Cells;
        cells.Select(cell => cell.Digest).Distinct().Count().ShouldBe(6);
        Plan(Small.Replace("\"a\"", "\"c\"").Replace("small", "other")).Cells.Select(cell => cell.Digest).ShouldBe(cells.Select(cell => cell.Digest));
        Plan(Small.Replace("\"solver.steps\": 5", "\"solver.steps\": 6")).Cells.Select(cell => cell.Digest)
            .Intersect(cells.Select(cell => cell.Digest)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("\"small\"", "\"Small!\"", "name: 'Small!' must be 1 to 24 lower-case letters, digits and dashes, a letter first")]
    [InlineData("[1, 2, 3]", "[1, 1]", "seeds: [1, 1] must be one or more different numbers of at least 0")]
    [InlineData("[1, 2, 3]", "[]", "seeds: [] must be")]
    [InlineData("[\"base-nano\"]", "[]", "bases: [] must be one or more different bases")]
    [InlineData("\"reference\": \"a\"", "\"reference\": \"x\"", "reference: 'x' must be one of the arms: a, b")]
    [InlineData("\"name\": \"b\"", "\"name\": \"a\"", "arms: 'a' occurs twice")]
    [InlineData("\"asks\"", "\"question\"", "question")]
    [InlineData("\"generator.train\"", "\"generator.trian\"", "arm b: generator.trian: there is no such option")]
    [InlineData("\"generator.train\": false", "\"seed\": 4", "arm b: seed: is the study's own member")]
    [InlineData("\"solver.steps\": 5", "\"solver.steps\": 0", "arm a: solver.steps: 0 must be at least 1")]
    [InlineData("\"generator.train\": false", "\"evaluation.sets\": [\"seen\"]", "arm b: evaluation.sets [seen] must be the same in all arms")]
    [InlineData("[\"base-nano\"]", "[\"/nowhere\"]", "/nowhere: there is no such folder")]
    public void A_mistake_in_a_study_is_named(string from, string to, string message)
    {
        Small.ShouldContain(from);
        Should.Throw<UserErrorException>(() => Plan(Small.Replace(from, to))).Message.ShouldContain(message);
    }

    [Fact]
    public void The_shipped_studies_can_be_played()
    {
        var files = Directory.GetFiles(StudyFile.ShippedFolder, "*.json");
        files.Length.ShouldBeGreaterThanOrEqualTo(2);
        foreach (var file in files)
        {
            var name = Path.GetFileNameWithoutExtension(file);
            var study = StudyFile.Load(name);
            study.Name.ShouldBe(name);
            Plan(study).Cells.Count.ShouldBe(study.Arms.Count * study.Seeds.Count * study.Bases.Count);
        }

        Should.Throw<UserErrorException>(() =>
            StudyFile.Load("none")).Message.ShouldContain("the shipped studies are ablations, acting, coevolution, refusal");
    }

    [Fact]
    public void A_set_of_two_or_three_classes_is_compared_by_class_too()
    {
        Plan().Sets.ShouldBe(["seen", "unseen", "two_calls", "refusal", "refusal: not_on_menu", "refusal: small_talk"]);
        Plan(Small.Replace("\"solver.steps\": 5", "\"evaluation.limit\": 1")).Sets.ShouldBe(["seen", "unseen", "two_calls", "refusal"]);
    }

    [Fact]
    public void Differences_are_paired_and_a_failed_run_has_no_pair()
    {
        var seen = Result().Results.Where(result => result.Set == "seen").ToList();
        seen[0].Values.ShouldBe([0.5, 0.6, 0.7]);
        seen[0].Difference.ShouldBeNull();
        seen[0].Gain!.Mean.ShouldBe(0.4, 1e-9);
        seen[1].Values.ShouldBe([0.6, 0.8]);
        seen[1].Differences.ShouldBe([0.1, 0.2], 1e-9);
        seen[1].Difference!.Mean.ShouldBe(0.15, 1e-9);
        seen[1].Difference!.Low!.Value.ShouldBe(0.15 - (0.05 * 12.706205), 1e-6);
    }

    [Fact]
    public void Cost_and_curricula_are_means_over_completed_runs()
    {
        var cost = Result().Costs[0];
        cost.Runs.ShouldBe(3);
        cost.WallSeconds.ShouldBe(62);
        cost.Curricula[0].ShouldBe(new Dictionary<int, double> { [1] = 10, [2] = 2 });
        cost.Invented.ShouldBe([0.2], 1e-9);
    }

    [Fact]
    public void The_page_has_the_table_and_names_what_failed()
    {
        var text = StudyText.Markdown(Result(), "plot.svg");
        text.ShouldContain("| a | 3 | 60.0 % ± 5.8 | +40.0 ± 5.8 | reference | – |");
        text.ShouldContain("| b | 2 | 70.0 % ± 10.0 | +50.0 ± 10.0 | +15.0 ± 5.0 | −48.5 to +78.5 |");
        text.ShouldContain("5 of 6 runs completed");
        text.ShouldContain("| a | 62 | 50 | 1: 10, 2: 2, invented 20 % |");
        text.ShouldContain("- b, base-nano, seed 3: no <disk>");
        text.ShouldContain("![Exact match per arm and difference to a](plot.svg)");
    }

    [Fact]
    public void The_plot_is_an_svg_with_a_point_per_run_and_pair()
    {
        var svg = XDocument.Parse(StudyPlot.Render(Result()));
        // Per set five completed runs and two pairs.
        svg.Descendants().Count(element => element.Name.LocalName == "circle").ShouldBe(2 * (5 + 2));
    }
}
