using System.Buffers.Binary;
using System.Text;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>
/// Model folders made by an enemy: each is loaded or refused with one <see cref="InvalidDataException"/> that names the folder. The tokenizer's
/// share of this is in HostileTokenizerTests.
/// </summary>
public sealed class HostileFolderTests : IDisposable
{
    /// <summary>Managed bytes that one folder may cost: its files are a few kilobytes. Tensors are only made once a header fits its file.</summary>
    private const long AllocationLimit = 16 << 20;

    private static readonly string[] Numbers =
    [
        "0", "-1", "1", "2", "3", "7", "1.5", "1e400", "-0", "64", "127", "1023", "4096", "65535", "65536", "1048576", "2147483647", "2147483648",
        "4294967296",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e18", "null", "true", "\"8\"", "[]", "{}",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    ];

    private readonly Testing.TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ten_thousand_hostile_folders_are_loaded_or_refused_quickly_and_cheaply()
    {
        TorchRuntime.Configure(1);
        var sound = new Sound();
        Write(sound.Config, sound.Weights, null);
        Load();

        var random = new Random(2026);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var (loaded, slowest, largest) = (0, TimeSpan.Zero, 0L);
        for (var i = 0; i < 10_000; i++)
        {
            var (config, weights, index) = sound.Mutate(random, i % 5);
            Write(config, weights, index);
            var (before, start) = (GC.GetAllocatedBytesForCurrentThread(), watch.Elapsed);
            try
            {
                Load();
                loaded++;
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldStartWith(_folder.Path);
                e.Message.Length.ShouldBeLessThan(2000);
            }

            largest = Math.Max(largest, GC.GetAllocatedBytesForCurrentThread() - before);
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, (watch.Elapsed - start).Ticks));
        }

        largest.ShouldBeLessThan(AllocationLimit);
        slowest.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        loaded.ShouldBeInRange(1, 5000);
    }

    /// <summary>Reads all that a policy reads but its tokenizer, and computes with it.</summary>
    private void Load()
    {
        var config = ModelConfig.Load(_folder.Path);
        PolicyFolder.Read(_folder.Path);
        using var model = new Transformer(config, PolicyFiles.ReadParameters(_folder.Path, config, CPU));
        using var noGrad = no_grad();
        model.Logits([[0, 1]]).Dispose();
    }

    private void Write(string config, byte[] weights, string? index)
    {
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
            File.Delete(file);
        File.WriteAllText(Path.Combine(_folder.Path, "config.json"), config);
        File.WriteAllBytes(Path.Combine(_folder.Path, index is null ? "model.safetensors" : "model-00001-of-00001.safetensors"), weights);
        if (index is not null)
            File.WriteAllText(Path.Combine(_folder.Path, "model.safetensors.index.json"), index);
    }

    /// <summary>A model of a few hundred parameters that loads, and ways to spoil it.</summary>
    private sealed class Sound
    {
        private readonly ModelConfig _config = new()
        {
            Family = ModelFamily.Llama,
            VocabularySize = 8,
            HiddenSize = 4,
            IntermediateSize = 4,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 1,
            MaxPositions = 16,
            RopeScaling = TinyPolicy.Llama3,
        };

        public Sound()
        {
            Config = _config.ToJson();
            var path = Path.GetTempFileName();
            try
            {
                var parameters = RandomWeights.Create(_config, 1, TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32);
                SafeTensors.Write(path, parameters);
                Weights = File.ReadAllBytes(path);
                foreach (var parameter in parameters.Values)
                    parameter.Dispose();
            }
            finally
            {
                File.Delete(path);
            }

            var places = _config.ParameterShapes().Select(p => $"\"{p.Name}\":\"model-00001-of-00001.safetensors\"");
            Index = "{\"weight_map\":{" + string.Join(",", places) + "}}";
        }

        public string Config { get; }

        public byte[] Weights { get; }

        private string Index { get; }

        public (string Config, byte[] Weights, string? Index) Mutate(Random random, int kind) => kind switch
        {
            0 => (Config, Bytes(random, Weights), null),
            1 => (Config, Header(random), null),
            2 => (Value(random, Config), Weights, null),
            3 => (Encoding.UTF8.GetString(Bytes(random, Encoding.UTF8.GetBytes(Config))), Weights, null),
            _ => (Config, Weights, random.Next(2) == 0 ? Encoding.UTF8.GetString(Bytes(random, Encoding.UTF8.GetBytes(Index))) : Elsewhere(random)),
        };

        /// <summary>Truncated, lengthened, overwritten, or with another length of its header.</summary>
        private static byte[] Bytes(Random random, byte[] sound)
        {
            var bytes = sound.ToArray();
            switch (random.Next(4))
            {
                case 0:
                    return bytes[..random.Next(bytes.Length)];
                case 1:
                    return [.. bytes, .. new byte[random.Next(1, 64)]];
                case 2:
                    for (var n = random.Next(1, 6); n > 0; n--)
                        bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                    return bytes;
                default:
                    BinaryPrimitives.WriteUInt64LittleEndian(bytes, random.Next(3) switch
                    {
                        0 => (ulong)random.NextInt64(),
                        1 => (ulong)random.Next(4000),
                        _ => ulong.MaxValue - (ulong)random.Next(100),
                    });
                    return bytes;
            }
        }

        /// <summary>A header that lies about a number, a type or a name, with a length that is right.</summary>
        private byte[] Header(Random random)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(Weights);
            var text = Encoding.UTF8.GetString(Weights, 8, length);
            text = random.Next(3) switch
            {
                0 => Value(random, text),
                1 => text.Replace("F32", new[] { "F64", "F16", "BF16", "I64", "Q4", "" }[random.Next(6)]),
                _ => text.Replace("model.norm.weight",
                    new[] { "model.norm.bias", "lm_head.weight", "", "__metadata__", new string('x', 5000) }[random.Next(5)]),
            };
            var header = Encoding.UTF8.GetBytes(text);
            var bytes = new byte[8 + header.Length + Weights.Length - 8 - length];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
            header.CopyTo(bytes, 8);
            Weights.AsSpan(8 + length).CopyTo(bytes.AsSpan(8 + header.Length));
            return bytes;
        }

        /// <summary>Another value in place of one of the text's numbers.</summary>
        private static string Value(Random random, string text)
        {
            var numbers = System.Text.RegularExpressions.Regex.Matches(text, @"(?<=[:\[,]\s*)[0-9.eE-]+");
            var at = numbers[random.Next(numbers.Count)];
            return text[..at.Index] + Numbers[random.Next(Numbers.Length)] + text[(at.Index + at.Length)..];
        }

        private string Elsewhere(Random random)
        {
            var names = new[] { "../x.safetensors", "/etc/passwd", "/dev/zero", "..", "", "model-00002-of-00001.safetensors", "a/b.safetensors",
                "config.json", "\\u0000.safetensors", "7" };
            return Index.Replace("\"model.norm.weight\":\"model-00001-of-00001.safetensors\"",
                $"\"model.norm.weight\":\"{names[random.Next(names.Length)]}\"");
        }
    }
}
