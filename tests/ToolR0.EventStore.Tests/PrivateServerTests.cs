using System.Diagnostics;
using ToolR0.Contracts;
using ToolR0.Testing;

namespace ToolR0.EventStore.Tests;

/// <summary>infra/postgres.sh, which runs keep their facts with.</summary>
public sealed class PrivateServerTests
{
    [Fact]
    public async Task A_server_that_was_killed_starts_again_with_its_facts()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var home = PrivateServers.NewHome();
        try
        {
            var url = PrivateServers.Run("postgres.sh", "start", "--home", home);
            PrivateServers.Run("postgres.sh", "start", "--home", home).ShouldBe(url, "a second start finds the first");
            await using (var database = new EventStoreDatabase(url))
                await new FactLog(database).AppendAsync("r", "", [new FactAppend("run/r", 1, Facts.Started("r"))], cancellation);

            var pidFile = Directory.GetFiles(home, "postmaster.pid", SearchOption.AllDirectories).ShouldHaveSingleItem();
            using (var server = Process.GetProcessById(int.Parse(File.ReadLines(pidFile).First())))
                server.Kill();
            var deadline = DateTime.UtcNow.AddSeconds(20);
            while (!IsStopped(home) && DateTime.UtcNow < deadline)
                await Task.Delay(50, cancellation);

            url = PrivateServers.Run("postgres.sh", "start", "--home", home);
            PrivateServers.Run("postgres.sh", "url", "--home", home).ShouldBe(url);
            await using (var database = new EventStoreDatabase(url))
                (await new FactLog(database).RunsAsync(cancellation)).ShouldBe(["r"]);
        }
        finally
        {
            PrivateServers.Run("postgres.sh", "stop", "--home", home);
            IsStopped(home).ShouldBeTrue();
            PrivateServers.Remove(home);
        }
    }

    [Fact]
    public void A_home_that_can_not_be_made_is_told_in_one_line()
    {
        var message = Should.Throw<InvalidOperationException>(() => PrivateServers.Run("postgres.sh", "start", "--home", "/dev/null/home")).Message;
        message.ShouldEndWith("postgres.sh: cannot create /dev/null/home/postgres");
    }

    private static bool IsStopped(string home) =>
        Should.NotThrow(() =>
        {
            try
            {
                return PrivateServers.Run("postgres.sh", "status", "--home", home) == "stopped";
            }
            catch (InvalidOperationException)
            {
                return true; // exit code 3
            }
        });
}
