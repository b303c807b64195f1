using System.Text.Json;
using System.Xml.Linq;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.Testing;

namespace ToolR0.Reporting.Tests;

public sealed class ReportTests
{
    private static Task<RunReport> ReadAsync(SyntheticRun run) =>
        new ReportReader(run).ReadAsync(SyntheticRun.Name, TestContext.Current.CancellationToken);

    [Fact]
    public async Task Accuracy_lists_the_base_first_and_then_every_iteration()
    {
        var report = await ReadAsync(SyntheticRun.Complete());
        report.State.AccuracyOf("seen").ShouldBe([0.25, 0.5, 0.75, 0.75]);
        report.State.Status.ShouldBe(RunStatus.Completed);
        report.State.Policies[Role.Solver].ShouldBe(SyntheticRun.Sha("solver"));
    }

    [Fact]
    public async Task An_iteration_that_was_not_measured_is_a_gap_and_not_another_iterations_number()
    {
        var report = await ReadAsync(SyntheticRun.Complete(every: 3));

        report.State.AccuracyOf("seen").ShouldBe([0.25, null, null, 0.75]);
        Summary.Of(report).HeldOut["seen"].ShouldBe([0.25, null, null, 0.75]);
        HtmlReport.Render(report).ShouldContain("<td></td><td>3</td><td>75.0 %</td><td>+50.0 points</td>");
    }

    [Fact]
    public async Task Tokens_are_those_that_its_steps_sampled()
    {
        var run = SyntheticRun.Complete(1);
        (await ReadAsync(run)).Tokens.ShouldBe(400 * run.Facts.Count(f => f.Fact is StepCompleted));
    }

    [Fact]
    public async Task A_report_reads_the_runs_own_stream_its_held_out_sets_and_the_streams_of_its_examples()
    {
        var run = SyntheticRun.Complete();
        run.Append(Ids.TaskStream(SyntheticRun.Name, 1, 5), new TaskRejected(SyntheticRun.Name, 1, "low_agreement"));
        var log = new CountingLog(run);
        var report = await new ReportReader(log, new FoldedViews(run)).ReadAsync(SyntheticRun.Name, TestContext.Current.CancellationToken);

        log.WholeRuns.ShouldBe(0);
        var examples = report.State.Curricula.Values.SelectMany(c => c.Tasks).Select(t => t.Task.Stream).ToHashSet();
        log.Streams.Where(s => !examples.Contains(s)).Distinct()
            .ShouldBe([Ids.RunStream(SyntheticRun.Name), Ids.HeldOutStream(SyntheticRun.Seen.Sha256)], ignoreOrder: true);
        log.Streams.Count(examples.Contains).ShouldBe(3 * ReportReader.TasksPerIteration);
        report.Failures.ShouldHaveSingleItem().Answers.Count.ShouldBe(4);
        report.RejectedExamples.ShouldHaveSingleItem().Reason.ShouldBe("low_agreement");
        report.Events.ShouldBe(run.Facts.Count - 1);
    }

    [Fact]
    public async Task A_pause_is_not_wall_time()
    {
        var run = new SyntheticRun();
        run.Append(Ids.RunStream(SyntheticRun.Name), new RunStarted(SyntheticRun.Name, new RunOptions(), "b", [], "1"));
        run.Append(Ids.RunStream(SyntheticRun.Name), new RunPaused(SyntheticRun.Name), 10);
        (await ReadAsync(run)).State.Status.ShouldBe(RunStatus.Paused);
        run.Append(Ids.RunStream(SyntheticRun.Name), new RunResumed(SyntheticRun.Name), 1000);
        run.Append(Ids.RunStream(SyntheticRun.Name), new RunFailed(SyntheticRun.Name, "no disk"), 5);

        var report = await ReadAsync(run);
        report.WallSeconds.ShouldBe(15, 1e-6);
        report.State.Status.ShouldBe(RunStatus.Failed);
        report.State.Reason.ShouldBe("no disk");
    }

    [Fact]
    public async Task The_summary_has_exactly_the_promised_shape()
    {
        var json = JsonDocument.Parse(Summary.Of(await ReadAsync(SyntheticRun.Complete())).ToJson()).RootElement;
        json.EnumerateObject().Select(p => p.Name)
            .ShouldBe(["heldOut", "wallSeconds", "outsideModelShare", "curriculumSha256", "policySha256", "events", "seed"]);
        json.GetProperty("heldOut").GetProperty("seen").EnumerateArray().Select(v => v.GetDouble()).ShouldBe([0.25, 0.5, 0.75, 0.75]);
        json.GetProperty("policySha256").EnumerateObject().Select(p => p.Name).ShouldBe(["generator", "solver"]);
        json.GetProperty("curriculumSha256").EnumerateArray().Select(v => v.GetString())
            .ShouldBe([SyntheticRun.Sha("c1"), SyntheticRun.Sha("c2"), SyntheticRun.Sha("c3")]);
        json.GetProperty("seed").GetInt64().ShouldBe(7);
        json.GetProperty("outsideModelShare").GetDouble().ShouldBeInRange(0, 1);
        json.GetProperty("events").GetInt64().ShouldBe(SyntheticRun.Complete().Facts.Count - 1);
    }

    [Fact]
    public async Task Where_the_base_came_from_stands_in_summary_and_report()
    {
        var origin = new BaseOrigin("org/name", "main", new string('c', 40), "a.gguf", new string('f', 64));
        var run = new SyntheticRun();
        run.Append(Ids.RunStream(SyntheticRun.Name), new RunStarted(SyntheticRun.Name, new RunOptions(), "b", [], "1", origin));
        var report = await ReadAsync(run);
        var json = JsonDocument.Parse(Summary.Of(report).ToJson()).RootElement.GetProperty("baseOrigin");
        json.EnumerateObject().Select(p => p.Name).ShouldBe(["repository", "revision", "commit", "file", "fileSha256"]);
        json.GetProperty("commit").GetString().ShouldBe(origin.Commit);
        HtmlReport.Render(report).ShouldContain($"org/name/a.gguf@{origin.Commit}, SHA-256 {origin.FileSha256}");
    }

    [Fact]
    public async Task The_share_outside_the_model_is_one_minus_model_over_wall_seconds()
    {
        var report = await ReadAsync(SyntheticRun.Complete());
        report.OutsideModelShare.ShouldBe(1 - (report.Steps.Count * 3 / report.WallSeconds), 1e-9);
    }

    [Fact]
    public async Task Examples_show_what_was_learned_and_what_never_worked()
    {
        var report = await ReadAsync(SyntheticRun.Complete());
        report.TaskExamples.Count.ShouldBe(3 * ReportReader.TasksPerIteration);
        report.TaskExamples[0].Task.Question.ShouldStartWith("How many km are");
        report.AnswerExamples.Count(e => !e.Before.Exact && e.After.Exact).ShouldBe(2);
        report.AnswerExamples.Count(e => !e.Before.Exact && !e.After.Exact).ShouldBe(1);
        report.AnswerExamples[0].After.Text.ShouldStartWith("answer 1 of iteration 3");
    }

    [Theory]
    [InlineData("format", "no_think", "not_parsed")]
    [InlineData("format", "no_answer_tag")]
    [InlineData("refused", "no_calls")]
    [InlineData("not refused", "not_refused")]
    [InlineData("number of calls", "missing_calls", "wrong_values")]
    [InlineData("tool", "wrong_tool", "wrong_arguments", "wrong_values")]
    [InlineData("arguments", "wrong_arguments", "wrong_values")]
    [InlineData("values", "wrong_values")]
    [InlineData("other")]
    public void A_wrong_answer_belongs_to_the_first_error_that_applies(string error, params string[] reasons)
    {
        var score = new AttemptScore(0, 1, 0, 0, 0, 0, 1, 1, false, reasons, 0);
        ErrorClasses.Of(score).ShouldBe(error);
        ErrorClasses.Of(score with { Exact = true }).ShouldBeNull();
    }

    [Fact]
    public void Every_reason_of_rejection_has_its_meaning()
    {
        var reasons = typeof(ToolR0.SelfPlay.Curriculum.Rejections).GetFields().Select(field => (string)field.GetRawConstantValue()!).ToList();
        reasons.Count.ShouldBeGreaterThan(25);
        reasons.ShouldAllBe(reason => RejectionMeanings.Of(reason).Length > 0);
    }

    [Fact]
    public async Task Failures_are_counted_before_and_after_and_by_class_of_item()
    {
        var set = (await ReadAsync(SyntheticRun.Complete())).Failures.ShouldHaveSingleItem();
        (set.Set, set.Iteration, set.Answers.Count).ShouldBe(("seen", 3, 4));
        set.Count("other").ShouldBe((3, 1));
        var (name, items, errors) = set.ByClass.ShouldHaveSingleItem();
        (name, items, errors["other"]).ShouldBe(("units", 4, 1));
        set.Examples.ShouldHaveSingleItem().Item.Id.ShouldBe("seen-3");
    }

    [Fact]
    public async Task Diagnostics_and_refused_candidates_are_shown_with_their_reasons()
    {
        var run = SyntheticRun.Complete(1);
        run.Append(Ids.TaskStream(SyntheticRun.Name, 1, 5), new TaskRejected(SyntheticRun.Name, 1, "low_agreement", "names 0.1, calls 0"));
        var metrics = new Dictionary<string, double>
        {
            ["menuObedienceShare"] = 0.25,
            ["callsObedienceShare"] = 0.5,
            ["knownToolShare"] = 0.125,
            ["callsMean"] = 1.5,
            ["passRate.0"] = 3,
            ["passRate.10"] = 1,
            ["entropy"] = 0.75,
            ["surprisal"] = 0.7,
            ["gradientNorm"] = 2,
            ["completionTokens"] = 40,
            ["zeroVarianceShare"] = 0.5,
        };
        run.Append(Ids.RunStream(SyntheticRun.Name), new StepCompleted(SyntheticRun.Name, 1, Phase.Generator, 2, null, metrics));

        var html = HtmlReport.Render(await ReadAsync(run));
        foreach (var shown in new[]
        {
            "What the Generator learned to do", "3 tasks never solved (below 0.1) at step 3 of iteration 1", "1 tasks always (1)",
                "Generator: entropy and surprisal",
            "Generator: gradient norm", "Where the Solver still fails", "low_agreement: the Solver agrees too rarely (names 0.1, calls 0)",
            "Candidates that were refused",
        })
        {
            html.ShouldContain(shown);
        }
    }

    [Fact]
    public async Task Diversity_is_shown_by_iteration_and_domain_and_a_collapse_stands_at_the_top()
    {
        var run = SyntheticRun.Complete(1);
        foreach (var (iteration, questions) in new[] { (1, 90.0), (2, 20.0) })
        {
            run.Append(Ids.RunStream(SyntheticRun.Name), new StepCompleted(SyntheticRun.Name, iteration, Phase.Curriculum, 0, null,
                new Dictionary<string, double>
                {
                    [MetricNames.WrittenTasks] = 200,
                    [MetricNames.QuestionsOf100] = questions,
                    [MetricNames.NearDuplicateShare] = 0.375,
                    [MetricNames.OfDomain(MetricNames.WrittenTasks, "units")] = 150,
                    [MetricNames.OfDomain(MetricNames.WrittenTasks, "travel")] = 50,
                    [MetricNames.OfDomain(MetricNames.WrittenQuestions, "units")] = questions / 2,
                    [MetricNames.OfDomain(MetricNames.WrittenTools, "units")] = 12,
                    [MetricNames.OfDomain(MetricNames.NearDuplicateShare, "units")] = 0.25,
                }));
        }

        var html = HtmlReport.Render(await ReadAsync(run));
        html.ShouldContain("<p class='reason'>warning: iteration 2, curriculum: the Generator repeats itself: of 100 tasks 20 ask");
        html.ShouldContain("<td>written: tasks with a near duplicate</td><td class='num'></td><td class='num'>38 %</td><td class='num'>38 %</td>");
        html.ShouldContain(
            "<tr><td>units</td><td class='num zero'>·</td><td></td><td></td><td class='num'>45 of 150</td><td class='num'>12</td><td class='num'>25 %</td>");
        HtmlReport.Render(await ReadAsync(SyntheticRun.Complete(1))).ShouldNotContain("repeats itself");
    }

    [Fact]
    public async Task A_report_needs_nothing_but_itself_and_its_charts_are_well_formed()
    {
        var html = HtmlReport.Render(await ReadAsync(SyntheticRun.Complete()));
        foreach (var forbidden in new[] { "<script", "http://", "https://", "<link", "@import", "url(" })
            html.ShouldNotContain(forbidden);
        html.ShouldContain("answer 1 of iteration 3 &lt;b&gt;");

        var charts = 0;
        for (var at = html.IndexOf("<svg", StringComparison.Ordinal); at >= 0; at = html.IndexOf("<svg", at + 1, StringComparison.Ordinal))
        {
            var svg = XElement.Parse(html[at..(html.IndexOf("</svg>", at, StringComparison.Ordinal) + 6)]);
            svg.Elements("text").Count(e => (string?)e.Attribute("class") == "axis-label").ShouldBe(2);
            html.ShouldNotContain("NaN", Case.Sensitive);
            charts++;
        }

        charts.ShouldBe(1 + 4 + 3 + 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(12)]
    [InlineData(30)]
    public async Task A_run_that_stopped_anywhere_still_renders(int facts)
    {
        var run = SyntheticRun.Complete(1);
        var report = await ReadAsync(run.UpTo(2 + facts));
        HtmlReport.Render(report).ShouldEndWith("</html>\n");
        Summary.Of(report).ToJson().ShouldNotBeEmpty();
        report.State.Status.ShouldBe(RunStatus.Running);
    }

    [Fact]
    public async Task An_unknown_run_is_named()
    {
        var error = await Should.ThrowAsync<UserErrorException>(() =>
            new ReportReader(SyntheticRun.Complete()).ReadAsync("other", TestContext.Current.CancellationToken));
        error.Message.ShouldContain("'other'");
    }

    [Theory]
    [InlineData(0, 1, 0, 1)]
    [InlineData(-0.2, 2.3, -0.5, 2.5)]
    [InlineData(0, 0, 0, 1)]
    [InlineData(0, 837, 0, 1000)]
    public void Ticks_are_round_and_enclose_the_values(double min, double max, double first, double last)
    {
        var ticks = Charts.Ticks(min, max);
        ticks[0].ShouldBe(first);
        ticks[^1].ShouldBe(last);
        ticks.Length.ShouldBeInRange(3, 8);
    }

    [Theory]
    [InlineData(new[] { 100.0 }, new[] { 90.0 })]
    [InlineData(new[] { 50.0, 100 }, new[] { 40.0, 118 })]
    [InlineData(new[] { 100.0, 101, 102 }, new[] { 90.0, 119, 131 })]
    [InlineData(new[] { 180.0, 195, 199 }, new[] { 170.0, 188, 200 })]
    public void Values_at_one_place_are_written_clear_of_each_other_and_of_the_axis(double[] points, double[] places) =>
        Charts.LabelPlaces(points, lowest: 200).ShouldBe(places);
}
