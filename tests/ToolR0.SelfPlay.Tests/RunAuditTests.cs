using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Audit;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.SelfPlay.Tests;

public sealed class RunAuditTests
{
    [Fact]
    public async Task A_consistent_run_has_no_findings() => (await Audit(SimulatedRun.Facts())).ShouldBeEmpty();

    [Fact]
    public async Task A_run_under_way_is_audited_as_far_as_it_got()
    {
        var facts = SimulatedRun.Facts();
        foreach (var length in new[] { 0, 1, 5, facts.Count / 3, facts.Count / 2 })
        {
            // Not between a selection and its candidates' outcomes: those are one append.
            if (length == 0 || facts[length - 1].Fact is not (CurriculumSelected or TaskSelected or TaskRejected or StepCompleted))
                (await Audit(facts.Take(length))).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task The_controls_audit_too()
    {
        var options = SimulatedRun.Options with { Solver = SimulatedRun.Options.Solver with { Control = SolverControl.RandomReward } };
        (await Audit(SimulatedRun.Facts(options))).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_run_with_shared_weights_audits_and_is_no_run_of_two_policies()
    {
        var shared = SimulatedRun.Facts(SimulatedRun.Options with { SharedWeights = true });
        (await Audit(shared)).ShouldBeEmpty();
        var started = (RunStarted)shared[0].Fact;
        var two = shared.Select((fact, i) =>
            i == 0 ? fact with { Fact = started with { Options = started.Options with { SharedWeights = false } } } : fact);
        (await Audit(two)).ShouldContain(finding => finding.Field.StartsWith("policies."));
    }

    [Fact]
    public async Task A_repetition_penalty_over_the_batch_is_recomputed_from_all_of_the_step()
    {
        var reward = SimulatedRun.Options.Generator.Reward;
        var batch = SimulatedRun.Options with
        {
            Generator = SimulatedRun.Options.Generator with { Reward = reward with { RepetitionScope = RepetitionScope.Batch } }
        };
        var facts = SimulatedRun.Facts(batch);
        (await Audit(facts)).ShouldBeEmpty();

        // Four proposals, three of them alike but for a number; in its group the last has nobody beside it but nonsense.
        var last = facts.First(f => f is { Stream: "group/sim/1/generator/0/1", Fact: ProposalsScored });
        ((ProposalsScored)last.Fact).Scores.Select(s => s.Repetition).ShouldBe([0, 0.75]);
        facts[0] = facts[0] with { Fact = ((RunStarted)facts[0].Fact) with { Options = SimulatedRun.Options } };
        var finding = (await Audit(facts)).Single(f => f.Stream == last.Stream && f.Field == "scores[1].repetition");
        (finding.Stored, finding.Recomputed).ShouldBe(("0.75", "0.5"));
    }

    [Fact]
    public async Task A_missing_held_out_set_is_found() =>
        (await Audit(SimulatedRun.Facts(), heldOut: false)).ShouldContain(f => f.Field == "heldOut.seen.count");

    [Fact]
    public async Task An_altered_reward_is_found() =>
        await Found<AttemptsScored>(s => s with { Scores = [s.Scores[0] with { Values = 0.9 }, .. s.Scores.Skip(1)] }, "scores[0].values");

    [Fact]
    public async Task An_altered_advantage_is_found_to_the_last_bit() =>
        await Found<ProposalsScored>(s =>
            s with { Scores = [s.Scores[0] with { Advantage = Math.BitIncrement(s.Scores[0].Advantage) }, .. s.Scores.Skip(1)] },
            "scores[0].advantage");

    [Fact]
    public async Task An_altered_token_is_found() => await Found<TaskAttempted>(a =>
    {
        int[] tokens = [.. a.Samples[0].Tokens];
        tokens[5]++;
        return a with { Samples = [a.Samples[0] with { Tokens = tokens }, .. a.Samples.Skip(1)] };
    }, "digest", "samples[0].text");

    [Fact]
    public async Task An_altered_token_with_a_new_digest_is_found() => await Found<TasksProposed>(p =>
    {
        int[] tokens = [.. p.Samples[0].Tokens];
        tokens[5]++;
        Trajectory[] samples = [p.Samples[0] with { Tokens = tokens }, .. p.Samples.Skip(1)];
        return p with { Samples = samples, Digest = Digests.OfGroup(p.PromptTokens, samples) };
    }, "samples[0].text");

    [Fact]
    public async Task An_altered_log_probability_is_found() =>
        await Found<TasksProposed>(p =>
            p with { Samples = [p.Samples[0] with { LogProbs = [.. p.Samples[0].LogProbs.Select(l => l - 1e-6f)] }, .. p.Samples.Skip(1)] },
            "digest");

    [Fact]
    public async Task An_altered_prompt_is_found() => await Found<TaskAttempted>(a =>
    {
        int[] prompt = [.. a.PromptTokens.SkipLast(1)];
        return a with { PromptTokens = prompt, Digest = Digests.OfGroup(prompt, a.Samples) };
    }, "promptTokens.count");

    [Fact]
    public async Task An_altered_seed_is_found() => await Found<TasksProposed>(p =>
    {
        Trajectory[] samples = [p.Samples[0] with { Seed = 1 }, .. p.Samples.Skip(1)];
        return p with { Samples = samples, Digest = Digests.OfGroup(p.PromptTokens, samples) };
    }, "seeds[0]");

    [Fact]
    public async Task An_altered_selection_is_found() =>
        await Found<CurriculumSelected>(c => c with { Tasks = [.. c.Tasks.Reverse()] }, "tasks[0]");

    [Fact]
    public async Task A_task_smuggled_into_the_curriculum_is_found() =>
        await Found<CurriculumSelected>(c =>
            c with { Tasks = [new SelectedTask(new TaskRef(Ids.HeldOutStream("abc"), 0), "math", "easy", 1, "x"), .. c.Tasks] }, "tasks.count");

    [Fact]
    public async Task An_altered_curriculum_hash_is_found() =>
        await Found<CurriculumSelected>(c => c with { Sha256 = "0" + c.Sha256[1..] }, "sha256");

    [Fact]
    public async Task An_altered_outcome_of_a_candidate_is_found()
    {
        await Found<TaskSelected>(t => t with { Position = t.Position + 1 }, "position");
        await Found<TaskRejected>(t => t with { Reason = Rejections.LowAgreement }, "reason");
    }

    [Fact]
    public async Task An_altered_accuracy_is_found() => await Found<EvaluationCompleted>(e => e with { Accuracy = 0.9 }, "accuracy");

    [Fact]
    public async Task An_altered_metric_is_found_and_times_are_not_looked_at()
    {
        await Found<StepCompleted>(s => s with { Metrics = new Dictionary<string, double>(s.Metrics) { ["accuracy"] = 0.9 } }, "metrics.accuracy");
        var facts = SimulatedRun.Facts().Select(f => f.Fact is StepCompleted s
            ? f with { Fact = s with { Metrics = new Dictionary<string, double>(s.Metrics) { ["wallSeconds"] = 99, ["modelSeconds"] = 5 } } }
            : f);
        (await Audit(facts)).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_altered_policy_is_found()
    {
        await Found<PolicyUpdated>(p => p with { Base = "other" }, "base");
        await Found<PolicyUpdated>(p => p with { Policy = "other" }, "policy");
        await Found<TaskAttempted>(a => a with { Policy = "other" }, "policy");
        await Found<RunCompleted>(c => c with { Solver = "other" }, "solver");
        await Found<IterationStarted>(i => i with { Generator = "other" }, "generator");
    }

    [Fact]
    public async Task An_altered_spec_task_or_call_is_found()
    {
        await Found<StepStarted>(s =>
            s.Phase == Phase.Generator ? s with { Specs = [s.Specs[0] with { MenuSize = 9 }, .. s.Specs.Skip(1)] } : s, "specs[0]", "spec");
        await Found<StepStarted>(s =>
            s.Phase == Phase.Solver ? s with { Tasks = [new TaskRef(Ids.HeldOutStream("abc"), 0), .. s.Tasks.Skip(1)] } : s, "tasks[0]", "task");
        await Found<ToolCallsExecuted>(e => e with { Samples = [e.Samples[0] with { Calls = [] }, .. e.Samples.Skip(1)] }, "samples[0].calls.count");
    }

    [Fact]
    public async Task An_altered_option_is_found()
    {
        var facts = SimulatedRun.Facts();
        var started = (RunStarted)facts[0].Fact;
        facts[0] = facts[0] with { Fact = started with { Options = started.Options with { Seed = 2 } } };
        (await Audit(facts)).ShouldContain(f => f.Field.StartsWith("seeds", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_base_makes_of_a_group_is_held_to_its_digest_its_tokens_and_the_base()
    {
        var options = SimulatedRun.Options with { Learning = SimulatedRun.Options.Learning with { KlWeight = 0.1 } };
        var facts = SimulatedRun.Facts(options);
        (await Audit(facts)).ShouldBeEmpty();
        var at = facts.FindIndex(f => f.Fact is ReferenceMeasured);
        var measured = (ReferenceMeasured)facts[at].Fact;
        float[][] fewer = [.. measured.LogProbs.Select(of => of[1..])];
        await Altered(measured with { LogProbs = [[.. measured.LogProbs[0].Select(l => l - 1e-6f)], .. measured.LogProbs.Skip(1)] }, "digest");
        await Altered(measured with { LogProbs = fewer, Digest = Digests.OfLogProbs("base", fewer) }, "logProbs.count[0]");
        await Altered(measured with { Policy = "other", Digest = Digests.OfLogProbs("other", measured.LogProbs) }, "policy");
        (await Audit(facts.Where((_, i) => i != at))).ShouldContain(f => f.Field == "fact" && f.Recomputed == nameof(ReferenceMeasured));
        facts[0] = facts[0] with { Fact = ((RunStarted)facts[0].Fact) with { Options = SimulatedRun.Options } };
        (await Audit(facts)).ShouldContain(f => f.Stream == facts[at].Stream && f.Field == "fact" && f.Stored == nameof(ReferenceMeasured));

        async Task Altered(ReferenceMeasured fact, string field) =>
            (await Audit(facts.Select((f, i) => i == at ? f with { Fact = fact } : f))).ShouldContain(f => f.Field == field);
    }

    [Fact]
    public async Task A_run_of_a_build_that_measured_no_diversity_audits_and_a_sketch_that_was_altered_or_taken_away_is_found()
    {
        var facts = SimulatedRun.Facts();
        (await Audit(facts.Select(f => f with
        {
            Fact = f.Fact switch
            {
                CandidateFiltered filtered => Without(filtered),
                StepCompleted step => step with { Metrics = step.Metrics.Where(m => !IsOfDiversity(m.Key)).ToDictionary() },
                var other => other,
            },
        }))).ShouldBeEmpty();
        facts.Select(f => f.Fact).OfType<StepCompleted>().Where(s => s.Phase is Phase.Generator or Phase.Curriculum)
            .ShouldAllBe(s => s.Metrics.ContainsKey(MetricNames.Similarity));
        await Found<CandidateFiltered>(c => c.Kept is { } kept ? c with { Kept = kept with { Sketch = kept.Sketch! with { Folded = "0" } } } : c,
            "kept.sketch.folded");
        await Found<CandidateFiltered>(c => c.Kept is null ? c : Without(c), "metrics.similarity");
        await Found<StepCompleted>(s => s.Metrics.ContainsKey(MetricNames.WrittenTasks)
            ? s with { Metrics = new Dictionary<string, double>(s.Metrics) { [MetricNames.NearDuplicateShare] = 0.99 } } : s,
            "metrics.nearDuplicateShare");

        static bool IsOfDiversity(string metric) => MetricNames.OfDiversity.Contains(metric.Split('.')[0]);

        static CandidateFiltered Without(CandidateFiltered filtered) =>
            filtered with { Kept = filtered.Kept is { } kept ? kept with { Sketch = null } : null };
    }

    [Fact]
    public async Task A_removed_fact_is_found_whichever_it_is()
    {
        var facts = SimulatedRun.Facts();
        for (var i = 1; i < facts.Count - 1; i += 2)
        {
            (await Audit(facts.Where((_, at) => at != i))).ShouldNotBeEmpty(facts[i].ToString());
        }
    }

    [Fact]
    public async Task A_fact_that_belongs_to_no_step_is_found()
    {
        var facts = SimulatedRun.Facts();
        var first = facts.First(f => f.Fact is TasksProposed);
        facts.Insert(facts.IndexOf(first), first with { Stream = "group/sim/1/generator/7/0" });
        (await Audit(facts)).ShouldHaveSingleItem().Field.ShouldBe("stream");
    }

    private static async Task Found<T>(Func<T, T> alter, params string[] fields)
        where T : class
    {
        var facts = SimulatedRun.Facts();
        var at = facts.FindIndex(f => f.Fact is T fact && !ReferenceEquals(alter(fact), fact));
        facts[at] = facts[at] with { Fact = alter((T)facts[at].Fact) };
        var findings = await Audit(facts);
        foreach (var field in fields)
            findings.ShouldContain(f =>
                f.Field == field || f.Field.StartsWith(field + ".", StringComparison.Ordinal), $"{field}: {string.Join("; ", findings)}");
    }

    private static async Task<List<AuditFinding>> Audit(IEnumerable<StoredFact> facts, bool heldOut = true)
    {
        var findings = new List<AuditFinding>();
        await foreach (var finding in RunAudit.CheckAsync(
            facts.ToAsyncEnumerable(), SimulatedRun.Decode, SimulatedRun.EncodePrompt, heldOut ? SimulatedRun.HeldOut
                : null, cancellation: TestContext.Current.CancellationToken))
        {
            findings.Add(finding);
        }

        return findings;
    }
}
