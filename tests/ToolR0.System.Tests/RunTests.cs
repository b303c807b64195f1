using System.Text.Json;
using ToolR0.Evaluation;
using ToolR0.SelfPlay.Parsing;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.System.Tests;

public sealed class RunTests(MiniatureRun miniature)
{
    [Fact]
    public void A_run_ends_with_accuracy_per_iteration_and_the_share_outside_the_model()
    {
        miniature.Outcome.ErrorLines.ShouldBeEmpty();
        foreach (var expected in new[] { "base", "seen: exact match", "unseen: exact match", "outside model computation", "report.html",
            "iteration 2  generator" })
            miniature.Outcome.Output.ShouldContain(expected);
    }

    [Fact]
    public void The_summary_holds_every_iteration_and_policies_that_exist()
    {
        var summary = miniature.Summary;
        foreach (var set in new[] { "seen", "unseen" })
            summary.GetProperty("heldOut").GetProperty(set).GetArrayLength().ShouldBe(3);
        summary.GetProperty("curriculumSha256").GetArrayLength().ShouldBe(2);
        summary.GetProperty("wallSeconds").GetDouble().ShouldBeGreaterThan(0);
        summary.GetProperty("seed").GetInt64().ShouldBe(11);
        foreach (var role in new[] { "generator", "solver" })
        {
            var sha = summary.GetProperty("policySha256").GetProperty(role).GetString()!;
            File.Exists(Path.Combine(miniature.Home, "policies", sha, "model.safetensors")).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Training_changed_both_policies()
    {
        var started = JsonDocument.Parse(
            (await Product.Toolr0Async(miniature.Environment, "status", MiniatureRun.Name, "--json")).Output).RootElement;
        var policies = started.GetProperty("runs")[0].GetProperty("policies");
        policies.GetProperty("generator").GetString().ShouldNotBe(policies.GetProperty("solver").GetString());
        started.GetProperty("runs")[0].GetProperty("status").GetString().ShouldBe("completed");
    }

    [Fact]
    public async Task The_report_can_be_rebuilt_from_the_events_alone()
    {
        var path = Path.Combine(miniature.Home, "runs", MiniatureRun.Name, "report.html");
        var before = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        before.ShouldContain("Held-out accuracy per iteration");
        var home = PrivateServers.NewHome();
        var environment = new Dictionary<string, string>(miniature.Environment) { ["TOOLR0_HOME"] = home };
        (await Product.Toolr0Async(environment, "report", MiniatureRun.Name)).ExitCode.ShouldBe(0);
        (await File.ReadAllTextAsync(Path.Combine(home, "runs", MiniatureRun.Name, "report.html"), TestContext.Current.CancellationToken))
            .ShouldBe(before);
        PrivateServers.Remove(home);
    }

    [Fact]
    public async Task No_held_out_item_is_in_a_curriculum()
    {
        var heldOut = HeldOut.Kinds
            .SelectMany(kind => HeldOutLines.Read(
                File.ReadAllText(Path.Combine(Path.GetDirectoryName(Product.Command)!, "assets", "heldout", kind + ".jsonl")), kind))
            .Select(item => Words(item.Task.Question)).ToHashSet();
        heldOut.Count.ShouldBeGreaterThan(900);

        var events = await ExportAsync();
        var proposals = events.Where(e => e.Type == "tasks_proposed").ToDictionary(e => e.Stream, e => e.Data);
        var selected = events.Where(e => e.Type == "curriculum_selected").SelectMany(e => e.Data.GetProperty("tasks").EnumerateArray()).ToList();
        selected.ShouldNotBeEmpty();
        foreach (var task in selected)
        {
            var reference = task.GetProperty("task");
            var sample = proposals[reference.GetProperty("stream").GetString()!].GetProperty("samples")[reference.GetProperty("index").GetInt32()];
            heldOut.ShouldNotContain(Words(ProposalParser.ParseForCurriculum(sample.GetProperty("text").GetString()!).Question!));
        }
    }

    [Fact]
    public async Task Only_what_the_Generator_wrote_reaches_the_Solvers_training()
    {
        var events = await ExportAsync();
        var trained = events.Where(e =>
            e.Type == "task_attempted" && e.Data.GetProperty("purpose").ToString().Equals("train", StringComparison.OrdinalIgnoreCase)).ToList();
        trained.ShouldNotBeEmpty();
        var selected = events.Where(e => e.Type == "task_selected").Select(e => e.Stream).ToHashSet();
        foreach (var attempt in trained)
            selected.ShouldContain(attempt.Data.GetProperty("task").GetProperty("stream").GetString());
    }

    [Fact]
    public async Task The_state_as_of_any_event_can_be_read()
    {
        var timeline = await Product.Toolr0Async(miniature.Environment, "replay", MiniatureRun.Name, "--json");
        var rows = timeline.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        rows[0].GetProperty("event").GetString().ShouldBe("run_started");
        rows[^1].GetProperty("event").GetString().ShouldBe("run_completed");
        var middle = rows.First(row => row.GetProperty("event").GetString() == "curriculum_selected");
        var state = await Product.Toolr0Async(miniature.Environment, "replay", MiniatureRun.Name, "--at", middle.GetProperty("sequence").ToString());
        var then = JsonDocument.Parse(state.Output).RootElement;
        then.GetProperty("status").GetString().ShouldBe("running");
        then.GetProperty("iteration").GetInt32().ShouldBe(1);
        then.GetProperty("evaluations").GetArrayLength().ShouldBe(ShippedPresets.Nano.Evaluation.Sets.Count);
    }

    [Fact]
    public async Task A_taken_name_is_refused()
    {
        var again = await Product.Toolr0Async(miniature.Environment, "run", "--run", MiniatureRun.Name);
        again.ExitCode.ShouldNotBe(0);
        again.ErrorLines.ShouldHaveSingleItem().ShouldContain($"there is a run '{MiniatureRun.Name}' already");
    }

    [Fact]
    public async Task A_policy_can_be_measured_by_its_hash_and_equals_the_runs_own_measurement()
    {
        var sha = miniature.Summary.GetProperty("policySha256").GetProperty("solver").GetString()!;
        var measured = await Product.Toolr0Async(
            miniature.Environment, "eval", "--policy", sha[..16], "--options", miniature.OptionsFile, "--set-file", "seen", "--limit", "6", "--json");
        measured.ExitCode.ShouldBe(0, measured.Errors);
        var exact = JsonDocument.Parse(measured.Output).RootElement.GetProperty("sets").GetProperty("seen").GetProperty("exact").GetDouble();
        exact.ShouldBe(miniature.Summary.GetProperty("heldOut").GetProperty("seen").EnumerateArray().Last().GetDouble(), 1e-9);
    }

    [Fact]
    public async Task An_interrupted_run_goes_on_and_ends_as_if_nothing_had_happened()
    {
        var home = PrivateServers.NewHome();
        var environment = new Dictionary<string, string> { ["TOOLR0_HOME"] = home, ["TOOLR0_POSTGRES"] = await miniature.CreateDatabaseAsync() };
        using (var process = Product.Start("dotnet", environment,
            [Product.Command, "run", "--run", "interrupted", "--options", miniature.OptionsFile]))
        {
            while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line
                && !line.Contains("generator", StringComparison.Ordinal))
                ;
            await Product.BashAsync(environment, "-c", $"kill -INT {process.Id}");
            var interrupted = await Product.EndAsync(process);
            interrupted.ExitCode.ShouldBe(130, interrupted.Errors);
            interrupted.Errors.ShouldContain("toolr0 run --resume interrupted");
        }

        var resumed = await Product.Toolr0Async(environment, "run", "--resume", "interrupted");
        resumed.ExitCode.ShouldBe(0, resumed.Errors);
        MiniatureRun.Identity(MiniatureRun.SummaryIn(home, "interrupted")).ShouldBe(MiniatureRun.Identity(miniature.Summary));
        (await Product.Toolr0Async(environment, "audit", "interrupted")).ExitCode.ShouldBe(0);
        PrivateServers.Remove(home);
    }

    private async Task<List<(string Type, string Stream, JsonElement Data)>> ExportAsync()
    {
        var path = Path.Combine(miniature.Home, $"{Guid.NewGuid():N}.jsonl");
        (await Product.Toolr0Async(miniature.Environment, "export", MiniatureRun.Name, "--out", path)).ExitCode.ShouldBe(0);
        return [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(e => (e.GetProperty("type").GetString()!, e.GetProperty("stream").GetString()!, e.GetProperty("data")))];
    }

    private static string Words(string question) => string.Join(' ', question.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
