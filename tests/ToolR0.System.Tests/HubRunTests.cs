using System.Text.Json;
using ToolR0.Policies;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>Runs that start from the hub: a server of its protocol on this machine offers base-nano.</summary>
public sealed class HubRunTests(MiniatureRun miniature) : IDisposable
{
    private static readonly string Base = Path.Combine(Path.GetDirectoryName(Product.Command)!, "assets", "base-nano");

    private readonly HubServer _server = new HubServer().With(Base);
    private readonly string _home = PrivateServers.NewHome();

    public void Dispose()
    {
        _server.Dispose();
        PrivateServers.Remove(_home);
    }

    [Fact]
    public async Task A_run_says_which_commit_it_began_with_and_goes_on_with_it_without_the_hub()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var environment = Environment(await miniature.CreateDatabaseAsync());
        using (var process = Product.Start("dotnet", environment,
            [Product.Command, "run", "--run", "hub", "--options", miniature.OptionsFile, "--base", HubServer.Repository]))
        {
            while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line && !line.Contains("generator", StringComparison.Ordinal))
                ;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(cancellation);
        }

        // The branch moves on, and then the hub is away.
        _server.Revisions["main"] = new string('f', 40);
        _server.Dispose();
        var resumed = await Product.Toolr0Async(environment, "run", "--resume", "hub");
        resumed.ExitCode.ShouldBe(0, resumed.Errors);
        var summary = MiniatureRun.SummaryIn(_home, "hub");
        MiniatureRun.Identity(summary).ShouldBe(MiniatureRun.Identity(miniature.Summary), "the same base, from a folder");
        var origin = summary.GetProperty("baseOrigin");
        origin.GetProperty("repository").GetString().ShouldBe(HubServer.Repository);
        origin.GetProperty("revision").GetString().ShouldBe("main");
        origin.GetProperty("commit").GetString().ShouldBe(HubServer.Commit);
        (await Product.Toolr0Async(environment, "replay", "hub")).Output.ShouldContain($"({HubServer.Repository}@{HubServer.Commit})");
        (await Product.Toolr0Async(environment, "audit", "hub")).Output.ShouldContain("0 differences");
    }

    [Fact]
    public async Task Two_processes_at_once_load_a_model_once()
    {
        _server.Pause = TimeSpan.FromMilliseconds(50);
        var environment = Environment("");
        string[] ask = ["generate", "--base", HubServer.Repository, "--prompt", "a", "--max-new", "2", "--json"];
        var outcomes = await Task.WhenAll(Product.Toolr0Async(environment, ask), Product.Toolr0Async(environment, ask));
        foreach (var outcome in outcomes)
        {
            outcome.ExitCode.ShouldBe(0, outcome.Errors);
            JsonDocument.Parse(outcome.Output).RootElement.GetProperty("policy").GetString().ShouldBe(Policy.HashOf(Base));
        }

        foreach (var file in (string[])["model.safetensors", "config.json", "tokenizer.json"])
            _server.Contents(file).ShouldBe(1, file);
        environment["HF_HUB_OFFLINE"] = "1";
        (await Product.Toolr0Async(environment, ask)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_refusal_is_one_line_and_shows_no_token()
    {
        var environment = Environment("");
        environment["HF_TOKEN"] = "hf_secret";
        (_server.Token, _server.Refusal) = ("hf_right", (403, "GatedRepo"));
        var outcome = await Product.Toolr0Async(environment, "generate", "--base", HubServer.Repository, "--prompt", "a");
        outcome.ExitCode.ShouldBe(1);
        outcome.ErrorLines.ShouldHaveSingleItem().ShouldContain("the model is gated: accept its terms");
        (outcome.Output + outcome.Errors).ShouldNotContain("hf_secret");
    }

    private Dictionary<string, string> Environment(string postgres)
    {
        var environment = new Dictionary<string, string>
        {
            ["TOOLR0_HOME"] = _home,
            ["HF_ENDPOINT"] = _server.Endpoint,
            ["HF_HOME"] = Path.Combine(_home, "huggingface"),
            ["HF_HUB_OFFLINE"] = "",
            ["HF_HUB_CACHE"] = "",
        };
        if (postgres.Length > 0)
            environment["TOOLR0_POSTGRES"] = postgres;
        return environment;
    }
}
