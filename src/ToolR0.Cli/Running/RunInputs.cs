using System.Text;
using System.Text.RegularExpressions;
using ToolR0.Contracts;
using ToolR0.Policies;
using ToolR0.SelfPlay.World;

namespace ToolR0.Cli.Running;

/// <summary>A held-out set as it will be registered.</summary>
public sealed record LoadedSet(HeldOutSet Set, IReadOnlyList<HeldOutItem> Items);

/// <summary>What a run is made of beside its options: checked before anything is written.</summary>
public static partial class RunInputs
{
    /// <summary>Items of a fresh set.</summary>
    public const int FreshCount = 500;

    /// <summary>The folder of the model that the repository ships.</summary>
    public static string ShippedBase => Path.Combine(AppContext.BaseDirectory, "assets", "base-nano");

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    private static partial Regex RunName { get; }

    /// <exception cref="CliError">Not a name.</exception>
    public static string CheckedName(string run) =>
        RunName.IsMatch(run) ? run : throw new CliError($"run name '{run}': must be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first");

    /// <summary>The base model's folder, looked at but not loaded.</summary>
    /// <exception cref="CliError">It is missing or is not a model folder.</exception>
    public static string CheckedBase(string? folder, RunOptions options)
    {
        if (folder is null && options.Prompts.Set != PromptSet.Compact)
            throw new CliError($"preset {options.Preset} needs --base: a folder with a Hugging Face model, e.g. Qwen2.5-1.5B-Instruct");
        var path = CheckedModel(folder, Policy.HashOf);
        var positions = ModelConfig.Load(path).MaxPositions;
        return positions >= options.Prompts.MaxPromptTokens
            ? path
            : throw new CliError($"--base {path}: the model has {positions} positions, fewer than prompts.maxPromptTokens ({options.Prompts.MaxPromptTokens})");
    }

    /// <summary>A model's folder (the shipped one for null), looked at but not loaded.</summary>
    /// <param name="look">A further look at the folder; what it finds wrong is refused likewise.</param>
    /// <exception cref="CliError">It is missing or is not a model folder.</exception>
    public static string CheckedModel(string? folder, Func<string, object?>? look = null)
    {
        var path = Path.GetFullPath(folder ?? ShippedBase);
        if (!Directory.Exists(path))
            throw new CliError($"--base {path}: there is no such folder");
        try
        {
            ModelConfig.Load(path);
            foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
            {
                if (!File.Exists(Path.Combine(path, file)))
                    throw new CliError($"--base {path}: {file} is missing");
            }

            look?.Invoke(path);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new CliError($"--base {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }

        return path;
    }

    /// <summary>The run's held-out sets, in the order of the options.</summary>
    /// <param name="freshSeed">Draws the sets <c>seen</c> and <c>unseen</c> anew instead of taking the shipped ones.</param>
    /// <exception cref="CliError">A set that is not there or is malformed.</exception>
    public static IReadOnlyList<LoadedSet> HeldOutSets(RunOptions options, long? freshSeed) => [.. options.Evaluation.Sets.Select(name => Load(name, freshSeed))];

    /// <summary>A shipped set by name, or a JSON Lines file by path.</summary>
    public static LoadedSet Load(string name, long? freshSeed = null)
    {
        var kind = HeldOut.Kinds.Contains(name);
        var path = kind ? Path.Combine(AppContext.BaseDirectory, "assets", "heldout", name + ".jsonl") : Path.GetFullPath(name);
        try
        {
            var bytes = kind && freshSeed is { } seed
                ? Encoding.UTF8.GetBytes(HeldOutLines.Write(HeldOut.Make(name, FreshCount, seed)))
                : File.ReadAllBytes(path);
            var items = HeldOutLines.Read(Encoding.UTF8.GetString(bytes), kind ? name : path);
            return new LoadedSet(new HeldOutSet(kind ? name : Path.GetFileNameWithoutExtension(path), Digests.Sha256Hex(bytes), items.Count), items);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliError($"held-out set '{name}': there is no {path}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new CliError($"held-out set '{name}': {e.Message.ReplaceLineEndings(" ")}");
        }
    }
}
