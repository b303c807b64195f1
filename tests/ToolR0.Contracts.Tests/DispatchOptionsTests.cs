using ToolR0.Contracts.Options;

namespace ToolR0.Contracts.Tests;

public sealed class DispatchOptionsTests
{
    [Theory]
    [InlineData(16, 0, 8, 16)]
    [InlineData(16, 32, 8, 4)]
    [InlineData(16, 32, 1, 16)]
    [InlineData(64, 32, 1, 32)]
    [InlineData(64, 32, 100, 1)]
    [InlineData(64, 32, 0, 32)]
    public void A_shard_holds_as_many_prompts_as_both_limits_allow_and_at_least_one(int prompts, int completions, int samples, int expected) =>
        new DispatchOptions { PromptsPerShard = prompts, CompletionsPerShard = completions }.PromptsFor(samples).ShouldBe(expected);
}
