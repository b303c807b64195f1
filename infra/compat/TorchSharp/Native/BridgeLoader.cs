using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>
/// Finds libtoolr0_torch.so: next to this assembly, then in native/build of a source tree above it, then where TOOLR0_TORCH_BRIDGE points.
/// </summary>
internal static class BridgeLoader
{
    private const string FileName = "libtoolr0_torch.so";
    private const string InTree = "infra/compat/TorchSharp/native/build/" + FileName;
    private const string Variable = "TOOLR0_TORCH_BRIDGE";

    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(BridgeLoader).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != NativeMethods.Library)
            return 0;
        string? failure = null;
        foreach (var candidate in Candidates(assembly))
        {
            if (!File.Exists(candidate))
                continue;
            try
            {
                return NativeLibrary.Load(candidate);
            }
            catch (DllNotFoundException e)
            {
                failure ??= $"{candidate} does not load ({FirstLine(e.Message)})";
            }
        }

        throw new DllNotFoundException(
            $"libtorch is not ready: {failure ?? $"{FileName} was not found"}. Run infra/setup.sh, which installs libtorch and builds the bridge.");
    }

    private static IEnumerable<string> Candidates(Assembly assembly)
    {
        var folder = Path.GetDirectoryName(assembly.Location) is { Length: > 0 } location ? location : AppContext.BaseDirectory;
        yield return Path.Combine(folder, FileName);
        for (var up = folder; up is not null; up = Path.GetDirectoryName(up))
            yield return Path.Combine(up, InTree);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            yield return named;
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();
}
