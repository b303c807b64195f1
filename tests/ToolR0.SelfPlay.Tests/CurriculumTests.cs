using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

public sealed class CurriculumTests
{
    private const string Question = "Please convert 3 mile to kilometres";

    public static TheoryData<string, string> Rejected => new()
    {
        { Given.Proposal(think: "转换"), Rejections.CjkText },
        { Given.Proposal(think: "the rules to satisfy"), Rejections.PromptEcho },
        { "nothing at all", Rejections.MissingTags },
        { Given.Proposal(think: " "), Rejections.MissingTags },
        { Given.Proposal("3 mile"), Rejections.PlaceholderQuestion },
        { Given.Proposal(tools: "[{"), Rejections.ToolsNotJson },
        { Given.Proposal(tools: "{}"), Rejections.ToolsNotJson },
        { Given.Proposal(gold: "convert(3)"), Rejections.CallsNotJson },
        { Given.Proposal(gold: "[3]"), Rejections.CallsNotJson },
        { Given.Proposal(tools: "[3]"), Rejections.ToolNotObject },
        { Given.Proposal(tools: Tool("f")), Rejections.BadToolName },
        { Given.Proposal(tools: Tool("Tool")), Rejections.BadToolName },
        { Given.Proposal(tools: Tool("convert_length")[..^1] + "," + Tool("convert_length")[1..]), Rejections.DuplicateTool },
        { Given.Proposal(tools: """[{"name":"convert_length","description":"abcd","parameters":{"value":"number"}}]"""),
            Rejections.ShortDescription },
        { Given.Proposal(tools: """[{"name":"convert_length","description":"abcde","parameters":{}}]"""), Rejections.NoParameters },
        { Given.Proposal(tools: """[{"name":"convert_length","description":"abcde","parameters":{"v":{"type":"array"}}}]"""),
            Rejections.NonPrimitiveParameter },
        { Given.Proposal(gold: "[]"), Rejections.NoCalls },
        { Given.Proposal(gold: """[{"name":"other","arguments":{"value":3}}]"""), Rejections.UnknownTool },
        { Given.Proposal(gold: """[{"name":"convert_length","arguments":{"value":[3],"unit":"mile"}}]"""), Rejections.NestedArgument },
        { Given.Proposal(gold: """[{"name":"convert_length","arguments":{}}]"""), Rejections.EmptyArguments },
        { Given.Proposal(gold: """[{"name":"convert_length","arguments":{"value":3}}]"""), Rejections.MissingRequiredArgument },
        { Given.Proposal("Convert 3 mile to km now"), Rejections.TrivialQuestion },
        { Given.Proposal("Tell me a joke about a mile, then convert 3"), Rejections.TrivialQuestion },
        { Given.Proposal("What is 3 plus the number of the day", gold: """[{"name":"add_numbers","arguments":{"first":3}}]"""),
            Rejections.TrivialQuestion },
    };

    [Theory]
    [MemberData(nameof(Rejected))]
    public void Every_rejection_has_its_name(string text, string reason) =>
        Curricula.Filter([Candidate(0, text)], HeldOutGuard.None, Given.Options).Single().Reason.ShouldBe(reason);

    [Fact]
    public void A_good_candidate_survives()
    {
        var verdict = Curricula.Filter([Candidate(0, Given.Proposal())], HeldOutGuard.None, Given.Options).Single();
        verdict.Survives.ShouldBeTrue();
        verdict.Task!.Question.ShouldBe(Question);
    }

    [Fact]
    public void Failures_of_infrastructure_and_of_gold_calls_are_told_apart()
    {
        var good = Candidate(0, Given.Proposal());
        Reason(good with { Sample = Given.Void() }).ShouldBe(Rejections.VoidSample);
        Reason(good with { Execution = new SampleExecution(0, [], "down") }).ShouldBe(Rejections.VoidExecution);
        Reason(good with { Execution = null }).ShouldBe(Rejections.GoldNotExecutable);
        Reason(good with { Execution = new SampleExecution(0, [new CallOutcome(Given.Call(Given.Gold), CallStatus.TimedOut, null, "5 s")]) })
            .ShouldBe(Rejections.GoldNotExecutable);
        Reason(good with { Execution = new SampleExecution(0, [new CallOutcome(Given.Call(Given.Gold), CallStatus.SchemaChecked, null, null)]) })
            .ShouldBeNull();

        static string? Reason(TestCandidate candidate) => Curricula.Filter([candidate], HeldOutGuard.None, Given.Options)[0].Reason;
    }

    [Fact]
    public void Held_out_questions_are_refused_whatever_their_menu_and_spelling()
    {
        var guard = new HeldOutGuard([new HeldOutItem("1", "units", new ToolTask("please  convert 3 MILE to kilometres!", [], []))]);
        Curricula.Filter([Candidate(0, Given.Proposal())], guard, Given.Options)[0].Reason.ShouldBe(Rejections.HeldOut);
    }

    [Fact]
    public void The_tiny_presets_switches_let_short_questions_through()
    {
        var tools = """[{"name":"convert_length","parameters":{"value":"number","unit":"string"}},{"name":"add_numbers","parameters":{"first":"integer"}}]""";
        TestCandidate[] candidates = [Candidate(0, Given.Proposal("What is 3 mile", tools)), Candidate(1, Given.Proposal("What is 4 mile", tools))];
        Curricula.Filter(candidates, HeldOutGuard.None, ShippedPresets.Nano).ShouldAllBe(v => v.Survives);
    }

    [Theory]
    [InlineData("""[{"name":"convert_length","parameters":{"value":"number","unit":"string"}},{"name":"add_numbers","parameters":{"first":"integer"}},{"name":"convert_length","parameters":{"value":"number","unit":"string"}}]""", null)]
    [InlineData("""[{"name":"convert_length","parameters":{"value":"number","unit":"string"}},{"name":"convert_length","parameters":{"value":"number","unit":"string"}}]""", Rejections.TooFewTools)]
    [InlineData("""[{"name":"convert_length","parameters":{"value":"number","unit":"string"}},{"name":"convert_length","parameters":{"first":"integer"}}]""", Rejections.DuplicateTool)]
    public void The_tiny_preset_offers_a_repeated_tool_once_and_wants_two_to_choose_from(string tools, string? reason)
    {
        var verdict = Curricula.Filter([Candidate(0, Given.Proposal("What is 3 mile", tools))], HeldOutGuard.None, ShippedPresets.Nano)[0];
        verdict.Reason.ShouldBe(reason);
        verdict.Task?.Menu.Select(tool => tool.Name).ShouldBe(["convert_length", "add_numbers"]);
    }

    [Fact]
    public void Of_duplicates_the_richest_survives()
    {
        TestCandidate[] candidates =
        [
            Candidate(0, Given.Proposal("Please convert 3 mile to kilometres")),
            Candidate(1, Given.Proposal("Please convert 77 mile to kilometres")),
            Candidate(2, Given.Proposal("please  CONVERT 5 mile to kilometres")),
            Candidate(3, Given.Proposal("Please convert 3 mile to metres instead")),
        ];
        Curricula.Filter(candidates, HeldOutGuard.None, Given.Options).Select(v => v.Reason)
            .ShouldBe([Rejections.Duplicate, null, Rejections.Duplicate, null]);
    }

    [Fact]
    public void Verification_compares_names_or_whole_calls()
    {
        var wrongValue = Given.Answer("""[{"name":"convert_length","arguments":{"value":9,"unit":"mile"}}]""");
        var attempt = Given.Attempted(AttemptPurpose.Verify, Given.Answer(), wrongValue, wrongValue, wrongValue, "x");
        CandidateFacts.Verify(Given.Task(), attempt).ShouldBe(new Agreement(0.8, 0.2, false));
        var verified = new TestVerified(Survivor(0), attempt);

        var names = Curricula.Select([verified], 1, Given.Options);
        names.Tasks.Single().ShouldBe(new SelectedTask(verified.Verdict.Candidate.Task, "units", "hard", 0.2, verified.Verdict.Fingerprint!));
        (names.NameAgreement, names.CallAgreement).ShouldBe((0.8, 0.2));

        var calls = Given.Options with { Curriculum = Given.Options.Curriculum with { Compare = VerifyCompare.Calls, MinAgreement = 0.3 } };
        Curricula.Select([verified], 1, calls).Rejected.Single().Reason.ShouldBe(Rejections.LowAgreement);
        var majority = Given.Options with { Curriculum = Given.Options.Curriculum with { MajorityFromIteration = 2 } };
        Curricula.Select([verified], 1, majority).Tasks.Count.ShouldBe(1);
        Curricula.Select([verified], 2, majority).Rejected.Single().Reason.ShouldBe(Rejections.GoldNotMajority);
        var easy = Given.Options with { Curriculum = Given.Options.Curriculum with { MaxPassRate = 0.1 } };
        Curricula.Select([verified], 1, easy).Rejected.Single().Reason.ShouldBe(Rejections.TooEasy);
        Curricula.Select([verified with { Attempt = Given.Attempted(AttemptPurpose.Verify, Given.Void()) }], 1, easy)
            .Rejected.Single().Reason.ShouldBe(Rejections.VoidVerification);
        var tooLong = Given.Attempted(AttemptPurpose.Verify, Given.Void() with { VoidCause = VoidCauses.PromptTooLong });
        Curricula.Select([verified with { Attempt = tooLong }], 1, easy).Rejected.Single().Reason.ShouldBe(Rejections.PromptTooLong);
    }

    [Fact]
    public void Quotas_follow_weights_and_give_on_what_a_domain_does_not_have()
    {
        Quotas.Split(10, [new("a", 1, 100), new("b", 1, 100), new("c", 1, 100)]).Values.ShouldBe([4, 3, 3]);
        Quotas.Split(10, [new("a", 3, 100), new("b", 1, 100)]).Values.ShouldBe([8, 2]);
        Quotas.Split(10, [new("a", 1, 2), new("b", 1, 100), new("c", 2, 100)]).Values.ShouldBe([2, 3, 5]);
        Quotas.Split(10, [new("a", 1, 2), new("b", 1, 3)]).Values.ShouldBe([2, 3]);
        Quotas.Split(10, [new("a", 1, 4), new("b", 0, 100)]).Values.ShouldBe([4, 6]);
        Quotas.Split(0, [new("a", 1, 4)]).Values.ShouldBe([0]);
    }

    [Fact]
    public void The_selection_keeps_quotas_mix_and_order()
    {
        var options = Given.Options with
        {
            Curriculum = Given.Options.Curriculum with { Selected = 40 },
            Specs = Given.Options.Specs with { Domains = new Dictionary<string, double> { ["units"] = 1, ["math"] = 1 } },
        };
        int[] rights = [10, 9, 5, 4, 2, 1];
        var survivors = Enumerable.Range(0, 120).Select(i => Verified(i, rights[i / 2 % 6], i % 2 == 0 ? "units" : "math")).ToList();
        var selection = Curricula.Select(survivors, 1, options);

        selection.Tasks.Count.ShouldBe(40);
        selection.Tasks.Count(t => t.Domain == "math").ShouldBe(20);
        selection.Tasks.Where(t => t.Domain == "units").CountBy(t => t.Label).ToDictionary().ShouldBe(
            new Dictionary<string, int> { ["easy"] = 4, ["medium"] = 10, ["hard"] = 6 }, ignoreOrder: true);
        selection.Tasks.Select(t => t.PassRate).ShouldBeInOrder(SortDirection.Descending);
        selection.Rejected.Count.ShouldBe(80);
        selection.Rejected.ShouldAllBe(r => r.Reason == Rejections.OverQuota);

        var again = Curricula.Select(survivors, 1, options);
        again.Sha256.ShouldBe(selection.Sha256);
        Curricula.Select(survivors, 2, options).Sha256.ShouldNotBe(selection.Sha256);
        Curricula.Select(survivors, 1, options with { Seed = 2 }).Sha256.ShouldNotBe(selection.Sha256);
        var shuffled = Curricula.Select(survivors, 1, options with { Curriculum = options.Curriculum with { Order = CurriculumOrder.Shuffled } });
        shuffled.Tasks.Select(t => t.Task).ShouldBe(selection.Tasks.Select(t => t.Task), ignoreOrder: true);
        shuffled.Sha256.ShouldNotBe(selection.Sha256);
    }

    [Fact]
    public void A_missing_label_is_topped_up_from_what_is_left()
    {
        var options = Given.Options with { Curriculum = Given.Options.Curriculum with { Selected = 10 } };
        var survivors = Enumerable.Range(0, 30).Select(i => Verified(i, i < 2 ? 1 : 10, "travel")).ToList();
        var labels = Curricula.Select(survivors, 1, options).Tasks.Select(t => t.Label).ToList();
        labels.Count.ShouldBe(10);
        labels.Count(l => l == "hard").ShouldBeLessThanOrEqualTo(2);
    }

    [Fact]
    public void The_selection_does_not_depend_on_the_runs_name()
    {
        var survivors = Enumerable.Range(0, 20).Select(i => Verified(i, 5, "travel")).ToList();
        var renamed = survivors.Select(s => s with
        {
            Verdict = s.Verdict with
            {
                Candidate = s.Verdict.Candidate with { Task = new TaskRef(s.Verdict.Candidate.Task.Stream.Replace("/r/", "/other/"), 0) }
            },
        }).ToList();
        var options = Given.Options with { Curriculum = Given.Options.Curriculum with { Selected = 7 } };
        Curricula.Select(renamed, 1, options).Sha256.ShouldBe(Curricula.Select(survivors, 1, options).Sha256);
    }

    [Fact]
    public void Every_candidate_gets_one_outcome()
    {
        var options = Given.Options with { Curriculum = Given.Options.Curriculum with { Selected = 1 } };
        var verdicts = Curricula.Filter(
            [Candidate(0, Given.Proposal()), Candidate(1, "x"), Candidate(2, Given.Proposal("Please convert the 3 mile of this road"))],
                HeldOutGuard.None, options);
        var selection = Curricula.Select([.. verdicts.Where(v => v.Survives).Select(v => new TestVerified(v, Given.Probes(4)))], 1, options);
        List<CandidateVerdict> all = [.. verdicts.Select(v => v.Verdict)];
        var outcomes = selection.Outcomes("r", 1, all);
        outcomes.Select(o => o.Task.Stream).Order().ShouldBe(["task/r/1/0", "task/r/1/1", "task/r/1/2"]);
        outcomes.Count(o => o.Fact is TaskSelected).ShouldBe(1);
        var fact = selection.ToFact("r", 1, all);
        fact.Candidates.ShouldBe(3);
        fact.Rejected.ShouldBe(new Dictionary<string, int> { [Rejections.MissingTags] = 1, [Rejections.OverQuota] = 1 });
        var metrics = StepMetrics.OfCurriculum(fact, selection, all, [], []);
        metrics["rejected.missing_tags"].ShouldBe(1);
        (metrics["distinctTools"], metrics["distinctQuestions"], metrics["callsMean"], metrics["refusalShare"], metrics["passRate.5"])
            .ShouldBe((2, 1, 1, 0, 1));
    }

    [Fact]
    public void Step_metrics_do_not_depend_on_the_order_of_facts()
    {
        var group = Given.Proposed(Given.Proposal(), Given.Proposal("Please convert 3 mile, 4 yard"), "x", Given.Proposal(gold: "[3]"));
        var probes = new[] { Given.Probes(1), Given.Probes(7), null, null };
        var scored = new ProposalsScored("r", GeneratorReward.ScoreGroup(group, Given.AllRan(group), probes, [], 1, ShippedPresets.Nano));
        (string, object)[] facts =
        [
            ("g/0", group), ("g/0", scored), ("g/1", new ProposalsScored("r", [scored.Scores[2] with { Advantage = 0 }])),
            ("p/0", probes[0]! with { Task = new TaskRef("g/0", 0) }), ("p/1", probes[1]! with { Task = new TaskRef("g/0", 1) }),
        ];
        var updated = new PolicyUpdated("r", Role.Generator, 1, 0, "p0", "p1", [],
            new Dictionary<string, double> { ["loss"] = 0.25, [MetricNames.TokensLearned] = 7 });
        var metrics = StepMetrics.OfTraining(facts, updated, ShippedPresets.Nano.Specs.KnownTools);
        StepMetrics.OfTraining(facts.Reverse(), updated, ShippedPresets.Nano.Specs.KnownTools).ShouldBe(metrics, ignoreOrder: true);
        metrics["loss"].ShouldBe(0.25);
        metrics["passRate"].ShouldBe(0.5);
        metrics["zeroVarianceShare"].ShouldBe(0.5);
        metrics[MetricNames.TokensSampled].ShouldBe(2 * 4 + 2 * 16);
        metrics["groups"].ShouldBe(2);

        // Tokens are drawn with log-probabilities of -0.5 and -0.25.
        metrics["surprisal"].ShouldBe(0.375);
        (metrics["wellFormedShare"], metrics["menuObedienceShare"], metrics["callsObedienceShare"]).ShouldBe((0.5, 0.75, 0.5));
        (metrics["distinctTools"], metrics["distinctQuestions"], metrics["callsMean"], metrics["refusalShare"], metrics["knownToolShare"])
            .ShouldBe((2, 2, 1, 0, 1));
        (metrics["passRate.1"], metrics["passRate.8"], metrics["namePassRate"]).ShouldBe((1, 1, 0.5));
        metrics["reason.placeholder_question"].ShouldBe(2);
    }

    private static string Tool(string name) =>
        "[{\"name\":\"" + name + "\",\"description\":\"Converts a length\",\"parameters\":{\"value\":\"number\",\"unit\":\"string\"}}]";

    private static TestCandidate Candidate(int index, string text)
    {
        var sample = Given.Sample(text);
        var gold = ProposalParser.ParseForCurriculum(text).ToTask()?.Gold ?? [];
        return new TestCandidate(
            new TaskRef($"task/r/1/{index}", 0), index, Given.Spec, sample,
                new SampleExecution(0, [.. gold.Select(c => new CallOutcome(c, CallStatus.Succeeded, "1", null))]));
    }

    private static TestVerdict Survivor(int index, string domain = "units")
    {
        var candidate = Candidate(index,
            Given.Proposal($"Please convert 3 mile to unit {index}")) with
        { Spec = Given.Spec with { Domain = domain } };
        var options = Given.Options with { Curriculum = Given.Options.Curriculum with { FoldDigits = false } };
        return Curricula.Filter([candidate], HeldOutGuard.None, options).Single();
    }

    private static TestVerified Verified(int index, int right, string domain) =>
        new(Survivor(index, domain),
            Given.Attempted(AttemptPurpose.Verify,
            [.. Given.Probes(right, 10).Samples.Select(s => s with { Text = s.Text.Replace("\"other\"", "\"convert_length\"") })]));
}
