using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.WarmStart;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.Learning.Tests;

public sealed class TrainPolicyTests
{
    private const string Run = "r";
    private const int Steps = 4;

    private static RunOptions Options { get; } = ShippedPresets.Nano with { Learning = new LearningOptions { GradientParts = 2 } };

    [Fact]
    public async Task A_step_stores_the_new_policy_and_what_it_learned_from()
    {
        await using var lab = await Lab.OpenAsync();

        var update = await lab.StepAsync(0, lab.Base);

        update.Base.ShouldBe(lab.Base);
        update.Policy.ShouldNotBe(lab.Base);
        update.Groups.ShouldBe(Lab.Groups(0));
        update.Metrics["learningRate"].ShouldBe(Options.Solver.LearningRate);
        update.Metrics["gradientNorm"].ShouldBeGreaterThan(0);
        lab.Policies.Contains(update.Policy).ShouldBeTrue();
        Policy.HashOf(lab.Policies.FolderOf(update.Policy)).ShouldBe(update.Policy);
    }

    [Theory]
    [InlineData(0, LearningLoss.Grpo, 0)]
    [InlineData(2, LearningLoss.Grpo, 0)]
    [InlineData(0, LearningLoss.Dapo, 0.1)]
    [InlineData(2, LearningLoss.DrGrpo, 0.1)]
    [InlineData(2, LearningLoss.Cispo, 0.1)]
    public async Task Learning_goes_on_from_memory_from_a_checkpoint_and_from_the_stored_steps_alike(int rank, LearningLoss loss, double klWeight)
    {
        var learning = new LearningOptions { Loss = loss, ClipHigh = loss == LearningLoss.Cispo ? 5 : 0, KlWeight = klWeight };
        await using var undisturbed = await Lab.OpenAsync(rank: rank, learning: learning);
        await using var restarted = await Lab.OpenAsync(rank: rank, learning: learning);
        await using var bereft = await Lab.OpenAsync(rank: rank, learning: learning);

        var inMemory = await undisturbed.PhaseAsync(_ => Task.CompletedTask);
        var fromCheckpoints = await restarted.PhaseAsync(_ => restarted.RestartAsync());
        var folded = await bereft.PhaseAsync(async policy =>
        {
            await bereft.RestartAsync();
            bereft.Policies.Remove(policy);
        });

        inMemory.Distinct().Count().ShouldBe(Steps);
        fromCheckpoints.ShouldBe(inMemory);
        folded.ShouldBe(inMemory);
        File.Exists(Path.Combine(bereft.Policies.FolderOf(folded[^1]), "adapter", "adapter_model.safetensors")).ShouldBe(rank > 0);
    }

    [Fact]
    public async Task What_the_base_makes_of_a_group_is_stored_beside_it_and_learned_from_without_the_base()
    {
        await using var lab = await Lab.OpenAsync(learning: new LearningOptions { KlWeight = 0.5 });
        var first = await lab.StepAsync(0, lab.Base);
        var second = await lab.StepAsync(1, first.Policy);

        first.Metrics["klMean"].ShouldBe(0, 1e-9);
        second.Metrics["klMean"].ShouldBeGreaterThan(1e-6);
        foreach (var stream in Lab.Groups(1))
        {
            var sampled = lab.Log.Stream(stream)[0].ShouldBeOfType<TaskAttempted>();
            var measured = lab.Log.Stream(stream)[^1].ShouldBeOfType<ReferenceMeasured>();
            measured.Policy.ShouldBe(lab.Base);
            measured.Digest.ShouldBe(Digests.OfLogProbs(lab.Base, measured.LogProbs));
            // The lab's completions are the base's own.
            for (var s = 0; s < sampled.Samples.Count; s++)
                measured.LogProbs[s].Zip(sampled.Samples[s].LogProbs).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-5);
        }
    }

    [Fact]
    public async Task A_completion_that_the_limit_cut_off_is_left_out_where_the_option_says_so()
    {
        await using var whole = await Lab.OpenAsync();
        await using var masked = await Lab.OpenAsync(learning: new LearningOptions { MaskOverlong = true });

        (await whole.StepAsync(0, whole.Base)).Metrics["tokensLearned"].ShouldBe(24);
        // All of the lab's are cut off after six tokens.
        var update = await masked.StepAsync(0, masked.Base);
        (update.Metrics["tokensLearned"], update.Metrics["maskedShare"], update.Policy).ShouldBe((0, 1, masked.Base));
    }

    [Fact]
    public async Task Weights_that_cannot_be_reached_by_replaying_are_refused()
    {
        await using var lab = await Lab.OpenAsync();
        var first = await lab.StepAsync(0, lab.Base);

        var failed = (await lab.Bed.AskAsync(lab.Command(1, Digests.Sha256Hex("another policy")))).ShouldBeOfType<ShardFailed>();

        failed.Reason.ShouldContain($"gives {first.Policy} instead");
    }

    [Fact]
    public async Task A_step_without_any_advantage_keeps_the_policy()
    {
        await using var lab = await Lab.OpenAsync(advantage: 0);

        var update = await lab.StepAsync(0, lab.Base);

        update.Policy.ShouldBe(lab.Base);
        update.Metrics["zeroVarianceShare"].ShouldBe(1);
        (await lab.StepAsync(1, lab.Base)).Policy.ShouldBe(lab.Base);
    }

    [Fact]
    public async Task A_redelivered_step_learns_nothing_twice()
    {
        await using var lab = await Lab.OpenAsync();
        var update = await lab.StepAsync(0, lab.Base);

        (await lab.StepAsync(0, lab.Base)).ShouldBe(update);
        (await lab.StepAsync(1, update.Policy)).Base.ShouldBe(update.Policy);
    }

    [Fact]
    public async Task A_step_whose_append_fails_is_computed_again_to_the_same_policy()
    {
        await using var undisturbed = await Lab.OpenAsync();
        await using var lab = await Lab.OpenAsync();
        var first = await lab.StepAsync(0, lab.Base);
        var failed = false;
        lab.Log.BeforeAppend = _ => failed ? Task.CompletedTask : throw new IOException($"the store is away {failed = true}");

        var second = await lab.StepAsync(1, first.Policy);

        failed.ShouldBeTrue();
        await undisturbed.StepAsync(0, undisturbed.Base);
        second.Policy.ShouldBe((await undisturbed.StepAsync(1, first.Policy)).Policy);
    }

    [Fact]
    public async Task Of_the_steps_only_the_newest_two_and_the_phases_last_stay_on_disk()
    {
        await using var lab = await Lab.OpenAsync();

        var chain = await lab.PhaseAsync(_ => Task.CompletedTask);

        lab.Policies.Contains(lab.Base).ShouldBeTrue();
        chain.Select(lab.Policies.Contains).ShouldBe([false, false, true, true]);
        File.Exists(Path.Combine(lab.Policies.FolderOf(chain[^1]), "optimizer.safetensors")).ShouldBeFalse();
    }

    [Theory]
    [InlineData(Role.Solver, 1, 0, 1.0)]
    [InlineData(Role.Solver, 1, 3, 0.25)]
    [InlineData(Role.Solver, 3, 2, 0.125)]
    [InlineData(Role.Generator, 2, 1, 0.75)]
    public void The_learning_rate_decays_over_the_phase_and_from_iteration_to_iteration(Role role, int iteration, int step, double share)
    {
        var options = Options with
        {
            Generator = Options.Generator with { LearningRate = 2, IterationDecay = 1 },
            Solver = Options.Solver with { LearningRate = 2, IterationDecay = 0.5 },
        };

        TrainPolicyConsumer.LearningRate(options, role, iteration, step, Steps).ShouldBe(2 * share);
        TrainPolicyConsumer.LearningRate(options with { Learning = new LearningOptions { LinearDecay = false } }, role, 1, step, Steps).ShouldBe(2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_fit_goes_on_from_memory_from_a_checkpoint_and_from_the_stored_steps_alike(int rank)
    {
        await using var undisturbed = await Lab.OpenAsync(rank: rank);
        await using var restarted = await Lab.OpenAsync(rank: rank);
        await using var bereft = await Lab.OpenAsync(rank: rank);

        var inMemory = await undisturbed.FitAsync(_ => Task.CompletedTask);
        var fromCheckpoints = await restarted.FitAsync(_ => restarted.RestartAsync());
        var folded = await bereft.FitAsync(async policy =>
        {
            await bereft.RestartAsync();
            bereft.Policies.Remove(policy);
        });

        inMemory.Select(update => update.Policy).Distinct().Count().ShouldBeGreaterThan(2);
        fromCheckpoints.Select(update => update.Policy).ShouldBe(inMemory.Select(update => update.Policy));
        folded.Select(update => update.Policy).ShouldBe(inMemory.Select(update => update.Policy));
        inMemory[^1].Metrics["loss"].ShouldBeLessThan(inMemory[0].Metrics["loss"]);
        File.ReadAllText(Path.Combine(undisturbed.Policies.FolderOf(inMemory[^1].Policy), TrainedWith.FileName)).ShouldContain("compact");
    }

    /// <summary>A store with a Solver phase's scored groups, a policy store, and the service.</summary>
    private sealed class Lab : IAsyncDisposable
    {
        private readonly TinyPolicies _policies = new();
        private bool _asksBase;

        public InMemoryFactLog Log { get; } = new();

        public ServiceBed Bed { get; private set; } = null!;

        public string Base => _policies.Base;

        public PolicyStore Policies => _policies.Store;

        public static async Task<Lab> OpenAsync(double advantage = 1, int rank = 0, LearningOptions? learning = null)
        {
            var lab = new Lab { _asksBase = learning?.KlWeight > 0 };
            var options = Options with
            {
                Prompts = Options.Prompts with { MaxPromptTokens = 1000 },
                Learning = (learning ?? Options.Learning) with { GradientParts = 2, Lora = new LoraOptions { Rank = rank } },
                WarmStart = new WarmStartOptions
                {
                    Rounds = 1,
                    BatchesPerStep = 2,
                    Solver = new WarmSolverOptions { Fit = new FitOptions { Batch = 2, Epochs = 4, LearningRate = 3e-3 } },
                },
            };
            await lab.Log.AppendAsync(Run, "test", [new FactAppend(Ids.RunStream(Run), 1, new RunStarted(Run, options, lab.Base, [], "0.1.0"))]);
            for (var step = 0; step < Steps; step++)
                await lab.ScoredAsync(step, [advantage, -advantage]);
            lab.Bed = await lab.StartAsync();
            return lab;
        }

        /// <summary>A new process over the same stores.</summary>
        public async Task RestartAsync()
        {
            await Bed.DisposeAsync();
            Bed = await StartAsync();
        }

        /// <summary>A fit to three variants, as the warm start's second round would number its steps; the updates in order.</summary>
        public async Task<List<PolicyUpdated>> FitAsync(Func<string, Task> between)
        {
            const int first = 7;
            var examples = Enumerable.Range(0, 3).Select(n => new TaskRef(Ids.GroupStream(Run, 0, GroupKind.Variant, 0, n), 0)).ToList();
            var made = HeldOut.Make(HeldOut.Seen, examples.Count, 5);
            for (var n = 0; n < examples.Count; n++)
            {
                var varied = new TaskVaried(Run, new TaskRef("group/r/0/warmproposals/0/0", n), ["menu.1"], n, made[n].Task);
                await Log.AppendAsync(Run, "test", [new FactAppend(examples[n].Stream, 1, varied)]);
            }

            var selected = new WarmStartSelected(Run, Role.Solver, 0, examples, 3, new Dictionary<string, int>(), new Dictionary<string, int>());
            await Log.AppendAsync(Run, "test", [new FactAppend(Ids.RunStream(Run), 2, selected)]);
            var options = ((RunStarted)Log.Stream(Ids.RunStream(Run))[0]).Options;
            var steps = WarmStartPlan.Steps(selected, options.WarmStart);
            var chain = new List<PolicyUpdated>();
            for (var step = 0; step < steps; step++)
            {
                var stream = Ids.PolicyStream(Run, 0, Role.Solver, first + step);
                var plan = WarmStartPlan.Step(selected, step, options);
                var command = new TrainPolicy(
                    Run, Ids.Shard(Run, 0, Phase.WarmSolver, first + step, Stage.Train, 0), StreamLayout.PlaceOf<PolicyUpdated>(stream),
                    Role.Solver, 0, step, steps, chain.Count == 0 ? Base : chain[^1].Policy, Base,
                    [.. plan.Examples.Select(example => example.Stream).Distinct()], plan);
                (await Bed.AskAsync(command)).ShouldBeOfType<FactsStored>();
                chain.Add(Log.Stream(stream).ShouldHaveSingleItem().ShouldBeOfType<PolicyUpdated>());
                chain[^1].Step.ShouldBe(first + step);
                if (step < steps - 1)
                    await between(chain[^1].Policy);
            }

            return chain;
        }

        /// <summary>All steps of the phase; the policies in order.</summary>
        public async Task<List<string>> PhaseAsync(Func<string, Task> between)
        {
            var chain = new List<string>();
            for (var step = 0; step < Steps; step++)
            {
                chain.Add((await StepAsync(step, chain.LastOrDefault(Base))).Policy);
                if (step < Steps - 1)
                    await between(chain[^1]);
            }

            return chain;
        }

        public async Task<PolicyUpdated> StepAsync(int step, string from)
        {
            if (_asksBase)
            {
                StreamPlace[] places = [.. Groups(step).Select(StreamLayout.PlaceOf<ReferenceMeasured>)];
                var asked = new MeasureReference(Run, Ids.Shard(Run, 1, Phase.Solver, step, Stage.Reference, 0), Role.Solver, Base, places);
                (await Bed.AskAsync(asked)).ShouldBeOfType<FactsStored>();
            }

            (await Bed.AskAsync(Command(step, from))).ShouldBeOfType<FactsStored>();
            return Log.Stream(Ids.PolicyStream(Run, 1, Role.Solver, step)).ShouldHaveSingleItem().ShouldBeOfType<PolicyUpdated>();
        }

        public TrainPolicy Command(int step, string from) =>
            new(Run, Ids.Shard(Run, 1, Phase.Solver, step, Stage.Train, 0),
                StreamLayout.PlaceOf<PolicyUpdated>(Ids.PolicyStream(Run, 1, Role.Solver, step)), Role.Solver, 1, step, Steps, from, Base,
                Groups(step));

        public static string[] Groups(int step) => [.. Enumerable.Range(0, 2).Select(n => Ids.GroupStream(Run, 1, "solver", step, n))];

        public async ValueTask DisposeAsync()
        {
            await Bed.DisposeAsync();
            _policies.Dispose();
        }

        private Task<ServiceBed> StartAsync() =>
            ServiceBed.StartAsync(services => services.AddSingleton(_policies.Store).AddLearning(), bus => bus.AddLearningConsumers(), Log);

        /// <summary>Two groups of two completions each, really sampled, with the given advantages.</summary>
        private async Task ScoredAsync(int step, double[] advantages)
        {
            using var lease = Policies.Rent(Base);
            var options = new SamplingOptions { MaxNewTokens = 6 };
            foreach (var (stream, n) in Groups(step).Select((stream, n) => (stream, n)))
            {
                int[] prompt = [5 + step, 6 + n, 7];
                var samples = Sampler.Sample(lease.Policy, [new SampleRequest(prompt, [step * 10 + n, 100 + step * 10 + n])], options, [])[0];
                var scores = advantages.Select((advantage, i) => new AttemptScore(i, 0, 0, 0, 0, 0, 1, 0, false, [], advantage)).ToList();
                await Log.AppendAsync(Run, "test",
                [
                    new FactAppend(stream, 1,
                        new TaskAttempted(Run, new TaskRef("task/r/1/0", 0), AttemptPurpose.Train, Base, prompt, samples,
                        Digests.OfGroup(prompt, samples))),
                    new FactAppend(stream, 2, new ToolCallsExecuted(Run, [])),
                    new FactAppend(stream, 3, new AttemptsScored(Run, scores)),
                ]);
            }
        }
    }
}
