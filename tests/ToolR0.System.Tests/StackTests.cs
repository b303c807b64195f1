using System.Text.Json;
using Npgsql;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>The same run on RabbitMQ with every service a process of its own.</summary>
public sealed class StackTests(MiniatureRun miniature)
{
    [Fact]
    public async Task With_three_Solvers_and_workers_killed_on_the_way_the_stack_gives_the_same_curriculum_and_weights()
    {
        var home = PrivateServers.NewHome();
        var environment = new Dictionary<string, string>
        {
            ["TOOLR0_HOME"] = home,
            ["TOOLR0_POSTGRES_OPTIONS"] = "-c fsync=off -c synchronous_commit=off"
        };
        try
        {
            var up = await Product.ScriptAsync("stack.sh", environment, "up", "solving=3");
            up.ExitCode.ShouldBe(0, up.Errors);
            up.Output.ShouldContain("solving.3");

            (await Product.ScriptAsync("toolr0", environment, "start", "--run", "stacked", "--options", miniature.OptionsFile)).Output.Trim()
                .ShouldBe("stacked");
            var watch = Product.ScriptAsync("toolr0", environment, "watch", "stacked");
            foreach (var (service, after) in new[] { ("solving", "run_started"), ("learning", "proposals_scored"),
                ("task-generation", "policy_updated"), ("coordinator", "curriculum_selected") })
            {
                await UntilAsync(home, after);
                var kill = await Product.ScriptAsync("stack.sh", environment, "kill", service);
                kill.ExitCode.ShouldBe(0, kill.Errors);
            }

            var watched = await watch;
            watched.ExitCode.ShouldBe(0, watched.Errors);
            MiniatureRun.Identity(MiniatureRun.SummaryIn(home, "stacked")).ShouldBe(MiniatureRun.Identity(miniature.Summary));

            (await Product.ScriptAsync("toolr0", environment, "audit", "stacked")).ExitCode.ShouldBe(0);
            (await KindsAsync(environment, "infra", "stacked")).ShouldBe(await KindsAsync(miniature.Environment, "toolr0", MiniatureRun.Name));
            var status = JsonDocument.Parse((await Product.ScriptAsync("toolr0", environment, "status", "stacked", "--json")).Output).RootElement;
            status.GetProperty("errorQueues").EnumerateObject().ShouldAllBe(queue => queue.Value.GetInt64() == 0);
            (await Product.ScriptAsync("stack.sh", environment, "status")).Output.ShouldContain("solving.1");
        }
        finally
        {
            (await Product.ScriptAsync("stack.sh", environment, "down")).ExitCode.ShouldBe(0);
            PrivateServers.Remove(home);
        }
    }

    /// <summary>Waits until the stack's store has an event of a type.</summary>
    private static async Task UntilAsync(string home, string type)
    {
        var environment = await File.ReadAllTextAsync(Path.Combine(home, "stack", "environment"), TestContext.Current.CancellationToken);
        await using var connection = new NpgsqlConnection(environment.Split('\'')[1]);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand($"select exists (select from toolr0.mt_events where type = '{type}')", connection);
        while (await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is not true)
            await Task.Delay(100, TestContext.Current.CancellationToken);
    }

    /// <summary>How many events of each kind a run has: equal however it was played.</summary>
    private static async Task<string> KindsAsync(IReadOnlyDictionary<string, string> environment, string how, string run)
    {
        var export = how == "toolr0" ? await Product.Toolr0Async(environment, "export", run)
            : await Product.ScriptAsync("toolr0", environment, "export", run);
        export.ExitCode.ShouldBe(0, export.Errors);
        return string.Join('\n', export.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("type").GetString()!)
            .GroupBy(type => type).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Key} {group.Count()}"));
    }
}
