using System.Diagnostics;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

public sealed class DiversityTests
{
    private static readonly string[] Words =
    [
        "river", "ticket", "Berlin", "music", "seven", "garden", "convert", "please", "flight", "report", "weather", "table", "order", "book",
        "cheap", "engine", "tomorrow", "salary", "friend", "picture", "doctor", "window", "market", "violin", "battery", "harbour", "lesson",
        "copper",
    ];

    [Fact]
    public void Sketches_of_two_questions_agree_as_often_as_their_3_grams_do()
    {
        var random = new Random(1);
        var errors = new List<double>();
        for (var i = 0; i < 400; i++)
        {
            var question = Question(random, 12);
            var words = question.Split(' ');
            for (var j = random.Next(13); j > 0; j--)
                words[random.Next(words.Length)] = Words[random.Next(Words.Length)];
            var other = string.Join(' ', words);
            // Repetition's grams are of the text as it stands; here words are folded and stand between spaces.
            var exact = 1 - Repetition.Distance($"_{question}_".Replace(' ', '_'), $"_{other}_".Replace(' ', '_'));
            errors.Add(Diversity.Of([Kept(question), Kept(other)])!.Similarity - exact);
        }

        errors.Average().ShouldBe(0, 0.01);
        // Of 32 minima, each right with probability s: at most √(0.25 / 32).
        Math.Sqrt(errors.Average(e => e * e)).ShouldBeLessThan(0.09);
    }

    [Theory]
    [InlineData("Convert 12 miles!", "convert 7   MILES", 1)]
    [InlineData("Convert 1,234 miles", "convert 5,678 miles", 1)]
    [InlineData("Convert 12 miles", "convert twelve miles", 2)]
    [InlineData("ab", "AB.", 1)]
    public void Questions_that_differ_in_digits_case_and_punctuation_are_one(string a, string b, int questions) =>
        Diversity.Of([Kept(a), Kept(b)])!.Questions.ShouldBe(questions);

    [Fact]
    public void Near_duplicates_and_similarity_are_those_of_all_pairs_whatever_the_order()
    {
        var random = new Random(2);
        var found = new List<double>();
        for (var round = 0; round < 30; round++)
        {
            var seeds = Enumerable.Range(0, 8).Select(_ => Question(random, 10)).ToArray();
            var tasks = Enumerable.Range(0, 60).Select(_ =>
            {
                var words = seeds[random.Next(seeds.Length)].Split(' ');
                for (var change = random.Next(7); change > 0; change--)
                    words[random.Next(words.Length)] = Words[random.Next(Words.Length)];
                return Kept(string.Join(' ', words));
            }).ToArray();
            var pairs = tasks.Select((a, i) => tasks.Where((_, j) => j != i).Select(b => Agreeing(a, b)).ToArray()).ToArray();

            var diversity = Diversity.Of(tasks)!;

            diversity.NearDuplicateShare.ShouldBe(pairs.Count(of => of.Max() >= Diversity.NearMinima) / 60.0);
            diversity.Similarity.ShouldBe(pairs.SelectMany(of => of).Average() / QuestionSketches.Minima, 1e-12);
            random.Shuffle(tasks);
            Diversity.Of(tasks).ShouldBe(diversity);
            found.Add(diversity.NearDuplicateShare);
        }

        found.Average().ShouldBeInRange(0.2, 0.9, "both kinds occur");
    }

    [Fact]
    public void What_a_hundred_tasks_have_is_the_mean_over_draws_and_does_not_depend_on_how_many_there_are()
    {
        var random = new Random(3);
        var kinds = Enumerable.Range(0, 70).Select(_ => Question(random, 9)).ToArray();
        var tasks = Enumerable.Range(0, 400).Select(_ => Kept(kinds[Math.Min(random.Next(70), random.Next(70))])).ToArray();
        var diversity = Diversity.Of(tasks)!;
        var drawn = Enumerable.Range(0, 2000).Average(_ =>
        {
            random.Shuffle(tasks);
            return (double)tasks.Take(100).Select(task => task.Sketch!.Folded).Distinct().Count();
        });
        diversity.QuestionsOf100!.Value.ShouldBe(drawn, 0.3);
        Diversity.Of([.. tasks.Take(100)])!.QuestionsOf100!.Value.ShouldBe(Diversity.Of([.. tasks.Take(100)])!.Questions, 1e-9);
        Diversity.Of([.. tasks.Take(99)])!.QuestionsOf100.ShouldBeNull();
        Diversity.Of([.. Enumerable.Repeat(tasks[0], 1000)])!.QuestionsOf100!.Value.ShouldBe(1, 1e-9);
        // Each task offers these two.
        diversity.ToolsOf100!.Value.ShouldBe(2, 1e-9);
    }

    /// <summary>All different, all but equal, and all half alike but not near: these share the most bands.</summary>
    [Fact]
    public void Ten_thousand_tasks_are_measured_in_a_moment()
    {
        var random = new Random(4);
        var tails = Enumerable.Range(0, 10_000)
            .Select(_ => string.Concat(Enumerable.Range(0, 50).Select(_ => (char)random.Next('a', 'z' + 1)))).ToArray();
        foreach (var (name, make) in new (string, Func<int, string>)[]
        {
            ("different", i => tails[i]), ("one of five", i => Words[i % 5] + " of the house at the end of the road by the sea"),
            ("half alike", i => "what is the name of the largest city that lies on the long shore of a lake called " + tails[i]),
        })
        {
            var watch = Stopwatch.StartNew();
            var sketches = Enumerable.Range(0, 10_000).Select(i => QuestionSketches.Of(make(i))).ToArray();
            var sketched = watch.Elapsed.TotalSeconds;
            var kept = Kept("Where is it?");
            KeptCandidate[] tasks = [.. sketches.Select(sketch => kept with { Sketch = sketch })];
            var (quarter, all) = (Seconds(tasks[..2_500]), Seconds(tasks));
            TestContext.Current.SendDiagnosticMessage(
                $"{name}: {sketched:0.00} s for the sketches, {quarter:0.000} s at 2 500, {all:0.000} s at 10 000; {Diversity.Of(tasks)}");
            (sketched + all).ShouldBeLessThan(10);
        }

        static double Seconds(KeptCandidate[] tasks)
        {
            var watch = Stopwatch.StartNew();
            Diversity.Of(tasks);
            return watch.Elapsed.TotalSeconds;
        }
    }

    [Fact]
    public void A_curriculum_is_measured_by_domain_and_a_candidate_of_an_older_build_says_nothing()
    {
        var metrics = new Dictionary<string, double>();
        Diversity.Write(metrics, [Kept("How far is it to Rome?"), Kept("Play some music for me")], "travel");
        metrics.Keys.ShouldBe(
            ["writtenTasks.travel", "writtenQuestions.travel", "writtenTools.travel", "similarity.travel", "nearDuplicateShare.travel"]);
        metrics.Keys.ShouldAllBe(name => MetricNames.Find(name)!.IsFamily);

        metrics.Clear();
        Diversity.Write(metrics, [Kept("How far is it to Rome?"), Kept("Play some music for me") with { Sketch = null }]);
        Diversity.Write(metrics, []);
        metrics.ShouldBeEmpty();
    }

    private static KeptCandidate Kept(string question) => CandidateFacts.Kept(Given.Task(question: question), foldDigits: true);

    private static string Question(Random random, int words) =>
        string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)])).ToLowerInvariant();

    private static int Agreeing(KeptCandidate a, KeptCandidate b)
    {
        var (left, right) = (new ushort[QuestionSketches.Minima], new ushort[QuestionSketches.Minima]);
        QuestionSketches.Read(a.Sketch!.Minima, left);
        QuestionSketches.Read(b.Sketch!.Minima, right);
        return left.Zip(right).Count(pair => pair.First == pair.Second);
    }
}
