using ToolR0.Contracts;
using ToolR0.Testing;

namespace ToolR0.Messaging.Tests;

public sealed class FactReaderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_appended_here_is_not_read_again()
    {
        var log = new InMemoryFactLog();
        var reader = new StreamCache(log);
        FactAppend[] facts = [new("group/r/1/solver/0/0", 1, new RunPaused("r")), new("group/r/1/solver/0/0", 2, new RunResumed("r"))];
        await log.AppendAsync("r", "test", facts, Cancellation);
        reader.Remember("test", facts);

        (await reader.ReadAsync([new StreamPlace("group/r/1/solver/0/0", 2)], Cancellation)).Of("group/r/1/solver/0/0")
            .ShouldBe(facts.Select(fact => fact.Fact));

        log.Reads.ShouldBe(0);
    }

    [Fact]
    public async Task What_another_process_appended_since_is_read()
    {
        var log = new InMemoryFactLog();
        var reader = new StreamCache(log);
        await log.AppendAsync("r", "test", [new FactAppend("a", 1, new RunPaused("r"))], Cancellation);
        (await reader.ReadAsync([new StreamPlace("a", 1)], Cancellation)).Of("a").Count().ShouldBe(1);
        await log.AppendAsync("r", "elsewhere", [new FactAppend("a", 2, new RunResumed("r"))], Cancellation);

        (await reader.ReadAsync([new StreamPlace("a", 1)], Cancellation)).Of("a").Count().ShouldBe(1);
        log.Reads.ShouldBe(1);
        (await reader.ReadAsync([new StreamPlace("a", 2)], Cancellation)).One<RunResumed>("a").Run.ShouldBe("r");
        log.Reads.ShouldBe(2);
    }

    [Fact]
    public async Task A_version_that_does_not_follow_what_is_known_is_not_remembered()
    {
        var log = new InMemoryFactLog();
        var reader = new StreamCache(log);
        FactAppend[] facts = [new("a", 1, new RunPaused("r")), new("a", 2, new RunResumed("r"))];
        await log.AppendAsync("r", "test", facts, Cancellation);
        reader.Remember("test", facts[1..]);

        (await reader.ReadAsync([new StreamPlace("a", 2)], Cancellation)).Of("a").Count().ShouldBe(2);
    }

    [Fact]
    public async Task A_stream_without_facts_reads_as_empty_and_says_what_is_missing()
    {
        var facts = await new StreamCache(new InMemoryFactLog()).ReadAsync([new StreamPlace("nothing", 1)], Cancellation);

        facts.Of("nothing").ShouldBeEmpty();
        Should.Throw<InvalidOperationException>(() => facts.One<PolicyUpdated>("nothing")).Message.ShouldBe("nothing holds no PolicyUpdated yet");
    }
}
