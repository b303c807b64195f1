using Spectre.Console;
using ToolR0.Cli.Progress;
using ToolR0.Cli.Running;
using ToolR0.Contracts;
using ToolR0.Reporting;
using ToolR0.Testing;

namespace ToolR0.Cli.Tests;

public sealed class ProgressTests
{
    private static IEnumerable<StoredFact> RunStream(SyntheticRun run) => run.Facts.Where(f => f.Stream == Ids.RunStream(SyntheticRun.Name));

    [Fact]
    public async Task A_watcher_takes_each_fact_of_the_runs_stream_once_and_reads_nothing_else()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (log, output) = (new InMemoryFactLog(), new StringWriter());
        var watcher = new RunWatcher(log, new PlainProgress(output), SyntheticRun.Name);
        foreach (var fact in SyntheticRun.Complete(1).Facts)
        {
            await log.AppendAsync(SyntheticRun.Name, "c", [new FactAppend(fact.Stream, fact.Version, fact.Fact)], cancellation);
            await watcher.UpdateAsync(cancellation);
        }

        watcher.View.State.IsOver.ShouldBeTrue();
        (log.FactsReadOn, log.WholeRuns).ShouldBe(((int)watcher.View.State.Version, 0));
        log.Reads.ShouldBe(log.All.Count, "each look is one read");
    }

    [Fact]
    public void The_plan_counts_every_step_of_the_run()
    {
        var view = new RunView();
        view.Apply(RunStream(SyntheticRun.Complete()).First());
        var options = view.State.Options;
        view.Plan().Sum(p => p.Steps).ShouldBe(1 + (3 * (options.Generator.Steps + 1 + options.Solver.Steps + 1)));
    }

    [Fact]
    public void The_plan_leaves_out_what_is_not_measured()
    {
        var view = new RunView();
        view.Apply(RunStream(SyntheticRun.Complete(every: 3)).First());
        view.Plan().Where(step => step.Phase == Phase.Evaluation).Select(step => step.Steps).ShouldBe([1, 0, 0, 1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_estimate_grows_from_nothing_to_all(int every)
    {
        var view = new RunView();
        var last = 0.0;
        foreach (var fact in RunStream(SyntheticRun.Complete(every: every)))
        {
            view.Apply(fact);
            var (done, _) = view.Estimate();
            done.ShouldBeInRange(0, 1);
            last = done;
        }

        last.ShouldBe(1);
        view.State.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void Tokens_per_second_are_those_of_the_last_steps()
    {
        var view = new RunView();
        view.TokensPerSecond().ShouldBeNull();
        foreach (var fact in RunStream(SyntheticRun.Complete()))
            view.Apply(fact);
        view.TokensPerSecond().ShouldBe(100);
    }

    [Fact]
    public void Plain_progress_writes_a_line_per_step_and_per_measurement()
    {
        var output = new StringWriter();
        var (view, display) = (new RunView(), new PlainProgress(output));
        foreach (var fact in RunStream(SyntheticRun.Complete()))
        {
            view.Apply(fact);
            display.Advanced(view, fact.Fact, fact.At);
        }

        var lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(1 + (3 * (2 + 1 + 3)) + 4);
        lines[0].ShouldContain("preset nano, seed 7");
        lines.ShouldContain("iteration 2  held-out seen: 75.0 % exact of 4 items");
        output.ToString().ShouldNotContain("\u001b");
    }

    [Fact]
    public async Task A_collapse_is_told_once_while_the_run_goes_on()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (log, output) = (new InMemoryFactLog(), new StringWriter());
        var watcher = new RunWatcher(log, new PlainProgress(output), SyntheticRun.Name);
        var run = SyntheticRun.Complete(3).UpTo(2);
        foreach (var (iteration, questions) in new[] { (1, 80.0), (2, 30.0), (3, 70.0) })
        {
            run.Append(Ids.RunStream(SyntheticRun.Name), new StepCompleted(SyntheticRun.Name, iteration, Phase.Curriculum, 0, null,
                new Dictionary<string, double>
                {
                    [MetricNames.WrittenTasks] = 200,
                    [MetricNames.WrittenQuestions] = 60,
                    [MetricNames.QuestionsOf100] = questions
                }));
        }

        var told = new List<int>();
        foreach (var fact in run.Facts)
        {
            await log.AppendAsync(SyntheticRun.Name, "c", [new FactAppend(fact.Stream, fact.Version, fact.Fact)], cancellation);
            await watcher.UpdateAsync(cancellation);
            told.Add(output.ToString().Split("repeats itself").Length - 1);
        }

        told.ShouldBe([0, 0, 0, 1, 1]);
        output.ToString().ShouldContain("iteration 2  curriculum  questions 60.00");
    }

    [Fact]
    public void The_live_picture_names_phase_step_and_accuracy()
    {
        var (view, display) = (new RunView(), new LiveProgress(TimeProvider.System));
        foreach (var fact in RunStream(SyntheticRun.Complete()).TakeWhile(f => f.Fact is not CurriculumSelected { Iteration: 2 }))
        {
            view.Apply(fact);
            display.Advanced(view, fact.Fact, fact.At);
        }

        var writer = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.No });
        console.Profile.Width = 160;
        console.Write(display.Draw());
        var text = writer.ToString();
        text.ShouldContain("seed 7");
        text.ShouldContain("50.0 %");
        text.ShouldContain("+100 %");
    }
}
