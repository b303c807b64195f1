using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ToolR0.Policies;

/// <summary>
/// Lets TorchSharp's native library load where the system's libstdc++ is older than GCC 13's, as on Debian 12. Elsewhere nothing of this is used.
/// </summary>
/// <remarks>
/// <c>libLibTorchSharp.so</c> asks for version GLIBCXX_3.4.32 of libstdc++ because of one symbol, <c>std::ios_base_library_init()</c>, that GCC 13
/// names in every file that includes <c>&lt;iostream&gt;</c> and that nothing calls. The loader refuses a library over a version that is missing,
/// unless the need is marked weak: so the library is loaded from an anonymous file in memory that holds it with that mark, and the file of the
/// package stays as it is.
/// </remarks>
internal static class OlderLibStdCxx
{
    private const string Version = "GLIBCXX_3.4.32";
    private const string Symbol = "_ZSt21ios_base_library_initv";
    private const string Library = "libLibTorchSharp.so";
    private const uint VersionNeeds = 0x6ffffffe;
    private const ushort Weak = 2;

    /// <summary>The magic number, then class 64-bit and little-endian data.</summary>
    private static ReadOnlySpan<byte> Header => [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1];

    /// <summary>Why the library could not be loaded so; null if it was, or did not need to be.</summary>
    internal static string? Failure { get; private set; }

    /// <summary>Whether this process needed it.</summary>
    internal static bool Used { get; private set; }

    // Before anything of this assembly runs, and so before it touches TorchSharp.
#pragma warning disable CA2255 // the only place that is early enough for every caller
    [ModuleInitializer]
    internal static void LoadIfNeeded()
#pragma warning restore CA2255
    {
        if (!OperatingSystem.IsLinux() || HasVersion())
            return;
        try
        {
            Load(FindFolder());
            Used = true;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or DllNotFoundException or UnauthorizedAccessException)
        {
            Failure = $"libstdc++ lacks {Version}, and {Library} could not be loaded without it: {e.Message}";
        }
    }

    private static bool HasVersion() => NativeLibrary.TryLoad("libstdc++.so.6", out var library) && FindVersioned(library, Symbol, Version) != 0;

    private static string FindFolder()
    {
        var folders = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory);
        return folders.FirstOrDefault(folder => File.Exists(Path.Combine(folder, Library)))
            ?? throw new InvalidOperationException($"it is not beside the program in {AppContext.BaseDirectory}");
    }

    private static void Load(string folder)
    {
        // What the library needs, by its path: a file in memory has no folder to look for them in.
        NativeLibrary.Load(Path.Combine(folder, "libtorch.so"));
        var bytes = File.ReadAllBytes(Path.Combine(folder, Library));
        MarkWeak(bytes, Version);
        var descriptor = CreateInMemory(Library, 1);
        if (descriptor < 0)
            throw new InvalidOperationException($"memfd_create failed with error {Marshal.GetLastPInvokeError()}");
        using var file = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write,
            bufferSize: 0);
        file.Write(bytes);
        // It stays in the process under its own name, which is what TorchSharp asks for.
        NativeLibrary.Load($"/proc/self/fd/{descriptor}");
    }

    /// <summary>Marks the need for a version as weak (flag VER_FLG_WEAK in section .gnu.version_r) in a 64-bit little-endian ELF file.</summary>
    /// <exception cref="InvalidOperationException">The file is of another kind or has no such need.</exception>
    internal static void MarkWeak(Span<byte> elf, string version)
    {
        if (elf.Length < 64 || !elf[..6].SequenceEqual(Header))
            throw new InvalidOperationException("it is not a 64-bit little-endian ELF file");
        var sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]);
        var (size, count) = (BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3a..]), BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3c..]));
        for (var i = 0; i < count; i++)
        {
            var section = elf.Slice(sections + i * size, size);
            if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != VersionNeeds)
                continue;
            var strings = elf.Slice(sections + (int)BinaryPrimitives.ReadUInt32LittleEndian(section[0x28..]) * size, size);
            if (MarkWeak(elf, Offset(section), Offset(strings), Encoding.ASCII.GetBytes(version + '\0')))
                return;
        }

        throw new InvalidOperationException($"it has no need for {version}");
    }

    private static bool MarkWeak(Span<byte> elf, int need, int strings, ReadOnlySpan<byte> version)
    {
        while (true)
        {
            var names = BinaryPrimitives.ReadUInt16LittleEndian(elf[(need + 2)..]);
            var name = need + (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 8)..]);
            for (var i = 0; i < names; i++)
            {
                if (elf[(strings + (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(name + 8)..]))..].StartsWith(version))
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(elf[(name + 4)..], Weak);
                    return true;
                }

                name += (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(name + 12)..]);
            }

            var next = (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 12)..]);
            if (next == 0)
                return false;
            need += next;
        }
    }

    private static int Offset(ReadOnlySpan<byte> section) => (int)BinaryPrimitives.ReadUInt64LittleEndian(section[0x18..]);

    [DllImport("libc", EntryPoint = "dlvsym")]
    private static extern nint FindVersioned(nint library, string symbol, string version);

    [DllImport("libc", EntryPoint = "memfd_create", SetLastError = true)]
    private static extern int CreateInMemory(string name, uint flags);
}
