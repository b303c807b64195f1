using System.Text.Json;
using ToolR0.Policies;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run that trains adapters instead of all weights.</summary>
public sealed class LoraRunTests(MiniatureRun miniature)
{
    private const string OptionsJson = """
        {
          "seed": 11, "iterations": 2,
          "generator": { "steps": 1, "promptsPerStep": 4, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 40, "selected": 8, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 2, "promptsPerStep": 4, "groupSize": 4, "learningRate": 2e-3 },
          "learning": { "lora": { "rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj", "down_proj"] } },
          "evaluation": { "sets": ["seen"], "limit": 6 }
        }
        """;

    private static readonly string Base = Path.Combine(Path.GetDirectoryName(Product.Command)!, "assets", "base-nano");

    [Fact]
    public async Task A_run_with_adapters_ends_audits_and_leaves_adapters_over_its_untouched_base()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (home, environment, options) = await miniature.NewHomeAsync(OptionsJson);

        await Product.PlayAndAuditAsync(environment, "adapters", options);

        var root = Policy.HashOfWeights(Base);
        Policy.HashOf(Path.Combine(home, "policies", root)).ShouldBe(root);
        var policies = MiniatureRun.SummaryIn(home, "adapters").GetProperty("policySha256");
        var (generator, solver) = (policies.GetProperty("generator").GetString()!, policies.GetProperty("solver").GetString()!);
        generator.ShouldNotBe(solver);
        foreach (var sha in new[] { generator, solver })
        {
            // After two iterations: still one adapter over the run's base, and the policy is the two together.
            var folder = Path.Combine(home, "policies", sha);
            var config = JsonDocument.Parse(
                await File.ReadAllTextAsync(Path.Combine(folder, "adapter", "adapter_config.json"), cancellation)).RootElement;
            Path.GetFileName(config.GetProperty("base_model_name_or_path").GetString()).ShouldBe(root);
            config.GetProperty("target_modules").GetArrayLength().ShouldBe(3);
            var adapted = await GenerateAsync("--base", Base, "--adapter", Path.Combine(folder, "adapter"));
            adapted.ShouldBe(await GenerateAsync("--base", sha));
            adapted.ShouldNotBe(await GenerateAsync("--base", Base));
        }

        var wrong = await Product.Toolr0Async(environment, "generate", "--prompt", "a", "--base", solver, "--adapter",
            Path.Combine(home, "policies", solver, "adapter"));
        wrong.ExitCode.ShouldNotBe(0);
        wrong.ErrorLines.ShouldHaveSingleItem()
            .ShouldEndWith($"base_model_name_or_path names policy {root}; the weights in {Path.Combine(home, "policies", solver)} are {Policy.HashOfWeights(Path.Combine(home, "policies", solver))}");
        PrivateServers.Remove(home);

        async Task<string> GenerateAsync(params string[] model)
        {
            var outcome = await Product.Toolr0Async(environment,
                ["generate", .. model, "--prompt", "convert 5 miles", "--greedy", "--max-new", "24", "--json"]);
            outcome.ExitCode.ShouldBe(0, outcome.Errors);
            return JsonDocument.Parse(outcome.Output).RootElement.GetProperty("completion").GetRawText();
        }
    }
}
