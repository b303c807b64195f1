using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.Solving.Tests;

public sealed class NextTurnTests : IDisposable
{
    private static readonly RunOptions Options = ShippedPresets.NanoAgent with
    {
        Solver = ShippedPresets.NanoAgent.Solver with { Sampling = new SamplingOptions { MaxNewTokens = 7 }, MaxTurns = 4 },
    };

    private readonly TinyPolicies _policies = new();

    public void Dispose() => _policies.Dispose();

    [Fact]
    public void The_learner_gives_the_samplers_log_probabilities_again()
    {
        var played = Play(_policies, turns: 4);
        using var lease = _policies.Store.Rent(_policies.Base);
        var groups = played.Select(group => new TrainingGroup(
            group.PromptTokens, [.. group.Samples.Select(sample => new TrainingSample(sample.Tokens, [], 0))])).ToList();
        var again = ReferenceLogProbs.Of(lease.Policy, groups, 1, 4096);

        var largest = 0.0;
        for (var g = 0; g < played.Count; g++)
        {
            for (var s = 0; s < played[g].Samples.Count; s++)
            {
                var sample = played[g].Samples[s];
                var mask = Attempts.MaskOf(sample)!;
                sample.Turns!.Count.ShouldBe(4);
                mask.Count(sampled => sampled).ShouldBe(sample.Turns.Sum(turn => turn.Length));
                for (var t = 0; t < mask.Length; t++)
                {
                    if (mask[t])
                        largest = Math.Max(largest, Math.Abs(again[g][s][t] - sample.LogProbs[t]));
                    else
                        sample.LogProbs[t].ShouldBe(0);
                }
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"largest difference {largest:0.0e0}");
        largest.ShouldBeLessThan(1e-4);
    }

    [Fact]
    public void The_same_facts_give_the_same_turns()
    {
        var (first, again) = (Play(_policies, turns: 3), Play(_policies, turns: 3));
        first.SelectMany(group => group.Samples).SelectMany(sample => sample.Tokens)
            .ShouldBe(again.SelectMany(group => group.Samples).SelectMany(sample => sample.Tokens));
    }

    [Fact]
    public void A_trajectory_without_room_ends_there()
    {
        using var narrow = new TinyPolicies(maxPositions: 400);
        var played = Play(narrow, turns: 16);
        played.SelectMany(group => group.Samples).ShouldAllBe(sample => sample.Finish == FinishReason.Length);
        played.SelectMany(group => group.Samples.Select(sample => group.PromptTokens.Length + sample.Tokens.Length)).Max()
            .ShouldBeLessThanOrEqualTo(400);
    }

    /// <summary>Groups of two trajectories each, whose turns are taken for calls that returned something.</summary>
    private static IReadOnlyList<TaskAttempted> Play(TinyPolicies policies, int turns)
    {
        using var source = new CompletionSources(policies.Store).Open(Role.Solver, policies.Base, Options.Inference);
        var requests = HeldOut.Make(HeldOut.Chained, 3, 5)
            .Select(item => new SampleRequest(source.Tokenizer.EncodePrompt(SolverPrompt.Render(item.Task, Options.Prompts)), [11, 12])).ToList();
        var first = source.Sample(requests, Options.Solver.Sampling, TestContext.Current.CancellationToken);
        List<List<object>> facts = [.. requests.Zip(first, (request, samples) => new List<object>
        {
            new TaskAttempted(
                "r", new TaskRef("t", 0), AttemptPurpose.Train, "p", request.PromptTokens, [.. samples.Select(Ended)], ""),
        })];
        for (var turn = 2; turn <= turns; turn++)
        {
            foreach (var of in facts)
            {
                IReadOnlyList<int> open = of[^1] is TurnTaken last ? [.. last.Samples.Where(HasRoom).Select(s => s.Sample)] : [0, 1];
                var called = new CallOutcome(Given.Call("f", "{}"), CallStatus.Succeeded, $"{turn}", null);
                of.Add(new ToolCallsExecuted("r", [.. open.Select(sample => new SampleExecution(sample, [called]))]));
            }

            var next = NextTurn.Take(source, facts, "r", turn, "p", AttemptPurpose.Train, Options, TestContext.Current.CancellationToken);
            foreach (var (of, taken) in facts.Zip(next))
                of.Add(taken with { Samples = [.. taken.Samples.Select(s => HasRoom(s) ? s with { Sampled = Ended(s.Sampled) } : s)] });
        }

        return [.. facts.Select(of => Attempts.Of(of)!.Attempted)];
    }

    private static bool HasRoom(TurnSample sample) => sample.Sampled.Tokens.Length > 0;

    /// <summary>A random model hardly ever ends a turn by itself.</summary>
    private static Trajectory Ended(Trajectory sample) => sample with { Finish = FinishReason.Stop };
}
