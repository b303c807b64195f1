using ToolR0.Contracts;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.SelfPlay.Tests;

public sealed class CollapseTests
{
    [Fact]
    public void A_curriculum_with_less_than_half_as_many_questions_as_the_first_is_warned_of()
    {
        var steps = new[] { Curriculum(1, questions: 90), Curriculum(2, questions: 46), Curriculum(3, questions: 44) };

        var warning = Collapse.Of(steps).ShouldHaveSingleItem();

        warning.ToString().ShouldStartWith(
            "warning: iteration 3, curriculum: the Generator repeats itself: of 100 tasks 44 ask a question of their own (digits folded), 90 at first; more weight on");
    }

    [Fact]
    public void So_is_one_with_less_than_half_as_many_tools_and_one_whose_questions_are_half_alike()
    {
        Collapse.Of([Curriculum(1, tools: 80), Curriculum(2, tools: 39)]).ShouldHaveSingleItem().Text
            .ShouldContain("100 tasks offer 39 distinct tools, 80 at first");
        Collapse.Of([Curriculum(1, similarity: 0.1), Curriculum(2, similarity: 0.5)]).ShouldHaveSingleItem().Text
            .ShouldContain("share 50 % of their 3-grams on average, 10 % at first");
        Collapse.Of([Curriculum(1, similarity: 0.45), Curriculum(2, similarity: 0.52)]).ShouldBeEmpty("it was hardly different at first");
    }

    [Fact]
    public void More_tasks_of_the_same_world_are_not_a_collapse()
    {
        // Twenty times as many tasks repeat more of them; of a hundred drawn as many are distinct.
        Collapse.Of([Curriculum(1, tasks: 100, distinct: 95), Curriculum(2, tasks: 2_000, distinct: 700)]).ShouldBeEmpty();
    }

    [Fact]
    public void Generator_steps_are_compared_five_by_five_and_warned_of_once_an_iteration()
    {
        var steps = new List<StepCompleted>();
        for (var iteration = 1; iteration <= 2; iteration++)
        {
            for (var step = 0; step < 12; step++)
                steps.Add(Generator(iteration, step, tasks: 20, distinct: iteration == 1 ? 18 : step < 4 ? 18 : 6));
        }

        var warning = Collapse.Of(steps).ShouldHaveSingleItem();

        // Five steps with 18, 6, 6, 6, 6 of 20 are the first below 45.
        (warning.Iteration, warning.Phase, warning.Step).ShouldBe((2, Phase.Generator, 7));
        warning.ToString().ShouldContain("iteration 2, Generator step 8: the Generator repeats itself: of 100 tasks 42 ask");
        Collapse.Of(steps.Take(steps.FindIndex(s => s is { Iteration: 2, Step: 7 }))).ShouldBeEmpty();
    }

    [Fact]
    public void One_odd_step_few_tasks_and_steps_of_an_older_build_are_not_warned_of()
    {
        Collapse.Of([.. Enumerable.Range(0, 12).Select(step => Generator(1, step, tasks: 20, distinct: step == 8 ? 2 : 18))]).ShouldBeEmpty();
        Collapse.Of([.. Enumerable.Range(0, 12).Select(step => Generator(1, step, tasks: 7, distinct: step < 6 ? 7 : 1))]).ShouldBeEmpty();
        Collapse.Of([new StepCompleted("r", 1, Phase.Generator, 0, null, new Dictionary<string, double> { [MetricNames.DistinctQuestions] = 1 })])
            .ShouldBeEmpty();
    }

    private static StepCompleted Curriculum(
        int iteration, double tasks = 500, double distinct = 300, double questions = 90, double tools = 80, double similarity = 0.2) =>
        new("r", iteration, Phase.Curriculum, 0, null, new Dictionary<string, double>
        {
            [MetricNames.WrittenTasks] = tasks,
            [MetricNames.WrittenQuestions] = distinct,
            [MetricNames.QuestionsOf100] = questions,
            [MetricNames.ToolsOf100] = tools,
            [MetricNames.Similarity] = similarity,
        });

    private static StepCompleted Generator(int iteration, int step, double tasks, double distinct) =>
        new("r", iteration, Phase.Generator, step, null, new Dictionary<string, double>
        {
            [MetricNames.WrittenTasks] = tasks,
            [MetricNames.WrittenQuestions] = distinct,
            [MetricNames.Similarity] = 0.2,
        });
}
