using ToolR0.Contracts;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Hub;

/// <summary>A model of the hub in the cache.</summary>
/// <param name="Path">The snapshot's folder, or a GGUF file in it.</param>
public sealed record HubSnapshot(string Path, string Commit);

/// <summary>
/// Brings models from the hub into the cache that Hugging Face's libraries share. What is there already is used; of the rest only what is needed is
/// loaded, several files at once. The configuration comes first: a model that cannot be read costs no gigabytes.
/// </summary>
public sealed class HubModels(HubName name, HubSettings settings, IProgress<HubProgress>? progress = null)
{
    private const int SideBySide = 4;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    private readonly HubCache _cache = new(settings.Cache, name.Repository);
    private readonly Lock _lock = new();
    private long _done;
    private long _total;
    private long _told;

    /// <summary>The model's place on this disk.</summary>
    /// <exception cref="UserErrorException">It cannot be had; the message says what to do.</exception>
    public async Task<HubSnapshot> GetAsync(CancellationToken cancellation = default)
    {
        var known = _cache.CommitOf(name.AskedRevision);
        if (HubName.IsCommit(name.AskedRevision) && IsHere(known!, sure: true))
            return Here(known!);
        if (settings.Offline)
        {
            return known is not null && IsHere(known, sure: false) ? Here(known) : throw Refusal(
                $"HF_HUB_OFFLINE is set, and it is not {(known is null ? "" : "wholly ")}in {settings.Cache}: unset it for once, or load the model elsewhere with 'hf download {name.Repository}' and copy {_cache.Folder} here");
        }

        using var client = new HubClient(name, settings);
        HubRepository repository;
        try
        {
            // Who has the model need not wait long for a hub that is away.
            var tries = new HubTries(name, known is not null && IsHere(known, sure: false) ? settings with { Tries = 1 } : settings, Note);
            repository = await tries.RunAsync("the list of its files", client.RepositoryAsync, cancellation);
        }
        catch (UserErrorException e) when (e.InnerException is HubFault && known is not null && IsHere(known, sure: false))
        {
            Note($"{e.InnerException.Message}: taking commit {known} from the cache, as {name.AskedRevision} was when it was last asked for");
            return Here(known);
        }

        try
        {
            await LoadAsync(client, repository, cancellation);
        }
        catch (Exception e) when (e is IOException and not HubFault or UnauthorizedAccessException)
        {
            throw Refusal($"cannot write to the cache {settings.Cache}: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        _cache.Remember(name.AskedRevision, repository.Commit);
        return Here(repository.Commit);
    }

    private async Task LoadAsync(HubClient client, HubRepository repository, CancellationToken cancellation)
    {
        var (commit, listed) = repository;
        if (name.File is { } gguf)
        {
            if (!listed.Contains(gguf))
                throw Refusal($"{name.Repository} has no file {gguf}{Offered(listed)}");
            await FetchAsync(client, commit, [gguf], cancellation);
            return;
        }

        var weights = HubFiles.Weights(listed) ?? throw Refusal($"{name.Repository} has no safetensors{(Offered(listed) is { Length: > 0 } offered
            ? offered : $", and other weights are not read: look for a repository or a revision that has {PolicyFiles.Weights}")}");
        if (HubFiles.Required.FirstOrDefault(file => !listed.Contains(file)) is { } missing)
            throw Refusal($"{name.Repository} has no {missing}, which is needed");
        await FetchAsync(client, commit, ["config.json"], cancellation);
        Look(() => ModelConfig.Load(_cache.Snapshot(commit)));

        var files = HubFiles.Small(listed).ToList();
        if (weights == PolicyFiles.Index)
        {
            await FetchAsync(client, commit, [weights], cancellation);
            Look(() => files.AddRange(PolicyFiles.WeightFiles(_cache.Snapshot(commit)).Select(path => Path.GetFileName(path))));
        }
        else
        {
            files.Add(weights);
        }

        if (files.FirstOrDefault(file => !listed.Contains(file)) is { } shard)
            throw Refusal($"{name.Repository} has no {shard}, though its {PolicyFiles.Index} names it");
        await FetchAsync(client, commit, files, cancellation);
        foreach (var file in HubFiles.Optional.Where(file => !listed.Contains(file)))
            _cache.RememberAbsence(commit, file);
    }

    private async Task FetchAsync(HubClient client, string commit, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var missing = names.Where(file => !_cache.Has(commit, file)).ToList();
        if (missing.Count == 0)
            return;
        var files = new HubFile[missing.Count];
        var side = new ParallelOptions { MaxDegreeOfParallelism = SideBySide, CancellationToken = cancellation };
        await Parallel.ForAsync(0, files.Length, side, async (i, token) =>
            files[i] = await Tries().RunAsync(missing[i], t => client.FileAsync(commit, missing[i], t), token));
        CheckSpace(files);
        Interlocked.Add(ref _total, files.Sum(file => file.Size));
        Came(0);

        // The largest first: then no thread is left alone with it at the end.
        var order = files.OrderByDescending(file => file.Size).ToList();
        await Parallel.ForAsync(0, order.Count, side, async (i, token) =>
        {
            await new HubDownload(client, _cache, name, settings, commit, order[i]).RunAsync(Came, Note, token);
            _cache.Link(commit, order[i]);
        });
    }

    /// <exception cref="UserErrorException">The disk has less room than the files need.</exception>
    private void CheckSpace(IReadOnlyList<HubFile> files)
    {
        var needed = (Int128)0;
        foreach (var file in files.DistinctBy(file => file.ETag).Where(file => !File.Exists(_cache.Blob(file.ETag))))
            needed += file.Size - (File.Exists(_cache.Incomplete(file.ETag)) ? new FileInfo(_cache.Incomplete(file.ETag)).Length : 0);
        Directory.CreateDirectory(_cache.Folder);
        var free = new DriveInfo(_cache.Folder).AvailableFreeSpace;
        if (needed > free)
        {
            throw Refusal(FormattableString.Invariant(
                $"{(double)needed / 1e9:0.00} GB are still to be loaded into {settings.Cache}, and {free / 1e9:0.00} GB are free there: make room, or set HF_HUB_CACHE to a folder on another disk"));
        }
    }

    private bool IsHere(string commit, bool sure) =>
        name.File is { } gguf ? _cache.Has(commit, gguf) : sure ? _cache.IsComplete(commit) : _cache.IsUsable(commit);

    private HubSnapshot Here(string commit) => new(name.File is { } gguf ? _cache.PathOf(commit, gguf) : _cache.Snapshot(commit), commit);

    /// <summary>What the repository has instead, where that is GGUF files.</summary>
    private string Offered(IReadOnlyList<string> listed)
    {
        var files = listed.Where(file => file.EndsWith(".gguf", StringComparison.Ordinal)).Take(20).ToList();
        return files.Count == 0 ? "" : $"; it has GGUF files: name one, as --base {name.Repository}/{files[0]} ({string.Join(", ", files)})";
    }

    private void Look(Action look)
    {
        try
        {
            look();
        }
        catch (InvalidDataException e)
        {
            throw Refusal(e.Message.ReplaceLineEndings(" "), e);
        }
    }

    private HubTries Tries() => new(name, settings, Note);

    private void Came(long bytes)
    {
        HubProgress now;
        lock (_lock)
        {
            _done += bytes;
            var ticks = Environment.TickCount64;
            if (bytes != 0 && _done != _total && ticks - _told < ProgressInterval.TotalMilliseconds)
                return;
            _told = ticks;
            now = new HubProgress(name.ToString(), _done, _total);
        }

        progress?.Report(now);
    }

    private void Note(string text)
    {
        HubProgress now;
        lock (_lock)
            now = new HubProgress(name.ToString(), _done, _total, text);
        progress?.Report(now);
    }

    private UserErrorException Refusal(string what, Exception? inner = null) => new($"--base {name}: {what}", inner: inner);
}
