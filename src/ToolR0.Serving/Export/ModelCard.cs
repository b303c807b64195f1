using System.Globalization;
using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;

namespace ToolR0.Serving.Export;

/// <summary>What a model's README.md says: only what the run's events say.</summary>
/// <param name="measured">On public sets: the policy and its base.</param>
public sealed class ModelCard(RunReport report, ExportRequest request, string sha, IReadOnlyList<BenchmarkCompleted> measured)
{
    /// <summary>The run's options.</summary>
    public RunOptions Options => report.State.Options;

    /// <summary>SHA-256 of the options as they are written.</summary>
    public string OptionsDigest => Digests.Sha256Hex(RunOptionsJson.Write(Options));

    private int Iteration => request.Iteration ?? report.State.Iteration;

    private string Role => request.Role.ToString();

    /// <summary>The whole file: a head in YAML, then the text.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        Head(text);
        text.Append(CultureInfo.InvariantCulture, $"""
            # {report.State.Run} ({Role}, iteration {Iteration})

            A {Role} that taught itself to {(request.Role == Contracts.Role.Solver ? "call tools" : "write tasks for tools")} by self-play,
            trained with ToolR0.Pipeline. Every number here is from the events of its run.

            | | |
            |---|---|
            | weights, SHA-256 | `{sha}` |
            | run | `{report.State.Run}` ({report.State.Status.ToString().ToLowerInvariant()}), started {report.StartedAt:yyyy-MM-dd} |
            | role, iteration | {Role}, {Iteration} of {Options.Iterations} |
            | base | {Base()} |
            | base, SHA-256 | `{report.State.Base}` |
            | preset, seed | `{Options.Preset}`, {Options.Seed} |
            | options, SHA-256 | `{OptionsDigest}` |
            | product version | {report.ProductVersion} |
            | prompts | set `{RunOptionsJson.Text(Options.Prompts.Set).Trim('"')}` (`toolr0.json`) |
            {Catalogue()}

            """);
        Accuracies(text);
        Benchmarks(text);
        Curricula(text);
        Use(text);
        return text.ToString();
    }

    private void Head(StringBuilder text)
    {
        var origin = report.State.Origin;
        text.Append("---\n");
        text.Append(CultureInfo.InvariantCulture, $"base_model: {Quoted(origin?.Repository ?? $"sha256:{report.State.Base}")}\n");
        text.Append("library_name: transformers\npipeline_tag: text-generation\n");
        text.Append("tags:\n- tool-calling\n- function-calling\n- reinforcement-learning\n- self-play\n- grpo\n- toolr0\n---\n\n");
    }

    private string Base()
    {
        if (report.State.Origin is not { } origin)
            return "a folder";
        var commit = origin.Commit is null ? "" : $", commit `{origin.Commit}`";
        var file = origin.FileSha256 is null ? "" : $", file's SHA-256 `{origin.FileSha256}`";
        return $"`{origin}`{commit}{file}";
    }

    private string Catalogue() =>
        Options.Tools.CatalogueSha256 is { Length: > 0 } digest ? $"| tools trained on, SHA-256 | `{digest}` |\n" : "";

    private void Accuracies(StringBuilder text)
    {
        var rows = report.State.HeldOut.Select(set => (Set: set, Accuracy: report.State.AccuracyOf(set.Name)))
            .Where(row => row.Accuracy.Count > 0).ToList();
        if (rows.Count == 0)
            return;
        text.Append("## Accuracy\n\nExact match of the Solver, greedily, on sets that it never saw.\n\n| set | items | base |");
        var last = Math.Min(Iteration, rows.Max(row => row.Accuracy.Count) - 1);
        for (var i = 1; i <= last; i++)
            text.Append(CultureInfo.InvariantCulture, $" iteration {i} |");
        text.Append("\n|---|---|---|").Append(string.Concat(Enumerable.Repeat("---|", last))).Append('\n');
        foreach (var (set, accuracy) in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {set.Name} | {report.State.MeasuredOn(set.Name)[0].Items} |");
            for (var i = 0; i <= last; i++)
                text.Append(i < accuracy.Count && accuracy[i] is { } share ? $" {Percent(share)} |" : " |");
            text.Append('\n');
        }

        text.Append('\n');
    }

    private void Benchmarks(StringBuilder text)
    {
        if (measured.Count == 0)
            return;
        text.Append("## Public sets\n\n| set | items | of | right |\n|---|---|---|---|\n");
        foreach (var result in measured.OrderBy(result => result.Benchmark, StringComparer.Ordinal).ThenBy(result => result.By == sha))
            text.Append(CultureInfo.InvariantCulture,
                $"| {result.Benchmark} | {result.Items} | {(result.By == sha ? "this model" : "base")} | {Percent(result.Accuracy)} |\n");
        text.Append('\n');
    }

    private void Curricula(StringBuilder text)
    {
        var curricula = report.State.Curricula.Values.Where(curriculum => curriculum.Iteration <= Iteration).ToList();
        if (curricula.Count == 0)
            return;
        text.Append("## Curricula\n\nThe tasks that it wrote for itself.\n\n| iteration | tasks | candidates | SHA-256 |\n|---|---|---|---|\n");
        foreach (var curriculum in curricula)
            text.Append(CultureInfo.InvariantCulture,
                $"| {curriculum.Iteration} | {curriculum.Tasks.Count} | {curriculum.Candidates} | `{curriculum.Sha256}` |\n");
        text.Append('\n');
    }

    private void Use(StringBuilder text)
    {
        text.Append("""
            ## Use

            Served to clients of OpenAI's interface, asked as in training:

            ```sh
            toolr0 serve-model --policy .
            toolr0 chat --policy . --tools mcp.json
            ```

            With transformers, which asks with the chat template alone:

            ```python
            from transformers import AutoModelForCausalLM, AutoTokenizer
            tokenizer = AutoTokenizer.from_pretrained(".")
            model = AutoModelForCausalLM.from_pretrained(".")
            turns = [{"role": "user", "content": "…"}]
            prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
            print(tokenizer.decode(model.generate(**prompt, max_new_tokens=128)[0]))
            ```


            """);
        var adapter = Options.Learning.Lora.Rank > 0 ? " adapter/*.safetensors" : "";
        text.Append(CultureInfo.InvariantCulture, $"""
            ## Audit

            `toolr0 audit {report.State.Run}` recomputes every reward, advantage and selection of the run from its stored facts;
            `toolr0 export {report.State.Run}` writes them. The weights are these if
            `cat *.safetensors{adapter} | sha256sum` says `{sha}`.

            """);
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    private static string Quoted(string text) => JsonSerializer.Serialize(text);
}
