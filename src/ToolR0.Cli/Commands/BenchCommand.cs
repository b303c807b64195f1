using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Benchmarks;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 bench</c>: how fast this machine samples, learns and tokenizes, beside its measured limits.</summary>
internal static class BenchCommand
{
    private static readonly string[] Parts = ["rollouts", "step", "tokenizer"];

    public static Command Create()
    {
        var command = new Command("bench", "How fast this machine samples, learns and tokenizes, beside its measured limits");
        var model = new Option<string?>("--base") { Description = $"A model instead of random weights: {RunFlags.Kinds}", HelpName = "MODEL" };
        var shape = new Option<string>("--shape")
        {
            Description = $"nano, {string.Join(", ", ModelShapes.Names)}",
            HelpName = "NAME",
            DefaultValueFactory = _ => "bench-small"
        };
        var precision = new Option<Precision>("--precision") { Description = "auto, float32 or bfloat16 (policies.precision)", HelpName = "NAME" };
        var only = new Option<string[]>("--only") { Description = "rollouts, step or tokenizer; may be repeated (default: all)", HelpName = "PART" };
        var batch = new Option<int[]>("--batch") { Description = "Completions at a time; may be repeated (default: 32)", HelpName = "N" };
        var group = new Option<int>("--group") { Description = "Completions that share a prompt", HelpName = "G", DefaultValueFactory = _ => 8 };
        var prompt = new Option<int[]>("--prompt") { Description = "Tokens of a prompt; may be repeated (default: 128)", HelpName = "N" };
        var fresh = new Option<int[]>("--new") { Description = "Tokens of a completion; may be repeated (default: 128)", HelpName = "N" };
        var threads = new Option<int>("--threads")
        {
            Description = "Threads inside one operation",
            HelpName = "N",
            DefaultValueFactory = _ =>
            Environment.ProcessorCount
        };
        var parts = new Option<int>("--gradient-parts")
        {
            Description = "Parts of a step computed side by side (on the CPU)",
            HelpName = "N",
            DefaultValueFactory = _ => 1
        };
        var micro = new Option<int>("--micro-batch")
        {
            Description = "Positions in one pass of a step (learning.microBatchTokens)",
            HelpName = "N",
            DefaultValueFactory = _ => 2048
        };
        var recompute = new Option<bool>("--recompute") { Description = "Compute layers again in the step's backward pass (learning.recompute)" };
        var repeat = new Option<int>("--repeat") { Description = "Runs of each; the median counts", HelpName = "N", DefaultValueFactory = _ => 3 };
        foreach (var option in (Option[])[shape, model, precision, only, batch, group, prompt, fresh, threads, parts, micro, recompute, repeat])
            command.Add(option);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var selected = parsed.GetValue(only) is { Length: > 0 } some ? some : Parts;
            if (selected.FirstOrDefault(p => !Parts.Contains(p)) is { } unknown)
                throw new UserErrorException($"--only {unknown}: must be rollouts, step or tokenizer");
            var named = parsed.GetValue(model);
            var found = named is null ? null
                : await common.FindAsync(parsed, named, finder => finder.ModelAsync(named, TinyWorldAssets.BaseNano, cancellation));
            var measured = BenchmarkModel.Of(parsed.GetValue(shape)!, found?.Path, TinyWorldAssets.BaseNano);
            TorchRuntime.Configure(Positive("--threads", parsed.GetValue(threads)));
            var repeats = Positive("--repeat", parsed.GetValue(repeat));
            var works = Works(measured.Config, parsed.GetValue(batch), parsed.GetValue(group), parsed.GetValue(prompt), parsed.GetValue(fresh));
            using var policy = measured.Open(parsed.GetValue(precision), TinyWorldAssets.BaseNano);
            var limits = MachineLimits.Measure(policy.Model.Device, policy.Model.Type);
            var bench = new PolicyBenchmark(policy, limits, repeats);
            var learning = new LearningOptions
            {
                GradientParts = Positive("--gradient-parts", parsed.GetValue(parts)),
                MicroBatchTokens = Positive("--micro-batch", parsed.GetValue(micro)),
                Recompute = parsed.GetValue(recompute),
            };
            var rollouts = selected.Contains("rollouts") ? works.Select(work => bench.Rollouts(work, cancellation)).ToList() : [];
            var steps = selected.Contains("step") ? Steps(bench, policy, works, learning) : [];
            var tokenizer = selected.Contains("tokenizer") ? TokenizerResult.Measure(policy.Tokenizer, 1_000_000, repeats) : null;
            var report = new Report(
                measured.Name, policy.Config.ParameterCount, TorchRuntime.Describe(), policy.Model.Device.ToString(),
                policy.Model.Type.ToString(), limits, rollouts, steps, tokenizer);
            if (common.Json(parsed))
                Console.WriteLine(JsonSerializer.Serialize(report, new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }));
            else
                Show(report);
            return 0;
        });
        return command;
    }

    private sealed record Report(
        string Shape, long Parameters, string Machine, string Device, string Type, MachineLimits Limits,
        IReadOnlyList<RolloutResult> Rollouts, IReadOnlyList<StepResult> Steps, TokenizerResult? Tokenizer);

    private static List<StepResult> Steps(PolicyBenchmark bench, Policy policy, IReadOnlyList<BenchmarkWork> works, LearningOptions options)
    {
        using var learner = GrpoLearner.Start(policy, options);
        return [.. works.Select(work => bench.Step(work, learner))];
    }

    private static List<BenchmarkWork> Works(ModelConfig config, int[]? batches, int group, int[]? prompts, int[]? lengths)
    {
        var works = new List<BenchmarkWork>();
        foreach (var b in batches is { Length: > 0 } ? batches : [32])
        {
            foreach (var p in prompts is { Length: > 0 } ? prompts : [128])
            {
                foreach (var n in lengths is { Length: > 0 } ? lengths : [128])
                {
                    Positive("--batch", b);
                    Positive("--prompt", p);
                    Positive("--new", n);
                    if (Positive("--group", group) > b || b % group != 0)
                        throw new UserErrorException(FormattableString.Invariant($"--group {group}: must divide --batch {b}"));
                    if ((long)p + n > config.MaxPositions)
                        throw new UserErrorException(
                            FormattableString.Invariant($"--prompt {p} --new {n}: together more than the shape's {config.MaxPositions} positions"));
                    works.Add(new BenchmarkWork(b, group, p, n));
                }
            }
        }

        return works;
    }

    private static int Positive(string option, int value) =>
        value >= 1 ? value : throw new UserErrorException(FormattableString.Invariant($"{option} {value}: must be at least 1"));

    private static void Show(Report report)
    {
        static string F(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        AnsiConsole.WriteLine(F($"{report.Shape}: {report.Parameters / 1e6:0.0} M parameters, {report.Type}, {report.Device}; {report.Machine}"));
        AnsiConsole.WriteLine(
            F($"limits: memory {report.Limits.BytesPerSecond / 1e9:0.0} GB/s, large matrix products {report.Limits.FlopsPerSecond / 1e9:0} GFLOP/s"));
        if (report.Rollouts.Count > 0)
        {
            var table = new Table().Border(TableBorder.Simple).Title("rollouts")
                .AddColumns("batch", "group", "prompt", "new", "tokens/s", "memory roofline", "compute roofline", "of roofline", "weights MB/step",
                    "cache kB/token", "products at batch");
            foreach (var r in report.Rollouts)
            {
                table.AddRow(
                    F($"{r.Work.Batch}"), F($"{r.Work.Group}"), F($"{r.Work.Prompt}"), F($"{r.Work.New}"), F($"{r.TokensPerSecond:0}"),
                    F($"{r.MemoryRoofline:0}"),
                    F($"{r.ComputeRoofline:0}"), F($"{100 * r.OfRoofline:0} %"), F($"{r.WeightBytesPerStep / 1e6:0.0}"),
                    F($"{r.CacheBytesPerToken / 1e3:0.0}"),
                    F($"{r.GemmAtBatch / 1e9:0} GFLOP/s"));
            }

            AnsiConsole.Write(table);
        }

        if (report.Steps.Count > 0)
        {
            var table = new Table().Border(TableBorder.Simple).Title("GRPO step")
                .AddColumns("batch", "group", "prompt", "new", "seconds", "tokens/s", "rows", "TFLOP", "MFU");
            foreach (var s in report.Steps)
            {
                table.AddRow(
                    F($"{s.Work.Batch}"), F($"{s.Work.Group}"), F($"{s.Work.Prompt}"), F($"{s.Work.New}"), F($"{s.Seconds:0.000}"),
                    F($"{s.TokensPerSecond:0}"), F($"{s.Rows}"),
                    F($"{s.Flops / 1e12:0.00}"), F($"{100 * s.Utilisation:0} %"));
            }

            AnsiConsole.Write(table);
        }

        if (report.Tokenizer is { } t)
            AnsiConsole.WriteLine(
                F($"tokenizer: {t.MegabytesPerSecond:0.0} MB/s encoding, {t.DecodeMegabytesPerSecond:0.0} MB/s decoding of {t.Bytes / 1e6:0.0} MB ({t.Tokens} tokens); UTF-8 alone {t.Utf8MegabytesPerSecond:0} MB/s"));
    }
}
