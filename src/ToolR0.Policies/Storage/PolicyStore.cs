using ToolR0.Contracts.Options;

namespace ToolR0.Policies.Storage;

/// <summary>
/// Policies on disk, each a Hugging Face folder <c>root/{sha256}/</c>. A folder appears under its name complete or not at all: it is
/// written beside it and renamed. Loaded policies are kept for reuse, least recently used first out, and never disposed while rented.
/// Thread-safe; several processes may share a root.
/// </summary>
/// <param name="capacity">Loaded policies kept when nobody rents them.</param>
public sealed class PolicyStore(string root, int capacity = 4) : IDisposable
{
    private const string Temporary = ".incoming-";

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Sha, Precision Precision), Loaded> _loaded = [];
    private long _clock;

    /// <summary>Where a policy is or would be.</summary>
    public string FolderOf(string sha) => Path.Combine(root, Checked(sha));

    public bool Contains(string sha) => File.Exists(Path.Combine(FolderOf(sha), "config.json"));

    /// <summary>
    /// Copies a Hugging Face folder in, without the adapter that its weights may have been made with, or the folder that a GGUF file converts to;
    /// returns its SHA-256.
    /// </summary>
    /// <exception cref="InvalidDataException">Not a model.</exception>
    /// <exception cref="IOException">It could not be written; nothing is left behind.</exception>
    public string Import(string path)
    {
        using var model = StoredModel.Open(path);
        var sha = model.HashOfWeights();
        return Contains(sha) ? sha : Put(model.CopyTo);
    }

    /// <summary>Stores what <paramref name="writeInto"/> writes into the empty folder it is given; returns its SHA-256.</summary>
    /// <exception cref="IOException">It could not be written (a full disk, say); one line, and nothing is left behind.</exception>
    public string Put(Action<string> writeInto)
    {
        var incoming = Path.Combine(root, Temporary + Guid.NewGuid().ToString("N"));
        try
        {
            Directory.CreateDirectory(incoming);
            writeInto(incoming);
            var sha = Policy.HashOf(incoming);
            Publish(incoming, sha);
            return sha;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot store a policy under {root}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        finally
        {
            Delete(incoming);
        }
    }

    /// <summary>Copies a policy's folder, with its adapter and without the optimiser's state, into one that is there and empty.</summary>
    /// <exception cref="InvalidDataException">There is no such policy, or its folder is damaged.</exception>
    public void CopyTo(string sha, string folder)
    {
        var source = FolderOf(sha);
        PolicyFiles.WriteSmall(PolicyFiles.ReadSmall(source), folder);
        var index = Path.Combine(source, PolicyFiles.Index);
        foreach (var path in PolicyFiles.WeightFiles(source).Concat(File.Exists(index) ? [index] : []))
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        var adapter = Path.Combine(source, PolicyFiles.Adapter);
        if (!Directory.Exists(adapter))
            return;
        Directory.CreateDirectory(Path.Combine(folder, PolicyFiles.Adapter));
        foreach (var path in Directory.GetFiles(adapter))
            File.Copy(path, Path.Combine(folder, PolicyFiles.Adapter, Path.GetFileName(path)));
    }

    /// <summary>Deletes a policy; one that is rented stays usable until it is returned.</summary>
    public void Remove(string sha)
    {
        var folder = FolderOf(sha);
        lock (_lock)
        {
            foreach (var idle in _loaded.Where(l => l.Key.Sha == sha && l.Value.Rents == 0).Select(l => l.Key).ToArray())
                Evict(idle);
        }

        if (!Directory.Exists(folder))
            return;
        var outgoing = Path.Combine(root, Temporary + Guid.NewGuid().ToString("N"));
        Directory.Move(folder, outgoing);
        Delete(outgoing);
    }

    /// <summary>The policy, loaded at the first call; give it back by disposing the lease. Concurrent callers share one copy.</summary>
    /// <exception cref="InvalidDataException">There is no such policy, or its folder is damaged.</exception>
    public PolicyLease Rent(string sha, Precision precision = Precision.Auto)
    {
        var folder = FolderOf(sha);
        var key = (sha, precision);
        Loaded loaded;
        lock (_lock)
        {
            if (!_loaded.TryGetValue(key, out loaded!))
                _loaded[key] = loaded = new Loaded(new Lazy<Policy>(() => LoadChecked(folder, sha, precision)));
            loaded.Rents++;
            loaded.LastUse = ++_clock;
        }

        try
        {
            return new PolicyLease(loaded.Policy.Value, () => Return(loaded));
        }
        catch
        {
            lock (_lock)
            {
                loaded.Rents--;
                if (_loaded.GetValueOrDefault(key) == loaded)
                    _loaded.Remove(key);
            }

            throw;
        }
    }

    /// <summary>Disposes what is loaded and not rented.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var idle in _loaded.Where(l => l.Value.Rents == 0).Select(l => l.Key).ToArray())
                Evict(idle);
        }
    }

    private static Policy LoadChecked(string folder, string sha, Precision precision)
    {
        if (!Directory.Exists(folder))
            throw new InvalidDataException($"{folder}: there is no such policy");
        var policy = Policy.Load(folder, precision: precision);
        if (policy.Sha256 == sha)
            return policy;
        policy.Dispose();
        throw new InvalidDataException($"{folder}: the weights' SHA-256 is {policy.Sha256}; the file was changed");
    }

    private void Return(Loaded loaded)
    {
        lock (_lock)
        {
            loaded.Rents--;
            var idle = _loaded.Where(l => l.Value.Rents == 0).OrderByDescending(l => l.Value.LastUse);
            foreach (var old in idle.Skip(capacity).Select(l => l.Key).ToArray())
                Evict(old);
        }
    }

    private void Evict((string Sha, Precision Precision) policy)
    {
        if (_loaded.Remove(policy, out var loaded) && loaded.Policy.IsValueCreated)
            loaded.Policy.Value.Dispose();
    }

    private void Publish(string incoming, string sha)
    {
        var folder = FolderOf(sha);
        if (Directory.Exists(folder))
        {
            Complete(incoming, folder);
            return;
        }

        try
        {
            Directory.Move(incoming, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Complete(incoming, folder);
        }
    }

    /// <summary>Equal weights are there already; what only the new folder has (the optimiser's state) is added.</summary>
    private static void Complete(string incoming, string folder)
    {
        var state = Path.Combine(incoming, PolicyFiles.Optimiser);
        if (File.Exists(state))
            File.Move(state, Path.Combine(folder, PolicyFiles.Optimiser), overwrite: true);
    }

    private static void Delete(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A leftover under a temporary name is not a policy; the failure that led here is what the caller must see.
        }
    }

    private static string Checked(string sha) => sha.Length == 64 && sha.All(char.IsAsciiHexDigitLower)
        ? sha
        : throw new ArgumentException($"'{(sha.Length > 80 ? sha[..80] : sha)}' is not a SHA-256 in lower-case hex", nameof(sha));

    private sealed class Loaded(Lazy<Policy> policy)
    {
        public Lazy<Policy> Policy { get; } = policy;

        public int Rents { get; set; }

        public long LastUse { get; set; }
    }
}

/// <summary>A rented policy; dispose to give it back.</summary>
public sealed class PolicyLease : IDisposable
{
    private Action? _giveBack;

    internal PolicyLease(Policy policy, Action giveBack)
    {
        Policy = policy;
        _giveBack = giveBack;
    }

    public Policy Policy { get; }

    public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
}
