using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.TaskGeneration.Tests;

public sealed class ProposeTasksTests : IAsyncLifetime
{
    private const string Run = "r";

    private readonly TinyPolicies _policies = new();
    private ServiceBed _bed = null!;

    private static RunOptions Options { get; } = ShippedPresets.Nano with
    {
        Generator = ShippedPresets.Nano.Generator with { Sampling = new SamplingOptions { MaxNewTokens = 6 } },
        Curriculum = ShippedPresets.Nano.Curriculum with { Sampling = new SamplingOptions { Temperature = 0.8, MaxNewTokens = 3 } },
    };

    public async ValueTask InitializeAsync() => _bed = await StartAsync(Options);

    public async ValueTask DisposeAsync()
    {
        await _bed.DisposeAsync();
        _policies.Dispose();
    }

    [Theory]
    [InlineData("group/r/1/generator/0", 6)]
    [InlineData("task/r/1", 3)]
    public async Task Each_spec_is_answered_once_per_seed_with_its_phases_sampling(string prefix, int newTokens)
    {
        var command = Command(prefix);

        var stored = (await _bed.AskAsync(command)).ShouldBeOfType<FactsStored>();

        stored.ModelEnded.ShouldBeGreaterThan(stored.ModelStarted);
        foreach (var group in command.Groups)
        {
            var proposed = _bed.Log.Stream(group.To.Stream).ShouldHaveSingleItem().ShouldBeOfType<TasksProposed>();
            proposed.Spec.ShouldBe(group.Spec);
            proposed.Samples.Select(sample => sample.Seed).ShouldBe(group.Seeds);
            proposed.Samples.ShouldAllBe(sample => sample.Tokens.Length >= 1 && sample.Tokens.Length <= newTokens);
            proposed.Digest.ShouldBe(Digests.OfGroup(proposed.PromptTokens, proposed.Samples));
        }
    }

    [Fact]
    public async Task A_redelivered_command_computes_nothing_and_publishes_again()
    {
        await _bed.AskAsync(Command("task/r/1"));

        var again = (await _bed.AskAsync(Command("task/r/1"))).ShouldBeOfType<FactsStored>();
        again.ModelEnded.ShouldBe(again.ModelStarted);
    }

    [Fact]
    public async Task A_prompt_over_the_limit_is_refused_by_the_rule()
    {
        await using var bed = await StartAsync(Options with { Prompts = new PromptOptions { Set = PromptSet.Compact, MaxPromptTokens = 3 } });

        (await bed.AskAsync(Command("task/r/1"))).ShouldBeOfType<ShardFailed>().Reason.ShouldContain("prompts.maxPromptTokens is 3");
    }

    private ProposeTasks Command(string prefix) => new(
        Run, "shard/x", _policies.Base,
            [.. Enumerable.Range(0, 2)
            .Select(n => new ProposalGroup(new StreamPlace($"{prefix}/{n}", 1), new TaskSpec("math", TaskContext.SingleTurn, 3, n + 1),
            [n, n + 10]))]);

    private async Task<ServiceBed> StartAsync(RunOptions options)
    {
        var bed = await ServiceBed.StartAsync(services => services.AddSingleton(_policies.Store).AddTaskGeneration(), bus =>
            bus.AddTaskGenerationConsumers());
        await bed.Log.AppendAsync(Run, "test", [new FactAppend(Ids.RunStream(Run), 1, new RunStarted(Run, options, _policies.Base, [], "0.1.0"))]);
        return bed;
    }
}
