using System.Net.Http.Json;
using System.Text.Json;
using ToolR0.Policies;
using ToolR0.TinyWorld;

namespace ToolR0.System.Tests;

/// <summary>What is done with a run's policy afterwards, by processes.</summary>
public sealed class ServingTests(MiniatureRun miniature) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-serving-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Solver => miniature.Summary.GetProperty("policySha256").GetProperty("solver").GetString()!;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_runs_policy_is_exported_and_is_asked_as_it_was()
    {
        var exported = Path.Combine(_folder, "out");
        var outcome = await Product.Toolr0Async(miniature.Environment, "export-model", MiniatureRun.Name, "--out", exported);
        outcome.ExitCode.ShouldBe(0, outcome.Errors);
        Policy.HashOf(exported).ShouldBe(Solver);
        var card = await File.ReadAllTextAsync(Path.Combine(exported, "README.md"), Cancellation);
        card.ShouldContain($"# {MiniatureRun.Name} (Solver, iteration 2)");
        foreach (var curriculum in miniature.Summary.GetProperty("curriculumSha256").EnumerateArray())
            card.ShouldContain(curriculum.GetString()!);

        string[] limit = ["--set-file", "seen", "--limit", "10", "--json"];
        var before = await Product.Toolr0Async(miniature.Environment, ["eval", "--policy", Solver, .. limit]);
        var after = await Product.Toolr0Async(miniature.Environment, ["eval", "--policy", exported, .. limit]);
        after.Output.ShouldBe(before.Output);
        (await Product.Toolr0Async(miniature.Environment, "export-model", MiniatureRun.Name, "--out", exported)).Errors.ShouldContain("not an empty");
    }

    [Fact]
    public async Task A_runs_policy_is_served_until_it_is_interrupted()
    {
        var key = Path.Combine(_folder, "keys");
        await File.WriteAllTextAsync(key, "secret\n", Cancellation);
        string[] arguments = ["serve-model", "--policy", MiniatureRun.Name, "--port", "0", "--api-key-file", key];
        using var process = Product.Start("dotnet", miniature.Environment, [Product.Command, .. arguments]);
        var line = await process.StandardError.ReadLineAsync(Cancellation) ?? "";
        line.ShouldStartWith($"serving {MiniatureRun.Name} ({Solver[..12]}, compact prompts) at http://127.0.0.1:");
        using var http = new HttpClient { DefaultRequestHeaders = { { "Authorization", "Bearer secret" } } };
        var item = HeldOut.Make(HeldOut.Seen, 1, 1)[0];
        using var response = await http.PostAsJsonAsync(
            new Uri($"{line.Split(" at ")[1]}/chat/completions"),
            new { model = MiniatureRun.Name, messages = new[] { new { role = "user", content = item.Task.Question } }, max_tokens = 20 },
            Cancellation);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        answer.GetProperty("choices").GetArrayLength().ShouldBe(1);
        (await Product.BashAsync(miniature.Environment, "-c", $"kill -INT {process.Id}")).ExitCode.ShouldBe(0);
        var outcome = await Product.EndAsync(process);
        outcome.ExitCode.ShouldBe(0, outcome.Errors);
        outcome.Errors.ShouldBe("stopping\n");
    }

    [Theory]
    [InlineData("neither a run nor a folder is called so", "serve-model", "--policy", "nobody")]
    [InlineData("--port 99999", "serve-model", "--port", "99999")]
    [InlineData("--host nowhere", "serve-model", "--host", "nowhere")]
    [InlineData("there is no such file", "chat", "--tools", "/no/such.json")]
    [InlineData("there is no run 'nobody'", "export-model", "nobody", "--out", "/tmp/never")]
    public async Task What_cannot_be_is_refused_in_one_line(string named, params string[] arguments)
    {
        var outcome = await Product.Toolr0Async(miniature.Environment, arguments);
        outcome.ExitCode.ShouldNotBe(0);
        outcome.ErrorLines.ShouldHaveSingleItem().ShouldContain(named);
    }
}
