using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Hub;

/// <summary>
/// A repository in the cache that Hugging Face's libraries share: <c>blobs</c> by ETag, <c>refs</c> from a revision to a commit, and
/// <c>snapshots</c> of a commit, whose files are relative links to blobs.
/// </summary>
internal sealed class HubCache(string root, string repository)
{
    private static readonly TimeSpan LockInterval = TimeSpan.FromMilliseconds(200);

    private readonly string _name = "models--" + repository.Replace("/", "--", StringComparison.Ordinal);

    public string Folder => Path.Combine(root, _name);

    public string Snapshot(string commit) => Path.Combine(Folder, "snapshots", commit);

    /// <summary>Where a file of a commit is, or would be.</summary>
    public string PathOf(string commit, string file) => Path.Combine([Snapshot(commit), .. file.Split('/')]);

    public string Blob(string etag) => Path.Combine(Folder, "blobs", etag);

    /// <summary>What has come of a blob so far.</summary>
    public string Incomplete(string etag) => Blob(etag) + ".incomplete";

    public bool Has(string commit, string file) => File.Exists(PathOf(commit, file));

    /// <summary>The commit that a revision was when it was last asked for.</summary>
    public string? CommitOf(string revision)
    {
        if (HubName.IsCommit(revision))
            return revision;
        var path = RefOf(revision);
        return File.Exists(path) && File.ReadAllText(path).Trim() is var commit && HubName.IsCommit(commit) ? commit : null;
    }

    /// <summary>Remembers which commit a revision is, where the cache may be written to.</summary>
    public void Remember(string revision, string commit)
    {
        if (!HubName.IsCommit(revision) && CommitOf(revision) != commit)
            Write(RefOf(revision), commit);
    }

    /// <summary>A file that the repository does not have at a commit, as far as anybody asked.</summary>
    public bool IsKnownAbsent(string commit, string file) => File.Exists(AbsenceOf(commit, file));

    public void RememberAbsence(string commit, string file)
    {
        if (!IsKnownAbsent(commit, file))
            Write(AbsenceOf(commit, file), "");
    }

    /// <summary>Makes a blob a file of a commit.</summary>
    public void Link(string commit, HubFile file)
    {
        var path = PathOf(commit, file.Name);
        if (File.Exists(path))
            return;
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        var link = Path.Combine(folder, $".{Guid.NewGuid():N}");
        try
        {
            File.CreateSymbolicLink(link, Path.GetRelativePath(folder, Blob(file.ETag)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            // A file system or an account without links has a copy.
            File.Copy(Blob(file.ETag), link);
        }

        File.Move(link, path, overwrite: true);
    }

    /// <summary>
    /// Waits until no other process writes a blob. Hugging Face's own library locks the same file the same way. Dispose to let go.
    /// </summary>
    /// <param name="waiting">Called once if there is somebody to wait for.</param>
    public async Task<IDisposable> LockAsync(string etag, Action waiting, CancellationToken cancellation)
    {
        var path = Path.Combine(root, ".locks", _name, etag + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (var said = false; ; said = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                if (!said)
                    waiting();
                await Task.Delay(LockInterval, cancellation);
            }
        }
    }

    /// <summary>What a folder needs to be a model: nothing but optional files is missing at this commit.</summary>
    public bool IsUsable(string commit)
    {
        if (!HubFiles.Required.All(file => Has(commit, file)))
            return false;
        try
        {
            return PolicyFiles.WeightFiles(Snapshot(commit)).All(File.Exists);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Every file that is wanted is here, or it is known that there is none.</summary>
    public bool IsComplete(string commit) =>
        IsUsable(commit) && HubFiles.Optional.All(file => Has(commit, file) || IsKnownAbsent(commit, file));

    private static void Write(string path, string text)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var written = $"{path}.{Guid.NewGuid():N}";
            File.WriteAllText(written, text);
            File.Move(written, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache may be mounted to be read only. What is not remembered is asked again.
        }
    }

    private string RefOf(string revision) => Path.Combine([Folder, "refs", .. revision.Split('/')]);

    private string AbsenceOf(string commit, string file) => Path.Combine([Folder, ".no_exist", commit, .. file.Split('/')]);
}
