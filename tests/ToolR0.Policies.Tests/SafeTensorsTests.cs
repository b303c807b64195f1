using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("toolr0-safetensors-").FullName, "x.safetensors");

    [Fact]
    public void What_is_written_is_read_back_bit_for_bit()
    {
        var tensors = new Dictionary<string, Tensor>
        {
            ["b"] = tensor(new[] { 1f, -2.5f, float.NaN, float.PositiveInfinity, 1e-42f, 0f }, [2, 3]),
            ["a.weight"] = tensor(new[] { 7L, -1L }),
            ["empty"] = zeros(0, 4),
            ["half"] = tensor(new[] { 0.5f, -3f }).to(ScalarType.Float16),
            ["brain"] = tensor(new[] { 0.5f, -3f }).to(ScalarType.BFloat16),
            ["scalar"] = tensor(4.25),
            ["turned"] = tensor(new[] { 1f, 2, 3, 4, 5, 6 }, [2, 3]).t(),
        };
        SafeTensors.Write(_path, tensors);
        using var file = SafeTensors.Open(_path);
        file.Entries.Keys.Order().ShouldBe(tensors.Keys.Order());
        file.Metadata["format"].ShouldBe("pt");
        foreach (var (name, expected) in tensors)
        {
            using var actual = file.Read(name);
            actual.dtype.ShouldBe(expected.dtype);
            actual.shape.ShouldBe(expected.shape);
            actual.bytes.ToArray().ShouldBe(expected.contiguous().bytes.ToArray());
        }
    }

    [Fact]
    public void Equal_tensors_give_equal_bytes_whatever_their_order()
    {
        var (x, y) = (ones(3), zeros(2, 2));
        SafeTensors.Write(_path, new Dictionary<string, Tensor> { ["x"] = x, ["y"] = y });
        var first = File.ReadAllBytes(_path);
        SafeTensors.Write(_path, new Dictionary<string, Tensor> { ["y"] = y, ["x"] = x });
        File.ReadAllBytes(_path).ShouldBe(first);
        (BinaryPrimitives.ReadUInt64LittleEndian(first) % 8).ShouldBe(0UL);
    }

    [Theory]
    [InlineData("", 0, "not JSON")]
    [InlineData("[]", 0, "not a JSON object")]
    [InlineData("""{"a":1}""", 0, "needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 0, "outside the file")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "need 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "outside the file")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "natural number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "natural number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,4]}}""", 4, "need")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 12, "after the last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "listed twice")]
    [InlineData("""{"__metadata__":{"x":1}}""", 0, "not a string")]
    public void A_hostile_header_is_refused(string header, int dataBytes, string message)
    {
        Write(Encoding.UTF8.GetBytes(header), dataBytes);
        Should.Throw<InvalidDataException>(() => SafeTensors.Open(_path)).Message.ShouldContain(message);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 40)]
    [InlineData(100UL)]
    public void A_header_length_beyond_the_file_allocates_nothing(ulong length)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        File.WriteAllBytes(_path, bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Should.Throw<InvalidDataException>(() => SafeTensors.Open(_path)).Message.ShouldContain("header length");
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1 << 20);
    }

    [Fact]
    public void A_deeply_nested_header_is_refused()
    {
        Write(Encoding.UTF8.GetBytes(new string('[', 100_000)), 0);
        Should.Throw<InvalidDataException>(() => SafeTensors.Open(_path));
    }

    /// <summary>Any bytes either open or are refused as invalid data; nothing else escapes.</summary>
    [Fact]
    public void Damaged_files_open_or_are_refused()
    {
        SafeTensors.Write(_path, new Dictionary<string, Tensor> { ["x"] = ones(3), ["y"] = zeros(2, 2) });
        var sound = File.ReadAllBytes(_path);
        Prop.ForAll(ArbMap.Default.ArbFor<(int Position, byte Value, int Cut)>(), damage =>
        {
            var bytes = sound[..(sound.Length - Math.Abs(damage.Cut % 40))];
            bytes[Math.Abs(damage.Position % bytes.Length)] = damage.Value;
            File.WriteAllBytes(_path, bytes);
            try
            {
                using var file = SafeTensors.Open(_path);
                foreach (var name in file.Entries.Keys)
                    file.Read(name).Dispose();
            }
            catch (InvalidDataException)
            {
                // What the contract promises.
            }
        }).QuickCheckThrowOnFailure();
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    private void Write(byte[] header, int dataBytes)
    {
        using var file = File.Create(_path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        file.Write(length);
        file.Write(header);
        file.Write(new byte[dataBytes]);
    }
}
