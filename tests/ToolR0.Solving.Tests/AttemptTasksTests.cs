using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Rewards;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.Solving.Tests;

public sealed class AttemptTasksTests : IAsyncLifetime
{
    private const string Run = "r";

    private static readonly IReadOnlyList<HeldOutItem> Items = HeldOut.Make(HeldOut.Seen, 6, 7);
    private static readonly string Set = Ids.HeldOutStream(Digests.Sha256Hex("set"));

    private readonly TinyPolicies _policies = new();
    private ServiceBed _bed = null!;

    private static RunOptions Options { get; } = ShippedPresets.Nano with
    {
        Prompts = new PromptOptions { Set = PromptSet.Compact, MaxPromptTokens = 512 },
        Solver = ShippedPresets.Nano.Solver with { Sampling = new SamplingOptions { MaxNewTokens = 5 } },
        Generator = ShippedPresets.Nano.Generator with { ProbeSampling = new SamplingOptions { Temperature = 0.7, MaxNewTokens = 3 } },
        Judge = new JudgeOptions { Sampling = new SamplingOptions { Temperature = 0.1, MaxNewTokens = 6 } },
        Evaluation = new EvaluationOptions { MaxNewTokens = 4 },
    };

    public async ValueTask InitializeAsync() => _bed = await StartAsync(Options);

    public async ValueTask DisposeAsync()
    {
        await _bed.DisposeAsync();
        _policies.Dispose();
    }

    [Theory]
    [InlineData(AttemptPurpose.Train, 5)]
    [InlineData(AttemptPurpose.Probe, 3)]
    public async Task A_shard_of_tasks_is_attempted_once_per_seed(AttemptPurpose purpose, int newTokens)
    {
        var command = Command(purpose, [11, 12, 13]);

        var stored = (await _bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        stored.ModelEnded.ShouldBeGreaterThan(stored.ModelStarted);
        foreach (var group in command.Groups)
        {
            var attempt = _bed.Log.Stream(group.To.Stream).ShouldHaveSingleItem().ShouldBeOfType<TaskAttempted>();
            attempt.Task.ShouldBe(group.Task);
            attempt.Policy.ShouldBe(_policies.Base);
            attempt.Samples.Select(sample => sample.Seed).ShouldBe([11L, 12, 13]);
            attempt.Samples.ShouldAllBe(sample => sample.Tokens.Length <= newTokens && sample.LogProbs.Length == sample.Tokens.Length);
            attempt.Digest.ShouldBe(Digests.OfGroup(attempt.PromptTokens, attempt.Samples));
        }

        stored.ModelEnded.ShouldBeGreaterThan(stored.ModelStarted);
    }

    [Fact]
    public async Task A_redelivered_command_computes_nothing_and_publishes_again()
    {
        var command = Command(AttemptPurpose.Train, [1]);
        await _bed.AskAsync(command);

        var again = (await _bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        again.ModelEnded.ShouldBe(again.ModelStarted);
        _bed.Log.Stream(command.Groups[0].To.Stream).Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_same_command_gives_the_same_tokens_with_any_number_of_workers()
    {
        var command = Command(AttemptPurpose.Train, [5, 6]);
        await _bed.AskAsync(command);
        await using var other = await StartAsync(Options, workers: 1);
        await other.AskAsync(command);

        foreach (var group in command.Groups)
            ((TaskAttempted)other.Log.Stream(group.To.Stream)[0]).Digest.ShouldBe(((TaskAttempted)_bed.Log.Stream(group.To.Stream)[0]).Digest);
    }

    [Fact]
    public async Task An_outside_server_answers_as_the_worker_would()
    {
        using var lease = _policies.Store.Rent(_policies.Base);
        using var server = new ConformingServer(lease.Policy);
        await using var bed = await StartAsync(Options with { Inference = server.Options });
        var command = Command(AttemptPurpose.Train, [5, 6]);
        await _bed.AskAsync(command);

        (await bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        server.Requests.Count.ShouldBe(6);
        foreach (var group in command.Groups)
        {
            var (local, served) = ((TaskAttempted)_bed.Log.Stream(group.To.Stream)[0], (TaskAttempted)bed.Log.Stream(group.To.Stream)[0]);
            served.PromptTokens.ShouldBe(local.PromptTokens);
            served.Samples.Select(s => (s.Seed, s.Text, s.Finish)).ShouldBe(local.Samples.Select(s => (s.Seed, s.Text, s.Finish)));
            served.Digest.ShouldBe(Digests.OfGroup(served.PromptTokens, served.Samples));
        }
    }

    [Fact]
    public async Task Evaluation_is_greedy_whatever_the_seed()
    {
        await _bed.AskAsync(Command(AttemptPurpose.Evaluate, [1], "a"));
        await _bed.AskAsync(Command(AttemptPurpose.Evaluate, [2], "b"));

        var (a, b) = ((TaskAttempted)_bed.Log.Stream(StreamOf("a", 0))[0], (TaskAttempted)_bed.Log.Stream(StreamOf("b", 0))[0]);
        a.Samples[0].Tokens.ShouldBe(b.Samples[0].Tokens);
        a.Samples[0].Tokens.Length.ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public async Task A_generated_task_with_too_long_a_prompt_gets_void_samples()
    {
        await using var bed = await StartAsync(Options with { Prompts = new PromptOptions { Set = PromptSet.Compact, MaxPromptTokens = 1 } });
        var command = Command(AttemptPurpose.Probe, [1, 2]);

        (await bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        var attempt = (TaskAttempted)bed.Log.Stream(command.Groups[0].To.Stream)[0];
        attempt.Samples.Count.ShouldBe(2);
        attempt.Samples.ShouldAllBe(sample =>
            sample.Finish == FinishReason.Void && sample.VoidCause == VoidCauses.PromptTooLong && sample.Tokens.Length == 0);
    }

    [Fact]
    public async Task A_held_out_item_with_too_long_a_prompt_is_refused_by_the_rule()
    {
        await using var bed = await StartAsync(Options with { Prompts = new PromptOptions { Set = PromptSet.Compact, MaxPromptTokens = 1 } });

        var failed = (await bed.AskAsync(Command(AttemptPurpose.Evaluate, [1]))).ShouldBeOfType<ShardFailed>();

        failed.Reason.ShouldContain("prompts.maxPromptTokens is 1");
    }

    [Theory]
    [InlineData(AttemptPurpose.Judge)]
    [InlineData(AttemptPurpose.Label)]
    public async Task A_judge_that_never_says_anything_readable_is_asked_once_per_seed(AttemptPurpose purpose)
    {
        var command = Command(purpose, [21, 22, 23]);

        (await _bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        foreach (var group in command.Groups)
        {
            var judged = (TaskAttempted)_bed.Log.Stream(group.To.Stream)[0];
            judged.Purpose.ShouldBe(purpose);
            judged.Samples.Select(sample => sample.Seed).ShouldBe([21L, 22, 23]);
            judged.Samples.ShouldAllBe(sample => sample.Tokens.Length <= 6 && !Judge.IsReadable(purpose, sample.Text));
            judged.Digest.ShouldBe(Digests.OfGroup(judged.PromptTokens, judged.Samples));
        }
    }

    [Fact]
    public void A_judge_is_asked_again_only_where_the_answer_can_not_be_read_and_only_so_often()
    {
        var batches = new List<int>();
        SampleRequest[] requests = [new([1], [10, 11, 12]), new([2], [20, 21, 22]), new([3], [30, 31, 32])];

        // The first is read at once, the second at its second try, the third never.
        var tries = Tries.Sample(
            requests,
            batch =>
            {
                batches.Add(batch.Count);
                return [.. batch.Select(request =>
                    (IReadOnlyList<Trajectory>)[new Trajectory(request.Seeds.Single(), [], [], request.Seeds[0] is 10 or 21 ? "5"
                    : "hm", FinishReason.Stop)])];
            },
            text => Judge.IsReadable(AttemptPurpose.Judge, text));

        tries.Select(t => t.Select(sample => sample.Seed)).ShouldBe([[10L], [20L, 21], [30L, 31, 32]]);
        batches.ShouldBe([3, 2, 1]);
        Tries.Sample([], _ => throw new InvalidOperationException("nobody is to be asked"), _ => true).ShouldBeEmpty();
    }

    private static string StreamOf(string name, int n) => Ids.GroupStream(Run, 1, GroupKind.Solver, name[0], n);

    private AttemptTasks Command(AttemptPurpose purpose, long[] seeds, string name = "g") => new(
        Run, $"shard/{name}", _policies.Base, purpose,
            [.. Enumerable.Range(0, 3).Select(i => new AttemptGroup(new StreamPlace(StreamOf(name, i), 1), new TaskRef(Set, i + 2), seeds))]);

    private async Task<ServiceBed> StartAsync(RunOptions options, int workers = 2)
    {
        var bed = await ServiceBed.StartAsync(
            services => services.AddSingleton(_policies.Store).AddSolving(), bus => bus.AddSolvingConsumers(), workers: workers);
        await bed.Log.AppendAsync("heldout", "test",
            [new FactAppend(Set, 1, new HeldOutRegistered("set", [.. Items.Take(4)])),
            new FactAppend(Set, 2, new HeldOutRegistered("set", [.. Items.Skip(4)]))]);
        await bed.Log.AppendAsync(Run, "test", [new FactAppend(Ids.RunStream(Run), 1, new RunStarted(Run, options, _policies.Base, [], "0.1.0"))]);
        return bed;
    }
}
