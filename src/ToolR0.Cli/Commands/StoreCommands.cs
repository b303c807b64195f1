using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using ToolR0.Cli.Running;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Audit;
using ToolR0.ServiceDefaults;
using ToolR0.Tokenization;

namespace ToolR0.Cli.Commands;

/// <summary>What reads a run's stored facts: export, report, replay, audit; and the read models beside them.</summary>
internal static class StoreCommands
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static IEnumerable<Command> Create() => [Export(), Report(), Replay(), Audit(), Projections()];

    private static Command Export()
    {
        var (command, run) = StackCommands.WithRun("export", "Every event of a run as JSON Lines, in order");
        var output = new Option<string?>("--out") { Description = "Where to write (default: standard output)", HelpName = "FILE" };
        command.Add(output);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            var name = await StackCommands.KnownRunAsync(store, parsed.GetValue(run), cancellation);
            var export = store.GetRequiredService<RunExport>();
            if (parsed.GetValue(output) is not { } path)
            {
                await using var standard = Console.OpenStandardOutput();
                await export.WriteAsync(name, standard, cancellation);
                return 0;
            }

            var count = await OutputFile.WriteAsync(path, file => export.WriteAsync(name, file, cancellation));
            Console.Error.WriteLine(FormattableString.Invariant($"{count} events of {name} in {path}"));
            return 0;
        });
        return command;
    }

    private static Command Report()
    {
        var (command, run) = StackCommands.WithRun("report", "Write report.html and summary.json of a run anew from its events");
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            var name = await StackCommands.KnownRunAsync(store, parsed.GetValue(run), cancellation);
            var report = await RunFiles.ReadAsync(store, name, cancellation);
            var (html, summary) = RunFiles.Write(settings, report);
            if (common.Json(parsed))
                Console.Write(await File.ReadAllTextAsync(summary, cancellation));
            else
                Closing.Write(AnsiConsole.Console, report, html, summary, settings.CopyOut);
            return 0;
        });
        return command;
    }

    private static Command Replay()
    {
        var (command, run) = StackCommands.WithRun("replay", "What happened in a run, and its state as of any event");
        var at = new Option<long?>("--at") { Description = "The state as of this global sequence number instead of the timeline", HelpName = "SEQ" };
        var all = new Option<bool>("--all") { Description = "Every fact, not only those of the run's own stream" };
        command.Add(at);
        command.Add(all);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var store = ServiceHost.Store(common.Settings(parsed));
            var log = store.GetRequiredService<IFactLog>();
            var name = await StackCommands.KnownRunAsync(store, parsed.GetValue(run), cancellation);
            if (parsed.GetValue(at) is { } sequence)
            {
                var state = await RunTimeline.StateAsync(log, name, sequence, cancellation);
                if (state.Status == RunStatus.NotStarted)
                    throw new UserErrorException(FormattableString.Invariant($"run '{name}' had not started at {sequence}"));
                Console.WriteLine(JsonSerializer.Serialize(
                    state with { CompletedSteps = [.. state.CompletedSteps.TakeLast(1)] },
                        new JsonSerializerOptions(Json) { WriteIndented = !common.Json(parsed) }));
                return 0;
            }

            await foreach (var row in RunTimeline.ReadAsync(log, name, lifeOnly: !parsed.GetValue(all), cancellation: cancellation))
            {
                Console.WriteLine(common.Json(parsed)
                    ? JsonSerializer.Serialize(row, Json)
                    : string.Create(CultureInfo.InvariantCulture,
                        $"{row.Sequence,8}  {row.At:HH:mm:ss.fff}  {(parsed.GetValue(all) ? row.Stream + "  " : "")}{row.What}"));
            }

            return 0;
        });
        return command;
    }

    private static Command Audit()
    {
        var (command, run) =
            StackCommands.WithRun("audit", "Recompute every reward, advantage and selection of a run from its stored facts and compare");
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            var name = await StackCommands.KnownRunAsync(store, parsed.GetValue(run), cancellation);
            var (findings, facts, texts) = await CheckAsync(store, settings, name, cancellation);
            if (common.Json(parsed))
            {
                Console.WriteLine(JsonSerializer.Serialize(new { run = name, facts, textsChecked = texts, findings }, Json));
            }
            else
            {
                foreach (var finding in findings)
                    Console.WriteLine(finding);
                Console.WriteLine(FormattableString.Invariant(
                    $"{name}: {facts} facts, {findings.Count} differences{(texts ? "" : " (texts unchecked: the base model's folder is not here)")}"));
            }

            return findings.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static Command Projections()
    {
        var rebuild = new Command("rebuild",
            "Throw the read models (run summaries, table of steps, candidates, evaluated items) away and fold them from the events again");
        var common = new CommonOptions(rebuild, usesBus: false);
        rebuild.SetAction(async (parsed, cancellation) =>
        {
            await using var store = ServiceHost.Store(common.Settings(parsed));
            var database = store.GetRequiredService<EventStoreDatabase>();
            await ReadModels.RebuildAsync(database, cancellation);
            var progress = await ReadModels.ProgressAsync(database, cancellation);
            Console.WriteLine(common.Json(parsed)
                ? JsonSerializer.Serialize(new { sequence = progress }, Json)
                : FormattableString.Invariant($"read models hold every event up to {progress}"));
            return 0;
        });
        return new Command("projections", "What is kept for reading beside the events") { rebuild };
    }

    private static async Task<(IReadOnlyList<AuditFinding> Findings, long Facts, bool Texts)> CheckAsync(
        ServiceProvider store, Settings settings, string run, CancellationToken cancellation)
    {
        var log = store.GetRequiredService<IFactLog>();
        var state = await store.GetRequiredService<RunStates>().LoadAsync(run, cancellation);
        var folder = new PolicyStore(settings.PoliciesFolder).FolderOf(state.Base);
        var tokenizer = Directory.Exists(folder) ? Tokenizer.Load(folder) : null;
        var heldOut = new Dictionary<string, IReadOnlyList<HeldOutItem>>();
        foreach (var set in state.HeldOut)
            heldOut[Ids.HeldOutStream(set.Sha256)] = await log.ReadHeldOutAsync(set.Sha256, cancellation);

        var facts = 0L;
        async IAsyncEnumerable<StoredFact> Counted()
        {
            await foreach (var fact in log.ReadRunAsync(run, cancellation: cancellation))
            {
                facts++;
                yield return fact;
            }
        }

        var findings = new List<AuditFinding>();
        await foreach (var finding in RunAudit.CheckAsync(
            Counted(),
            tokenizer is null ? null : tokens => Text(tokenizer, tokens),
            tokenizer is null ? null : tokenizer.EncodePrompt,
            heldOut,
            tokenizer is null ? null : (results, so) => ToolResults.Encode(
                tokenizer, results, state.Options.Solver.ResultTokens, closed: so.Count > 0 && tokenizer.StopTokens.Contains(so[^1])),
            cancellation))
            findings.Add(finding);
        return (findings, facts, tokenizer is not null);
    }

    /// <summary>A completion's text as the sampler decodes it: without its end-of-turn token, without special tokens.</summary>
    private static string Text(Tokenizer tokenizer, IReadOnlyList<int> tokens)
    {
        var ended = tokens.Count > 0 && tokens[^1] == tokenizer.EndOfTurn;
        return tokenizer.Decode([.. ended ? tokens.Take(tokens.Count - 1) : tokens]);
    }
}
