using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;

namespace ToolR0.Policies.Storage;

/// <summary>The folder of a model that a person named: checked before anything is written.</summary>
public static class BaseFolder
{
    /// <summary>The base model's folder, looked at but not loaded.</summary>
    /// <param name="shipped">The folder that null stands for, with the compact prompts.</param>
    /// <exception cref="UserErrorException">It is missing or is not a model folder.</exception>
    public static string CheckedBase(string? folder, RunOptions options, string shipped)
    {
        if (folder is null && options.Prompts.Set != PromptSet.Compact)
            throw new UserErrorException($"preset {options.Preset} needs --base: a folder with a Hugging Face model, e.g. Qwen2.5-1.5B-Instruct");
        var path = CheckedModel(folder, shipped, Policy.HashOf);
        var positions = ModelConfig.Load(path).MaxPositions;
        return positions >= options.Prompts.MaxPromptTokens
            ? path
            : throw new UserErrorException(
                $"--base {path}: the model has {positions} positions, fewer than prompts.maxPromptTokens ({options.Prompts.MaxPromptTokens})");
    }

    /// <summary>A model's folder (the shipped one for null), looked at but not loaded.</summary>
    /// <param name="shipped">The folder that null stands for.</param>
    /// <param name="look">A further look at the folder; what it finds wrong is refused likewise.</param>
    /// <exception cref="UserErrorException">It is missing or is not a model folder.</exception>
    public static string CheckedModel(string? folder, string shipped, Func<string, object?>? look = null)
    {
        var path = Path.GetFullPath(folder ?? shipped);
        if (!Directory.Exists(path))
            throw new UserErrorException($"--base {path}: there is no such folder");
        try
        {
            // What may not be listed looks empty to everything below.
            _ = Directory.EnumerateFileSystemEntries(path).Any();
            ModelConfig.Load(path);
            foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
            {
                if (!File.Exists(Path.Combine(path, file)))
                    throw new UserErrorException($"--base {path}: {file} is missing");
            }

            look?.Invoke(path);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--base {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }

        return path;
    }
}
