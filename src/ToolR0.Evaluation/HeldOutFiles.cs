using System.Text;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.TinyWorld;

namespace ToolR0.Evaluation;

/// <summary>A held-out set as it will be registered.</summary>
public sealed record LoadedSet(HeldOutSet Set, IReadOnlyList<HeldOutItem> Items);

/// <summary>Held-out sets by name or file: checked before anything is written.</summary>
public static class HeldOutFiles
{
    /// <summary>Items of a fresh set.</summary>
    public const int FreshCount = 500;

    /// <summary>The run's held-out sets, in the order of the options.</summary>
    /// <param name="freshSeed">Draws the sets <c>seen</c> and <c>unseen</c> anew instead of taking the shipped ones.</param>
    /// <exception cref="UserErrorException">A set that is not there or is malformed.</exception>
    public static IReadOnlyList<LoadedSet> LoadAll(RunOptions options, long? freshSeed) =>
        [.. options.Evaluation.Sets.Select(name => Load(name, freshSeed))];

    /// <summary>A shipped set by name, or a JSON Lines file by path.</summary>
    public static LoadedSet Load(string name, long? freshSeed = null)
    {
        var kind = HeldOut.Kinds.Contains(name);
        var path = kind ? TinyWorldAssets.HeldOut(name) : Path.GetFullPath(name);
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
            throw new UserErrorException($"held-out set '{name}': there is no {path}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"held-out set '{name}': {e.Message.ReplaceLineEndings(" ")}");
        }
    }
}
