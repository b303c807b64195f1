using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;

namespace ToolR0.Policies.Tests;

public sealed class CrossEntropyTrainerTests
{
    [Fact]
    public void A_sequence_is_learned_by_heart()
    {
        using var tiny = new TinyPolicy();
        var batch = new[] { new WeightedSequence(tiny.Tokens(20, 1)), new WeightedSequence(tiny.Tokens(13, 2)) };
        using var trainer = new CrossEntropyTrainer(tiny.Policy, new CrossEntropyOptions { LearningRate = 1e-2, Steps = 80, WarmupSteps = 5 });
        var progress = new List<TrainingProgress>();
        trainer.Run(Enumerable.Repeat(batch, 1000), progress.Add, TestContext.Current.CancellationToken);
        progress.Count.ShouldBe(80);
        progress[0].Loss.ShouldBeGreaterThan(5);
        progress[^1].Loss.ShouldBeLessThan(0.2);
        progress[^1].Tokens.ShouldBe(80 * 33);
        trainer.Evaluate(batch).ShouldBeLessThan(0.2);
        var sha = trainer.Save(tiny.Path_("fitted"));
        using var fitted = Policy.Load(tiny.Path_("fitted"));
        fitted.Sha256.ShouldBe(sha);
        var request = new SampleRequest(tiny.Tokens(20, 1)[..4], [1]);
        var greedy = Sampler.Sample(fitted, [request], new() { Temperature = 0, MaxNewTokens = 16 }, [], TestContext.Current.CancellationToken);
        greedy[0][0].Tokens.ShouldBe(tiny.Tokens(20, 1)[4..]);
    }

    [Fact]
    public void Parts_side_by_side_repeat_bit_for_bit()
    {
        using var tiny = new TinyPolicy();
        var batch = Enumerable.Range(0, 7).Select(i => new WeightedSequence(tiny.Tokens(5 + 3 * i, i))).ToArray();
        var hashes = Enumerable.Range(0, 3).Select(run =>
        {
            using var trainer = new CrossEntropyTrainer(tiny.Policy, new CrossEntropyOptions { Steps = 4, WarmupSteps = 1 });
            trainer.Run(Enumerable.Repeat(batch, 4), null, TestContext.Current.CancellationToken);
            return trainer.Save(tiny.Path_($"run-{run}"));
        }).ToArray();
        hashes.Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public void A_step_on_a_thread_that_does_not_record_is_the_same_step()
    {
        using var tiny = new TinyPolicy();
        WeightedSequence[] batch = [new([1, 2, 3, 4]), new([5, 6, 7])];
        double Loss(bool record)
        {
            using var trainer = new CrossEntropyTrainer(tiny.Policy, new CrossEntropyOptions { LearningRate = 1e-2, Steps = 4, WarmupSteps = 1 });
            using var mode = TorchSharp.torch.set_grad_enabled(record);
            trainer.Step(batch);
            TorchSharp.torch.is_grad_enabled().ShouldBe(record);
            return trainer.Step(batch).Loss;
        }

        Loss(record: false).ShouldBe(Loss(record: true));
    }

    [Fact]
    public void Tokens_of_weight_0_do_not_count()
    {
        using var tiny = new TinyPolicy(scale: 4);
        var tokens = tiny.Tokens(9, 3);
        var weights = new float[] { 0, 0, 1, 0, 0, 0, 1, 0, 0 };
        using var trainer = new CrossEntropyTrainer(tiny.Policy, new CrossEntropyOptions());
        var expected = -new[] { 2, 6 }.Average(t => tiny.FullForward(tokens[..t], [tokens[t]], 1)[0]);
        trainer.Evaluate([new WeightedSequence(tokens, weights)]).ShouldBe(expected, 1e-5);
        trainer.Step([new WeightedSequence(tokens, new float[9])]).Loss.ShouldBe(0);
    }

    [Fact]
    public void The_learning_rate_warms_up_and_decays()
    {
        var options = new CrossEntropyOptions { LearningRate = 1, WarmupSteps = 10, Steps = 110, FinalShare = 0.1 };
        options.LearningRateAt(0).ShouldBe(0.1, 1e-12);
        options.LearningRateAt(9).ShouldBe(1, 1e-12);
        options.LearningRateAt(60).ShouldBe(0.55, 1e-12);
        options.LearningRateAt(110).ShouldBe(0.1, 1e-12);
        (options with { Decay = Decay.Linear }).LearningRateAt(35).ShouldBe(0.775, 1e-12);
    }

    [Fact]
    public void What_cannot_be_fitted_is_refused_by_name()
    {
        using var tiny = new TinyPolicy(maxPositions: 16);
        using var trainer = new CrossEntropyTrainer(tiny.Policy, new CrossEntropyOptions());
        Refusal(new WeightedSequence([1])).ShouldContain("sequence 0 has 1 tokens");
        Refusal(new WeightedSequence(tiny.Tokens(17, 1))).ShouldContain("sequence 0 has 17 tokens");
        Refusal(new WeightedSequence([1, -1])).ShouldContain("token -1");
        Refusal(new WeightedSequence([1, 2], [1])).ShouldContain("weights");
        Refusal(new WeightedSequence([1, 2], [0, -1])).ShouldContain("weights");

        string Refusal(WeightedSequence sequence) => Should.Throw<ArgumentException>(() => trainer.Step([sequence])).Message;
    }
}
