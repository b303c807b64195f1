using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Policies;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.Tokenization;

namespace ToolR0.Serving.Export;

/// <summary>What is to be exported.</summary>
/// <param name="Iteration">After which; 0 is what the run's first iteration began with; null is the last.</param>
public sealed record ExportRequest(string Run, Role Role = Role.Solver, int? Iteration = null);

/// <summary>Writes a run's policy as a Hugging Face folder of its own, with a card that says where it comes from.</summary>
public static class ModelExport
{
    private const string Generation = "generation_config.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Reads the run and writes the folder.</summary>
    /// <param name="reader">Of the run's report.</param>
    /// <returns>The SHA-256 of the policy.</returns>
    /// <exception cref="UserErrorException">There is no such run or policy, or the folder is there and not empty, or cannot be written.</exception>
    public static async Task<string> WriteAsync(
        ExportRequest request, string folder, ReportReader reader, IFactLog log, PolicyStore policies, CancellationToken cancellation = default)
    {
        var report = await reader.ReadAsync(request.Run, cancellation);
        var sha = PolicyOf(report.State, request);
        if (!policies.Contains(sha))
            throw new UserErrorException($"the policy {sha[..12]} of run '{request.Run}' is not in {policies.FolderOf(sha)}");
        var measured = new List<BenchmarkCompleted>();
        await foreach (var fact in log.ReadFactsAsync("benchmark", [typeof(BenchmarkCompleted)], cancellation))
        {
            if (fact.Fact is BenchmarkCompleted completed && (completed.By == sha || completed.By == report.State.Base))
                measured.Add(completed);
        }

        Write(folder, incoming => Fill(incoming, sha, policies, new ModelCard(report, request, sha, measured)));
        return sha;
    }

    /// <summary>The role's policy after an iteration: what its last step left until then.</summary>
    /// <exception cref="UserErrorException">The run has not come so far.</exception>
    public static string PolicyOf(RunState state, ExportRequest request)
    {
        if (request.Iteration is not { } iteration)
            return state.Policies[request.Role];
        if (iteration < 0 || iteration > state.Iteration)
            throw new UserErrorException($"--iteration {iteration}: run '{state.Run}' has iterations 0 to {state.Iteration}");
        return state.CompletedSteps.FindLast(step => step.Iteration <= iteration && step.Policy is not null
            && (step.Phase.Trains() == request.Role || state.Options.SharedWeights))?.Policy ?? state.Base;
    }

    private static void Fill(string folder, string sha, PolicyStore policies, ModelCard card)
    {
        policies.CopyTo(sha, folder);
        if (!File.Exists(Path.Combine(folder, Generation)))
        {
            var tokenizer = Tokenizer.Load(folder);
            File.WriteAllText(Path.Combine(folder, Generation), JsonSerializer.Serialize(
                new { do_sample = false, eos_token_id = tokenizer.StopTokens, pad_token_id = tokenizer.Pad }, Indented) + "\n");
        }

        if (!File.Exists(Path.Combine(folder, TrainedWith.FileName)))
            TrainedWith.Write(folder, card.Options);
        File.WriteAllText(Path.Combine(folder, "README.md"), card.ToMarkdown());
        if (Policy.HashOf(folder) is var written && written != sha)
            throw new IOException($"the weights written have the SHA-256 {written}, not {sha}");
    }

    /// <summary>Beside the folder first: under its name it is whole or not there.</summary>
    private static void Write(string folder, Action<string> fill)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(target) || Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw new UserErrorException($"--out {folder}: is there already and not an empty folder");
        var incoming = $"{target}.incoming-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(incoming);
            fill(incoming);
            if (Directory.Exists(target))
                Directory.Delete(target);
            Directory.Move(incoming, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--out {folder}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
        finally
        {
            if (Directory.Exists(incoming))
                Directory.Delete(incoming, recursive: true);
        }
    }
}
