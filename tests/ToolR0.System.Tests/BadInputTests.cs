using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>Bad input is refused at the door: one line that names what is wrong, an exit code that is not 0, nothing written.</summary>
public sealed class BadInputTests(MiniatureRun miniature)
{
    public static TheoryData<string, string[], string> Refused { get; } = new()
    {
        { "a missing base folder", ["run", "--base", "/no/such/folder"], "--base /no/such/folder: there is no such folder" },
        { "a base folder without a model", ["run", "--base", "/usr"], "--base /usr" },
        { "a negative temperature", ["run", "--set", "solver.sampling.temperature=-0.5"], "solver.sampling.temperature: -0.5" },
        { "an unknown option", ["run", "--set", "solver.stepz=3"], "solver.stepz" },
        { "an unknown preset", ["run", "--preset", "mega"], "mega" },
        { "paper without a model", ["run", "--preset", "paper"], "needs --base" },
        { "a name that is none", ["run", "--run", "../x"], "../x" },
        { "a missing held-out file", ["run", "--set", "evaluation.sets=[\"/no/such.jsonl\"]"], "/no/such.jsonl" },
        { "an unreachable RabbitMQ", ["run", "--bus", "rabbitmq", "--rabbitmq", "amqp://u:secret@127.0.0.1:1/"],
            "RabbitMQ at amqp://127.0.0.1:1/ cannot be used" },
        { "an unreachable PostgreSQL", ["run", "--postgres", "Host=127.0.0.1;Port=1;Username=u;Password=secret;Database=d"],
            "cannot reach PostgreSQL at 127.0.0.1:1" },
        { "a bus that is none", ["run", "--bus", "pigeon"], "pigeon" },
        { "an unknown flag", ["run", "--bananas"], "--bananas" },
        { "an unknown command", ["dance"], "dance" },
        { "an unknown service", ["serve", "baking", "--bus", "memory"], "unknown service 'baking'" },
        { "an unknown run", ["audit", "nobody"], "there is no run 'nobody'" },
        { "a run that is over", ["run", "--resume", MiniatureRun.Name], "completed" },
        { "a pretraining stage that is none", ["pretrain", "--out", "/tmp/never", "--until", "sleeping"], "sleeping" },
        { "a stage to go on after without a folder", ["pretrain", "--out", "/tmp/never", "--after", "habits"],
            "--after habits: says what --from was made by" },
        { "a stage of another recipe", ["pretrain", "--out", "/tmp/never", "--recipe", "study", "--until", "talk"],
            "base-study has no such stage, only reading, habits" },
        { "a base model's recipe that is none", ["pretrain", "--out", "/tmp/never", "--recipe", "cake"], "cake" },
        { "a held-out set of no kind", ["heldout", "--seed", "1", "--kind", "sideways", "--out", "/tmp/never.jsonl"], "sideways" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task It_is_refused_in_one_line(string what, string[] arguments, string named)
    {
        var home = PrivateServers.NewHome();
        var environment = new Dictionary<string, string> { ["TOOLR0_POSTGRES"] = miniature.ConnectionString, ["TOOLR0_HOME"] = home };
        var outcome = await Product.Toolr0Async(environment, arguments);
        outcome.ExitCode.ShouldNotBe(0, what);
        outcome.ErrorLines.ShouldHaveSingleItem().ShouldContain(named);
        outcome.Errors.ShouldNotContain("secret");
        outcome.Errors.ShouldNotContain("unexpected");
        Directory.Exists(home).ShouldBeFalse($"{what} left something in {home}");
    }

    [Fact]
    public async Task An_unknown_option_in_the_file_is_named_with_the_file()
    {
        var file = Path.Combine(miniature.Home, "unknown.json");
        await File.WriteAllTextAsync(file, """{ "generator": { "stepz": 3 } }""", TestContext.Current.CancellationToken);
        var outcome = await Product.Toolr0Async(miniature.Environment, "run", "--options", file);
        outcome.ExitCode.ShouldNotBe(0);
        var line = outcome.ErrorLines.ShouldHaveSingleItem();
        line.ShouldContain("generator.stepz");
        line.ShouldContain(file);
    }

    /// <summary>On a file system of a few megabytes: the base model does not fit, or it does and a checkpoint with its optimiser's state does
    /// not.</summary>
    [Theory]
    [InlineData(2, "the base model")]
    [InlineData(8, "a checkpoint")]
    public async Task A_full_disk_ends_the_run_and_leaves_no_half_policy(int megabytes, string what)
    {
        var home = PrivateServers.NewHome();
        var left = home + ".left";
        Directory.CreateDirectory(home);
        var environment = new Dictionary<string, string> { ["TOOLR0_HOME"] = home, ["TOOLR0_POSTGRES"] = await miniature.CreateDatabaseAsync() };
        var outcome = await Product.UnshareAsync(environment, $"""
            mount -t tmpfs -o size={megabytes}m none '{home}' || exit 99
            dotnet '{Product.Command}' run --run full --options '{miniature.OptionsFile}'
            code=$?
            find '{home}' -path '*/policies/*' -printf '%P %s\n' >'{left}'
            exit $code
            """);
        outcome.ExitCode.ShouldBe(1, $"{what} had no room: {outcome.Errors}");
        var line = outcome.ErrorLines.ShouldHaveSingleItem();
        line.ShouldContain("cannot store a policy under");
        line.ShouldContain("No space left on device");
        foreach (var entry in await File.ReadAllLinesAsync(left, TestContext.Current.CancellationToken))
        {
            entry.Split('/', ' ')[1].Length.ShouldBe(64, $"{entry} is half a policy");
            if (entry.Contains("model.safetensors"))
                long.Parse(entry.Split(' ')[^1]).ShouldBeGreaterThan(3_000_000);
        }

        File.Delete(left);
        PrivateServers.Remove(home);
    }
}
