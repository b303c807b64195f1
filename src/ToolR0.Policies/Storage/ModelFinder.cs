using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Gguf;
using ToolR0.Policies.Hub;
using ToolR0.Policies.Model;

namespace ToolR0.Policies.Storage;

/// <summary>A model that was named, found and looked at, but not loaded.</summary>
/// <param name="Path">Absolute: a Hugging Face folder or a GGUF file.</param>
/// <param name="Origin">Where it came from; null for a folder.</param>
public sealed record FoundModel(string Path, BaseOrigin? Origin = null);

/// <summary>
/// The one place where what a person names becomes a model on this disk: a Hugging Face folder, a GGUF file, a policy of the home folder by its
/// SHA-256 or the beginning of it, or <c>org/name[@revision]</c> on the hub. Nothing but the hub's cache is written.
/// </summary>
/// <param name="policiesFolder">Of the home folder's policies.</param>
/// <param name="progress">Told while something is loaded from the hub.</param>
public sealed class ModelFinder(string policiesFolder, HubSettings hub, IProgress<HubProgress>? progress = null)
{
    private const int ShortestBeginning = 6;

    /// <summary>Whether finding this model may ask the hub.</summary>
    public static bool IsOnHub(string? named) =>
        named is not null && !Directory.Exists(named) && !File.Exists(named) && HubName.Parse(named) is not null;

    /// <summary>The model that a run starts from.</summary>
    /// <param name="shipped">The folder that null stands for, with the compact prompts.</param>
    /// <exception cref="UserErrorException">It cannot be had, is not a model, or does not fit the options.</exception>
    public async Task<FoundModel> BaseAsync(string? named, RunOptions options, string shipped, CancellationToken cancellation)
    {
        if (named is null && options.Prompts.Set != PromptSet.Compact)
        {
            throw new UserErrorException(
                $"preset {options.Preset} needs --base: a Hugging Face folder, a GGUF file or a model on the hub, e.g. Qwen/Qwen2.5-1.5B-Instruct");
        }

        var found = await ModelAsync(named, shipped, cancellation, path => GgufModel.Is(path) ? null : Policy.HashOf(path));
        using var model = StoredModel.Open(found.Path);
        Checked(found.Path, model.LoadTokenizer);
        return model.Config.MaxPositions >= options.Prompts.MaxPromptTokens
            ? found
            : throw new UserErrorException(
                $"--base {found.Path}: the model has {model.Config.MaxPositions} positions, fewer than prompts.maxPromptTokens ({options.Prompts.MaxPromptTokens})");
    }

    /// <summary>A model (the shipped one for null).</summary>
    /// <param name="shipped">The folder that null stands for.</param>
    /// <param name="look">A further look at what is at the path; what it finds wrong is refused likewise.</param>
    /// <exception cref="UserErrorException">It cannot be had or is not a model.</exception>
    public async Task<FoundModel> ModelAsync(string? named, string shipped, CancellationToken cancellation, Func<string, object?>? look = null)
    {
        var found = await FindAsync(named ?? shipped, cancellation);
        return Checked(found.Path, () =>
        {
            if (GgufModel.Is(found.Path))
                GgufModel.Open(found.Path).Dispose();
            else
                LookAtFolder(found.Path);
            look?.Invoke(found.Path);
            return found;
        });
    }

    private static T Checked<T>(string path, Func<T> look)
    {
        try
        {
            return look();
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--base {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    private async Task<FoundModel> FindAsync(string named, CancellationToken cancellation)
    {
        if (Directory.Exists(named))
            return new FoundModel(Path.GetFullPath(named));
        if (File.Exists(named))
        {
            return GgufModel.Is(named)
                ? new FoundModel(Path.GetFullPath(named), OriginOf(named, new BaseOrigin(File: Path.GetFileName(named))))
                : throw new UserErrorException($"--base {named}: is a file, and not one that ends in .gguf; a model is a folder, a GGUF file or org/name");
        }

        if (PolicyOf(named) is { } policy)
            return new FoundModel(policy);
        if (HubName.Parse(named) is not { } name)
            throw new UserErrorException($"--base {Path.GetFullPath(named)}: there is no such folder, and on the hub a model is called org/name");
        var (path, commit) = await new HubModels(name, hub, progress).GetAsync(cancellation);
        var origin = new BaseOrigin(name.Repository, name.AskedRevision, commit, name.File);
        return new FoundModel(path, name.File is null ? origin : OriginOf(path, origin));
    }

    private static BaseOrigin OriginOf(string gguf, BaseOrigin origin) =>
        Checked(gguf, () => origin with { FileSha256 = GgufModel.HashOfFile(gguf) });

    /// <summary>A SHA-256 or its beginning as the policy's folder under home.</summary>
    private string? PolicyOf(string named)
    {
        if (named.Length < ShortestBeginning || !named.All(char.IsAsciiHexDigitLower) || !Directory.Exists(policiesFolder))
            return null;
        var found = Directory.GetDirectories(policiesFolder, named + "*");
        return found switch
        {
            [var one] => Path.GetFullPath(one),
            [] => throw new UserErrorException($"--base {named}: no such policy in {policiesFolder}"),
            _ => throw new UserErrorException($"--base {named}: {found.Length} policies in {policiesFolder} begin so"),
        };
    }

    private static void LookAtFolder(string path)
    {
        // What may not be listed looks empty to everything below.
        _ = Directory.EnumerateFileSystemEntries(path).Any();
        ModelConfig.Load(path);
        foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            if (!File.Exists(Path.Combine(path, file)))
                throw new UserErrorException($"--base {path}: {file} is missing");
        }
    }
}
