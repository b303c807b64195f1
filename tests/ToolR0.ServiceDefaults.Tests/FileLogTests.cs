using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging.Telemetry;
using ToolR0.Testing;

namespace ToolR0.ServiceDefaults.Tests;

public sealed class FileLogTests
{
    [Fact]
    public void A_line_names_the_run_the_step_and_the_groups_that_it_is_about()
    {
        var home = PrivateServers.NewHome();
        var path = Path.Combine(home, "log.txt");
        var command = new ScoreAttempts("demo", Ids.Shard("demo", 2, Phase.Solver, 7, Stage.Score, 0),
            [new("group/demo/2/solver/7/0", 3), new("group/demo/2/solver/7/1", 3)]);
        using (var factory = LoggerFactory.Create(logging => logging.AddProvider(new FileLog(path))))
        {
            var logger = factory.CreateLogger("test");
            logger.LogInformation("not said");
            File.Exists(path).ShouldBeFalse();
            using (logger.BeginScope(WorkScope.Of(command)))
                logger.LogWarning("the disk is {Share} full", 0.9);
        }

        var line = File.ReadAllLines(path).ShouldHaveSingleItem();
        line.ShouldContain("Warning test:");
        line.ShouldContain("run=demo");
        line.ShouldContain("step=7");
        line.ShouldContain("stage=score");
        line.ShouldContain("group=group/demo/2/solver/7/0 … group/demo/2/solver/7/1");
        line.ShouldContain("the disk is 0.9 full");
        PrivateServers.Remove(home);
    }
}
