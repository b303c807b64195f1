using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

/// <summary>Rules of the method with values worked out by hand that no other test class has.</summary>
public sealed class MethodTests
{
    [Theory]
    [InlineData("Follow the control spec and convert 3 mile")]
    [InlineData("The RULES TO SATISFY are about 3 mile")]
    [InlineData("the generated user question here")]
    [InlineData("Generate a new tool-calling task now")]
    [InlineData("<task_specification> of 3 mile")]
    [InlineData("  3 mile ")]
    [InlineData("")]
    [InlineData(null)]
    public void A_short_question_or_an_echo_of_the_prompt_is_a_placeholder(string? question) => Placeholder.IsPlaceholder(question, 8).ShouldBeTrue();

    [Theory]
    [InlineData("12345678")]
    [InlineData("Which rules satisfy the spec of 3 mile?")]
    public void A_question_of_eight_characters_is_none(string question) => Placeholder.IsPlaceholder(question, 8).ShouldBeFalse();

    [Fact]
    public void The_papers_sums_are_a_matter_of_weights()
    {
        // Paper: r_fmt up to 3, r_curr = r_diff + r_sem. Released code: thirds and halves.
        var paper = new GeneratorRewardOptions { TagsWeight = 1, ToolsWeight = 1, GoldWeight = 1, DifficultyWeight = 1, CoherenceWeight = 1 };
        var proposal = ProposalParser.ParseForReward(Given.Proposal());
        var probes = Difficulty.Probe(Given.CallsOf(Given.Gold), Given.Probes(7).Samples);
        GeneratorReward.Compose(0, proposal, Given.Spec, probes, 8, Judge.Coherence(4), 1, paper).Total.ShouldBe(3 + 1 + 0.58127 + 0.75, 1e-5);
        GeneratorReward.Compose(0, proposal, Given.Spec, probes, 8, Judge.Coherence(4), 1,
            new()).Total.ShouldBe(1 + 1 + (0.58127 / 2) + (0.75 / 2), 1e-5);
    }

    [Theory]

    // exp(-0.125² / (2 · 0.12²)) = exp(-0.542535) = 0.581273; exp(-0.25² / 0.0288) = exp(-2.170139).
    [InlineData(1 / 8.0, 8, 0.581273)]
    [InlineData(7 / 8.0, 8, 0.581273)]
    [InlineData(1.0, 8, 0.114162)]
    [InlineData(1 / 10.0, 10, 0.457833)]
    [InlineData(1 / 16.0, 8, 0)]
    [InlineData(0.25, 8, 1)]
    public void Difficulty_falls_off_like_a_Gaussian_outside_its_band(double passRate, int probes, double reward) =>
        Difficulty.Reward(passRate, probes, new GeneratorRewardOptions()).ShouldBe(reward, 1e-6);

    [Theory]
    [InlineData("12", "a dozen, that is twelve", true)]
    [InlineData("\"twelve\"", "12 of them", true)]
    [InlineData("\"Twenty\"", "20 of them", true)]
    [InlineData("0", "from zero", true)]
    [InlineData("19", "nineteen", true)]
    [InlineData("-7", "seven below", true)]
    [InlineData("100", "a hundred", false)]
    [InlineData("12000", "12,000 people", true)]
    [InlineData("\"12,000\"", "12000 people", true)]
    [InlineData("-1250000", "-1,250,000 francs", true)]
    [InlineData("12000", "12,0000 people", false)]
    public void Numbers_are_read_as_words_and_with_separators_both_ways(string value, string question, bool grounded) =>
        Grounding.IsGrounded(question, Given.Json(value)).ShouldBe(grounded);

    [Fact]
    public void A_call_without_arguments_is_grounded() => Grounding.AllGrounded("anything", Given.CallsOf("""[{"name":"f"}]""")).ShouldBeTrue();

    [Theory]
    [InlineData("f", Rejections.BadToolName)]
    [InlineData("go", Rejections.BadToolName)]
    [InlineData("Tool", Rejections.BadToolName)]
    [InlineData("FUNCTION", Rejections.BadToolName)]
    [InlineData("api", Rejections.BadToolName)]
    [InlineData("Call", Rejections.BadToolName)]
    [InlineData("fly", null)]
    public void A_tools_name_has_three_letters_and_is_no_word_for_a_tool(string name, string? reason) =>
        Reason(Given.Proposal(
            tools: $$$"""[{"name":"{{{name}}}","description":"Flies","parameters":{"value":"number"}}]""",
            gold: $$$"""[{"name":"{{{name}}}","arguments":{"value":3}}]""")).ShouldBe(reason);

    [Theory]
    [InlineData("日本", true)]
    [InlineData("ひらがな", true)]
    [InlineData("カナ", true)]
    [InlineData("한국", true)]
    [InlineData("Ünïcödé, Ω and ж", false)]
    public void Text_in_Han_kana_or_Hangul_is_refused_wherever_it_stands(string text, bool refused) =>
        Reason(Given.Proposal(think: text)).ShouldBe(refused ? Rejections.CjkText : null);

    [Theory]
    [InlineData("Convert 3 mile to feet!!", Rejections.TrivialQuestion)]
    [InlineData("Convert 3 mile to feet!!!", null)]
    [InlineData("3 mile from the capital of France", Rejections.TrivialQuestion)]
    [InlineData("Please define what 3 mile are", Rejections.TrivialQuestion)]
    [InlineData("Explain how long 3 mile are to me", Rejections.TrivialQuestion)]
    [InlineData("Summarize the way of 3 mile to me", Rejections.TrivialQuestion)]
    [InlineData("Write a poem about a road of 3 mile", Rejections.TrivialQuestion)]
    [InlineData("Tell me a joke about walking 3 mile", Rejections.TrivialQuestion)]
    [InlineData("What is 3 mile in kilometres, please?", null)]
    public void Trivial_questions_are_refused(string question, string? reason) => Reason(Given.Proposal(question)).ShouldBe(reason);

    [Theory]
    [InlineData("What is", Rejections.TrivialQuestion)]
    [InlineData("WHO IS", Rejections.TrivialQuestion)]
    [InlineData("When is", Rejections.TrivialQuestion)]
    [InlineData("Where is", Rejections.TrivialQuestion)]
    [InlineData("What isotope is", null)]
    [InlineData("How is", null)]
    public void A_look_up_by_one_call_of_at_most_one_argument_is_refused(string words, string? reason) =>
        Reason(Given.Proposal($"{words} 3 of the things over there", gold: """[{"name":"add_numbers","arguments":{"first":3}}]""")).ShouldBe(reason);

    [Fact]
    public void A_fingerprint_folds_digits_and_case_and_looks_at_signatures_only()
    {
        var task = Given.Task();
        var print = Fingerprints.Of(task, foldDigits: true);
        Fingerprints.Of(task with { Question = "please convert 4711 MILE to kilometres" }, true).ShouldBe(print);
        Fingerprints.Of(task with { Menu = [.. task.Menu.Reverse()] }, true).ShouldBe(print);
        Fingerprints.Of(task with { Gold = Given.CallsOf("""[{"name":"convert_length","arguments":{"unit":"yard","value":9}}]""") }, true)
            .ShouldBe(print);

        Fingerprints.Of(task with { Question = "please convert 4711 MILE to kilometres" }, foldDigits: false)
            .ShouldNotBe(Fingerprints.Of(task, foldDigits: false));
        Fingerprints.Of(task with { Question = task.Question + "?" }, true).ShouldNotBe(print);
        Fingerprints.Of(task with { Menu = [task.Menu[0]] }, true).ShouldNotBe(print);
        Fingerprints.Of(task with { Gold = Given.CallsOf("""[{"name":"convert_length","arguments":{"value":3}}]""") }, true).ShouldNotBe(print);
    }

    [Fact]
    public void Of_equals_the_one_with_the_longer_question_stays_and_the_first_where_both_are_as_good()
    {
        // White space counts for quality (min(1, |q| / 220)) and not for the fingerprint.
        const string question = "Please convert 3 mile to kilometres";
        string[] asked = [question, question, "Please  convert 3 mile to kilometres", question];
        Curricula.Filter([.. asked.Select((text, i) => Candidate(i, Given.Proposal(text)))], HeldOutGuard.None, Given.Options)
            .Select(verdict => verdict.Reason).ShouldBe([Rejections.Duplicate, Rejections.Duplicate, null, Rejections.Duplicate]);
        Curricula.Filter([.. Enumerable.Range(0, 3).Select(i => Candidate(i, Given.Proposal(question)))], HeldOutGuard.None, Given.Options)
            .Select(verdict => verdict.Reason).ShouldBe([null, Rejections.Duplicate, Rejections.Duplicate]);
    }

    [Fact]
    public void Quotas_are_capped_by_what_exists_and_a_missing_label_is_topped_up()
    {
        // 12 of 26: travel has 2 of its 6, the rest goes to units. There 20/50/30 of 10 is 2, 5, 3; only one is hard, so two others come in.
        var options = Given.Options with
        {
            Curriculum = Given.Options.Curriculum with { Selected = 12, MinAgreement = 0, Compare = VerifyCompare.Calls },
            Specs = Given.Options.Specs with { Domains = new Dictionary<string, double> { ["units"] = 1, ["travel"] = 1 } },
        };
        var survivors = Enumerable.Range(0, 26).Select(i => Verified(i, i < 2 ? "travel" : "units", right: i == 2 ? 1 : i < 12 ? 5 : 10)).ToList();
        var tasks = Curricula.Select(survivors, 1, options).Tasks;
        tasks.Count.ShouldBe(12);
        tasks.Count(task => task.Domain == "travel").ShouldBe(2);
        var units = tasks.Where(task => task.Domain == "units").CountBy(task => task.Label).ToDictionary();
        units["hard"].ShouldBe(1);
        units["easy"].ShouldBeGreaterThanOrEqualTo(2);
        units["medium"].ShouldBeGreaterThanOrEqualTo(5);
        units.Values.Sum().ShouldBe(10);
    }

    [Theory]
    [InlineData(10, "easy")]
    [InlineData(8, "easy")]
    [InlineData(7, "medium")]
    [InlineData(3, "medium")]
    [InlineData(2, "hard")]
    public void Labels_follow_the_pass_rate(int right, string label) =>
        Curricula.Select([Verified(0, "units", right)], 1, Given.Options).Tasks.Single().Label.ShouldBe(label);

    [Fact]
    public void A_candidate_is_kept_from_an_agreement_of_a_fifth_on()
    {
        var calls = Given.Options with { Curriculum = Given.Options.Curriculum with { Compare = VerifyCompare.Calls } };
        Curricula.Select([Verified(0, "units", 2)], 1, calls).Tasks.Count.ShouldBe(1);
        Curricula.Select([Verified(0, "units", 1)], 1, calls).Rejected.Single().Reason.ShouldBe(Rejections.LowAgreement);
    }

    [Theory]
    [InlineData("User: Convert a length.\nAgent: Which one?\nUser: 3 mile to feet", true)]
    [InlineData("user: Hi AGENT: yes? user: 3 mile to feet", true)]
    [InlineData("Agent: May I help?\nUser: 3 mile to feet", true)]
    [InlineData("User: A length.\nAssistant: Which one?\nUser: 3 mile", true)]
    [InlineData("Please convert 3 mile to feet", false)]
    [InlineData("User: Please convert 3 mile to feet", false)]
    [InlineData("User: 3 mile to feet\nAgent: 15840", false)]
    [InlineData("User: 3 mile\nUser: to feet", false)]
    [InlineData("User: 3 mile\nAgent: \nUser: to feet", false)]
    [InlineData("Here you are: User: 3 mile Agent: to what? User: feet", false)]
    [InlineData("The SuperUser: 3 mile, EvilAgent: no, User: feet", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void A_conversation_is_held_in_turns_and_ends_with_the_user(string? question, bool holds) => Conversation.Is(question).ShouldBe(holds);

    [Fact]
    public void A_multi_turn_spec_wants_a_conversation_where_specs_are_to_be_obeyed()
    {
        const string conversation = "User: I walked 3 mile today.\nAgent: In which unit do you want it?\nUser: In kilometres, please convert it";
        var spec = Given.Spec with { Context = TaskContext.MultiTurn };
        var obedient = Given.Options with
        {
            Generator = Given.Options.Generator with { Reward = Given.Options.Generator.Reward with { SpecObedience = true } }
        };

        Score(Given.Proposal(conversation), obedient, spec).ShouldBe((1, 1, ""));
        Score(Given.Proposal(), obedient, spec).ShouldBe((0, 0.5, Reasons.NoConversation));
        Score(Given.Proposal(), obedient, Given.Spec).ShouldBe((1, 1, ""));
        Score(Given.Proposal(), Given.Options, spec).ShouldBe((1, 1, ""));

        Rejected(Given.Proposal(conversation), obedient, spec).ShouldBeNull();
        Rejected(Given.Proposal(), obedient, spec).ShouldBe(Rejections.NoConversation);
        Rejected(Given.Proposal(), obedient, Given.Spec).ShouldBeNull();
        Rejected(Given.Proposal(), Given.Options, spec).ShouldBeNull();
        Presets.Paper.Generator.Reward.SpecObedience.ShouldBeFalse();

        static (double, double, string) Score(string text, RunOptions options, TaskSpec spec)
        {
            var score = GeneratorReward.Compose(0, ProposalParser.ParseForReward(text), spec, null, 8, null, 1, options.Generator.Reward);
            return (Math.Round(score.Format, 9), Math.Round(score.Validity, 9), string.Join(',', score.Reasons));
        }

        static string? Rejected(string text, RunOptions options, TaskSpec spec) =>
            Curricula.Filter([Candidate(0, text) with { Spec = spec }], HeldOutGuard.None, options).Single().Reason;
    }

    private static string? Reason(string text) => Curricula.Filter([Candidate(0, text)], HeldOutGuard.None, Given.Options).Single().Reason;

    private static TestCandidate Candidate(int index, string text)
    {
        var gold = ProposalParser.ParseForCurriculum(text).ToTask()?.Gold ?? [];
        return new TestCandidate(
            new TaskRef($"task/r/1/{index}", 0), index, Given.Spec, Given.Sample(text),
                new SampleExecution(0, [.. gold.Select(c => new CallOutcome(c, CallStatus.Succeeded, "1", null))]));
    }

    private static TestVerified Verified(int index, string domain, int right)
    {
        var candidate = Candidate(index, Given.Proposal()) with { Spec = Given.Spec with { Domain = domain } };
        return new TestVerified(
            Curricula.Filter([candidate], HeldOutGuard.None, Given.Options).Single(),
                Given.Attempted(AttemptPurpose.Verify, [.. Given.Probes(right, 10).Samples]));
    }
}
