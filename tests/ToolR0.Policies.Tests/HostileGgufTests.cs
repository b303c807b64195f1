using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using ToolR0.Policies.Gguf;
using ToolR0.Testing;

namespace ToolR0.Policies.Tests;

/// <summary>GGUF files made by an enemy, or broken: each is loaded or refused with one line that names the file, quickly and cheaply.</summary>
public sealed class HostileGgufTests : IDisposable
{
    /// <summary>Managed bytes that one file may cost: it has some tens of kilobytes.</summary>
    private const long AllocationLimit = 32 << 20;

    private readonly TemporaryFolder _folder = new();
    private readonly TinyPolicy _tiny = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_sound_file_is_read() => Open(GgufFile.Of(_tiny.Folder).Write()).ShouldBeNull();

    [Theory]
    [InlineData("general.architecture", "gemma3", "general.architecture = gemma3: is not supported (only qwen2, qwen3, llama)")]
    [InlineData("general.architecture", null, "general.architecture is missing")]
    [InlineData("general.architecture", 7, "general.architecture = 7: must be a text")]
    [InlineData("general.alignment", 24, "general.alignment = 24: must be a power of two")]
    [InlineData("general.alignment", 0, "general.alignment = 0: must be a whole number from 1 to 1048576")]
    [InlineData("split.count", 3, "it is one part of several: put them together with llama-gguf-split --merge")]
    [InlineData("qwen2.expert_count", 8, "qwen2.expert_count = 8: a mixture of experts is not supported")]
    [InlineData("qwen2.rope.scaling.type", "yarn", "qwen2.rope.scaling.type = yarn: is not supported (only none)")]
    [InlineData("qwen2.attention.sliding_window", 4096, "qwen2.attention.sliding_window = 4096: is not supported")]
    [InlineData("qwen2.block_count", null, "qwen2.block_count is missing")]
    [InlineData("qwen2.block_count", 3, "tensor blk.2.attn_norm.weight is missing")]
    [InlineData("qwen2.block_count", 1, "does not belong to the model that its metadata describe")]
    [InlineData("qwen2.attention.head_count", 0, "qwen2.attention.head_count = 0: must be a whole number from 1 to 1024")]
    [InlineData("qwen2.attention.head_count_kv", 3, "num_key_value_heads = 3: does not divide num_attention_heads 4")]
    [InlineData("qwen2.rope.dimension_count", 4, "qwen2.rope.dimension_count = 4: differs from attention.key_length 8, which is not supported")]
    [InlineData("qwen2.embedding_length", 64, "tensor token_embd.weight is [")]
    [InlineData("qwen2.rope.freq_base", float.NaN, "qwen2.rope.freq_base = NaN: must be a number from 1 to")]
    [InlineData("qwen2.context_length", 18446744073709551615UL, "qwen2.context_length = 18446744073709551615: must be a whole number")]
    [InlineData("tokenizer.ggml.model", "llama", "tokenizer.ggml.model = llama: is not read: only gpt2, byte-level BPE, is (llama stands for SentencePiece)")]
    [InlineData("tokenizer.ggml.pre", null, "tokenizer.ggml.pre = (absent): does not say how text is cut")]
    [InlineData("tokenizer.ggml.pre", "viking", "tokenizer.ggml.pre = viking: is not known (gpt-2, ")]
    [InlineData("tokenizer.ggml.tokens", null, "tokenizer.ggml.tokens is missing")]
    [InlineData("tokenizer.ggml.tokens", 7, "tokenizer.ggml.tokens = 7: must be a list of texts")]
    [InlineData("tokenizer.ggml.merges", null, "tokenizer.ggml.merges is missing")]
    [InlineData("tokenizer.ggml.eos_token_id", null, "tokenizer.ggml.eos_token_id is missing")]
    [InlineData("tokenizer.ggml.eos_token_id", 99_999, "tokenizer.ggml.eos_token_id = 99999: must be a whole number from 0 to")]
    public void What_is_wrong_in_the_metadata_is_named_by_its_key(string key, object? value, string message) =>
        Open(GgufFile.Of(_tiny.Folder).With(key, value).Write()).ShouldNotBeNull().ShouldContain(message);

    [Fact]
    public void Lists_that_contradict_each_other_are_refused()
    {
        var file = GgufFile.Of(_tiny.Folder);
        var tokens = (string[])file.Fields["tokenizer.ggml.tokens"];
        Open(file.With("tokenizer.ggml.token_type", new long[] { 1 }).Write())!
            .ShouldContain($"must be as many as tokenizer.ggml.tokens, {tokens.Length}");
        file = GgufFile.Of(_tiny.Folder);
        Open(file.With("tokenizer.ggml.tokens", (string[])[.. tokens[..5], tokens[0], .. tokens[6..]]).Write())!
            .ShouldContain("tokens[5] '!' is there twice");
        Open(GgufFile.Of(_tiny.Folder).With("tokenizer.ggml.tokens", Array.Empty<string>()).Write())!.ShouldContain("must not be empty");
        Open(GgufFile.Of(_tiny.Folder).With("tokenizer.ggml.merges", new[] { "zz zz" }).Write())!
            .ShouldContain("model.merges[0] needs the token 'zz'");
    }

    [Fact]
    public void Tensors_that_lie_are_refused()
    {
        Changed(t => t with { Type = 20 }).ShouldContain("has type IQ4_NL, which is not read (F32, F16, BF16, Q8_0, ");
        Changed(t => t with { Type = 77 }).ShouldContain("has type 77, which is not read");
        Changed(t => t with { Type = 12 }).ShouldContain("which are not whole Q4_K blocks of 256");
        Changed(t => t with { Shape = [] }).ShouldContain("has 0 dimensions");
        Changed(t => t with { Shape = [1, 1, 1, 1, 1] }).ShouldContain("has 5 dimensions");
        Changed(t => t with { Shape = [0, 8] }).ShouldContain("has a dimension of 0");
        Changed(t => t with { Shape = [1 << 30, 1 << 30] }).ShouldContain("it is not complete");
        Changed(t => t with { Shape = [.. t.Shape, 1] }).ShouldContain("its metadata need");
        Changed(t => t with { Name = "blk.0.attn_q.other" }).ShouldContain("is missing");

        var twice = GgufFile.Of(_tiny.Folder);
        twice.Tensors.Add(twice.Tensors[0]);
        Open(twice.Write())!.ShouldContain("tensor token_embd.weight is there twice");
        var more = GgufFile.Of(_tiny.Folder);
        more.Tensors.Add(("v.patch_embd.weight", 0, [1], new byte[4]));
        Open(more.Write())!.ShouldContain("tensor v.patch_embd.weight does not belong to the model");
        var factors = GgufFile.Of(_tiny.Folder);
        factors.Tensors.Add(("rope_freqs.weight", 0, [4], GgufFile.Bytes([1, 2, 3, 4])));
        Open(factors.Write())!.ShouldContain("rope_freqs.weight holds other factors than Llama 3's scaling");
    }

    [Fact]
    public void Numbers_of_the_frame_that_lie_are_refused()
    {
        var sound = GgufFile.Of(_tiny.Folder).Write();
        At(sound, 0, 0x46554747 ^ 1).ShouldContain("not a GGUF file: it does not begin with GGUF");
        At(sound, 4, 1).ShouldContain("GGUF version 1 is not read (2 and 3 are)");
        At(sound, 4, 0x03000000).ShouldContain("a big-endian GGUF file is not read");
        At(sound, 8, uint.MaxValue).ShouldContain("it claims 4294967295 tensors");
        At(sound, 16, 70_000).ShouldContain("70000 metadata; at most 65536 of each are read");
        // The first key's length, and the length of its text.
        At(sound, 24, int.MaxValue).ShouldContain("the name of metadata 0 claims 2147483647 bytes; the file has");
        At(sound, 24 + 8 + "general.architecture".Length + 4, int.MaxValue).ShouldContain("general.architecture claims 2147483647 bytes");
        var list = Encoding.UTF8.GetString(sound).IndexOf("tokenizer.ggml.tokens", StringComparison.Ordinal);
        var at = Find(sound, "tokenizer.ggml.tokens"u8) + "tokenizer.ggml.tokens".Length + 8;
        list.ShouldBeGreaterThan(0);
        At(sound, at, int.MaxValue).ShouldContain("tokenizer.ggml.tokens claims a list of 2147483647; the file has");
        At(sound, at - 4, 9).ShouldContain("tokenizer.ggml.tokens");
        // A tensor's offset: not aligned, beyond the end, over another.
        var offset = Find(sound, "output_norm.weight"u8) + "output_norm.weight".Length + 4 + 8 + 4;
        At(sound, offset, 4).ShouldContain("tensor output_norm.weight begins at 4, which is not a multiple of general.alignment 32");
        At(sound, offset, 1 << 30).ShouldContain("it is not complete");
        At(sound, offset, 0).ShouldContain("overlaps");
        Open([]).ShouldNotBeNull().ShouldContain("not a GGUF file");
    }

    [Fact]
    public void A_file_that_was_cut_off_says_so()
    {
        var sound = GgufFile.Of(_tiny.Folder).Write();
        for (var length = 24; length < sound.Length; length += 97)
            Open(sound[..length]).ShouldNotBeNull($"{length} bytes").ShouldMatch("it is not complete|claims");
    }

    [Fact]
    public void Two_thousand_damaged_files_are_loaded_or_refused_quickly_and_cheaply()
    {
        TorchRuntime.Configure(1);
        var sound = GgufFile.Of(_tiny.Folder).Write();
        var head = Find(sound, "output_norm.weight"u8) + 60;
        Open(sound);
        var random = new Random(2027);
        var watch = Stopwatch.StartNew();
        var (loaded, slowest, largest) = (0, TimeSpan.Zero, 0L);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = sound.ToArray();
            for (var changes = random.Next(1, 5); changes > 0; changes--)
            {
                var at = random.Next(head);
                switch (random.Next(4))
                {
                    case 0:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), (ulong)random.NextInt64() << random.Next(32));
                        break;
                    case 2:
                        bytes.AsSpan(random.Next(head), 16).CopyTo(bytes.AsSpan(at));
                        break;
                    default:
                        bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 9))..]];
                        head = Math.Min(head, bytes.Length - 32);
                        break;
                }
            }

            var (before, start) = (GC.GetAllocatedBytesForCurrentThread(), watch.Elapsed);
            if (Open(bytes) is null)
                loaded++;
            largest = Math.Max(largest, GC.GetAllocatedBytesForCurrentThread() - before);
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, (watch.Elapsed - start).Ticks));
        }

        loaded.ShouldBeInRange(1, 1999);
        largest.ShouldBeLessThan(AllocationLimit);
        slowest.ShouldBeLessThan(TimeSpan.FromSeconds(10));
    }

    private static int Find(byte[] bytes, ReadOnlySpan<byte> text) => bytes.AsSpan().IndexOf(text);

    private string At(byte[] sound, int offset, uint value)
    {
        var bytes = sound.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);
        return Open(bytes).ShouldNotBeNull();
    }

    private string At(byte[] sound, int offset, int value) => At(sound, offset, (uint)value);

    private string Changed(Func<Described, Described> change)
    {
        var file = GgufFile.Of(_tiny.Folder);
        var at = file.Tensors.FindIndex(tensor => tensor.Name == "blk.0.attn_q.weight");
        var (name, type, shape, data) = file.Tensors[at];
        var changed = change(new Described(name, type, shape));
        file.Tensors[at] = (changed.Name, changed.Type, changed.Shape, data);
        return Open(file.Write()).ShouldNotBeNull();
    }

    /// <summary>Everything but the values is read. Null where it is sound, else what is said of it.</summary>
    private string? Open(byte[] bytes)
    {
        var path = Path.Combine(_folder.Path, "model.gguf");
        File.WriteAllBytes(path, bytes);
        try
        {
            using var model = GgufModel.Open(path);
            model.LoadTokenizer();
            return null;
        }
        catch (InvalidDataException e)
        {
            e.Message.ShouldStartWith(path);
            e.Message.ShouldNotContain("\n");
            e.Message.Length.ShouldBeLessThan(2000);
            return e.Message;
        }
    }

    private sealed record Described(string Name, uint Type, long[] Shape);
}
