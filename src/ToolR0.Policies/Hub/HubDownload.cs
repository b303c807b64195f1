using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ToolR0.Contracts;

namespace ToolR0.Policies.Hub;

/// <summary>
/// Brings one blob into the cache. What has come is appended to <c>ETAG.incomplete</c> and gone on from, in this process or in a later one; the file
/// gets its name only when its size and its digest are those that the hub promised.
/// </summary>
internal sealed class HubDownload(HubClient client, HubCache cache, HubName name, HubSettings settings, string commit, HubFile file)
{
    private const int BufferBytes = 1 << 20;

    private long _counted;

    /// <param name="came">Told of every byte that counts; negative where bytes no longer do.</param>
    /// <exception cref="UserErrorException">The bytes are not those that the hub promised, or too many tries failed.</exception>
    public async Task RunAsync(Action<long> came, Action<string> note, CancellationToken cancellation)
    {
        using var alone = await cache.LockAsync(file.ETag, () => note($"{file.Name}: another process is loading it; waiting"), cancellation);
        if (File.Exists(cache.Blob(file.ETag)) && new FileInfo(cache.Blob(file.ETag)).Length == file.Size)
        {
            came(file.Size);
            return;
        }

        var tries = new HubTries(name, settings, note);
        // What an earlier process left may be wrong through no fault of the hub's: then once more from nothing.
        var isOwn = !File.Exists(cache.Incomplete(file.ETag));
        while (!await tries.RunAsync(file.Name, token => TryAsync(tries, came, token), cancellation))
        {
            File.Delete(cache.Incomplete(file.ETag));
            if (isOwn)
            {
                throw new UserErrorException(
                    $"--base {name}: {file.Name}: the bytes that came are not those that {settings.Endpoint} promised (digest {file.ETag}, {file.Size} bytes); they were deleted. Try again, and if it happens again look at what stands between: a proxy, a mirror in HF_ENDPOINT");
            }

            note($"{file.Name}: what an earlier download left is damaged; loading it anew");
            isOwn = true;
        }

        File.Move(cache.Incomplete(file.ETag), cache.Blob(file.ETag), overwrite: true);
    }

    /// <returns>Whether the whole file is what was promised.</returns>
    private async Task<bool> TryAsync(HubTries tries, Action<long> came, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(cache.Incomplete(file.ETag))!);
        await using var target = new FileStream(cache.Incomplete(file.ETag), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
        using var digest = Digest();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            Count(-_counted);
            if (target.Length > file.Size)
                target.SetLength(0);
            while (await target.ReadAsync(buffer.AsMemory(0, BufferBytes), cancellation) is > 0 and var kept)
            {
                digest?.AppendData(buffer, 0, kept);
                Count(kept);
            }

            var fits = target.Position == file.Size || await LoadAsync(target);
            return fits && (digest is null || Convert.ToHexStringLower(digest.GetHashAndReset()) == file.ETag);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        void Count(long bytes)
        {
            _counted += bytes;
            came(bytes);
        }

        async Task<bool> LoadAsync(FileStream to)
        {
            var (response, from) = await client.ContentAsync(commit, file, to.Position, cancellation);
            using (response)
            {
                if (from != to.Position)
                {
                    // The server does not go on where it was asked to: from the beginning then.
                    to.SetLength(0);
                    Count(-_counted);
                    digest?.GetHashAndReset();
                    Begin(digest);
                    if (from != 0)
                        throw new HubFault("the server cannot go on where the file ends");
                }

                await using var body = await response.Content.ReadAsStreamAsync(cancellation);
                while (await client.ReadAsync(body, buffer.AsMemory(0, BufferBytes), cancellation) is > 0 and var read)
                {
                    // More than promised is as wrong as other bytes are.
                    if (read > file.Size - to.Position)
                        return false;
                    digest?.AppendData(buffer, 0, read);
                    await to.WriteAsync(buffer.AsMemory(0, read), cancellation);
                    Count(read);
                    tries.Progressed();
                }

                return to.Position == file.Size ? true : throw new HubFault("the connection was cut");
            }
        }
    }

    /// <summary>The digest that the ETag is, null for a server whose ETags are none.</summary>
    private IncrementalHash? Digest()
    {
        if (!file.ETag.All(char.IsAsciiHexDigitLower) || file.ETag.Length is not (40 or 64))
            return null;
        var digest = IncrementalHash.CreateHash(file.ETag.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        Begin(digest);
        return digest;
    }

    /// <summary>Git hashes its own word for a file before the file.</summary>
    private void Begin(IncrementalHash? digest)
    {
        if (file.ETag.Length == 40)
            digest?.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
    }
}
