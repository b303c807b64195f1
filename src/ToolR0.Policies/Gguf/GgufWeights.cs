using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Gguf;

/// <summary>
/// The weights of a GGUF file as the safetensors file that it converts to has them: Hugging Face's names, its order of rows, and types of 16 or 32
/// bits. Quantised values are expanded to float32 and rounded to bfloat16; those of 16 bits stay as they are; float32 stays too, unless every such
/// value of the file is one of bfloat16, as in a file that was made from a model in bfloat16.
/// </summary>
internal sealed class GgufWeights
{
    /// <summary>Bytes that are converted at a time, by one thread.</summary>
    private const int ChunkBytes = 2 << 20;

    private static readonly Dictionary<string, string> Parts = new()
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
    };

    private readonly SafeFileHandle _file;
    private readonly ModelConfig _config;
    private readonly Dictionary<string, GgufTensor> _sources = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">A tensor is missing, misshapen or no part of the model.</exception>
    public GgufWeights(SafeFileHandle file, GgufHeader header, ModelConfig config)
    {
        (_file, _config) = (file, config);
        foreach (var (name, shape) in config.ParameterShapes())
        {
            var source = NameOf(name);
            if (!header.Tensors.TryGetValue(source, out var tensor))
                throw new InvalidDataException($"tensor {source} is missing");
            if (!tensor.Shape.SequenceEqual(shape))
            {
                throw new InvalidDataException(
                    $"tensor {source} is [{string.Join(", ", tensor.Shape)}]; its metadata need [{string.Join(", ", shape)}]");
            }

            _sources.Add(name, tensor);
        }

        var used = _sources.Values.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        if (header.Tensors.Keys.FirstOrDefault(name => !used.Contains(name) && name != GgufShape.RotaryFactors) is { } other)
            throw new InvalidDataException($"tensor {SafeTensorsHeader.Shown(other)} does not belong to the model that its metadata describe");
        var wide = _sources.Values.Where(tensor => tensor.Type == GgufType.F32).All(IsBrainFloat) ? ScalarType.BFloat16 : ScalarType.Float32;
        Order = SafeTensors.InOrder(_sources.Select(source => new StoredTensor(
            source.Key,
            source.Value.Type == GgufType.F32 ? wide : source.Value.Type == GgufType.F16 ? ScalarType.Float16 : ScalarType.BFloat16,
            source.Value.Shape)));
    }

    /// <summary>The tensors in the order of the file that they convert to.</summary>
    public IReadOnlyList<StoredTensor> Order { get; }

    /// <summary>Writes the safetensors file.</summary>
    public void Write(Stream to) => Write(to.Write);

    /// <summary>SHA-256 in lower-case hex of the safetensors file, which is not written.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Write(bytes => hash.AppendData(bytes));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The parameters, and the SHA-256 of the safetensors file that they convert to.</summary>
    /// <param name="type">Null: as they convert.</param>
    public unsafe (Dictionary<string, Tensor> Parameters, string Sha256) Read(Device device, ScalarType? type)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(SafeTensors.Header(Order));
        var parameters = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var tensor in Order)
        {
            using var inner = NewDisposeScope();
            var stored = empty(tensor.Shape, tensor.Type);
            var bytes = stored.bytes;
            fixed (byte* start = bytes)
                Fill(tensor, 0, bytes.Length, (nint)start);
            hash.AppendData(bytes);
            parameters.Add(tensor.Name, stored.to(device).to(type ?? tensor.Type).DetachFromDisposeScope());
        }

        return (parameters, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>GGUF's name of a parameter.</summary>
    private static string NameOf(string parameter)
    {
        switch (parameter)
        {
            case "model.embed_tokens.weight":
                return "token_embd.weight";
            case "model.norm.weight":
                return "output_norm.weight";
            case "lm_head.weight":
                return "output.weight";
        }

        // model.layers.N.PART.weight
        var end = parameter.LastIndexOf('.');
        var dot = parameter.IndexOf('.', "model.layers.".Length);
        return $"blk.{parameter["model.layers.".Length..dot]}.{Parts[parameter[(dot + 1)..end]]}{parameter[end..]}";
    }

    private bool IsBrainFloat(GgufTensor tensor)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (var at = 0L; at < tensor.Length;)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(ChunkBytes, tensor.Length - at));
                Take(part, tensor.Offset + at);
                if (!BrainFloat.Holds(MemoryMarshal.Cast<byte, float>(part)))
                    return false;
                at += part.Length;
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private unsafe void Write(Action<ReadOnlySpan<byte>> write)
    {
        write(SafeTensors.Header(Order));
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes * Math.Max(2, Environment.ProcessorCount));
        try
        {
            foreach (var tensor in Order)
            {
                var (rowBytes, length) = (RowBytes(tensor), LengthOf(tensor));
                var unit = Unit(tensor) * rowBytes;
                var portion = Math.Max(unit, buffer.Length / unit * unit);
                var held = portion <= buffer.Length ? buffer : new byte[portion];
                for (var at = 0L; at < length; at += portion)
                {
                    var count = (int)Math.Min(portion, length - at);
                    fixed (byte* start = held)
                        Fill(tensor, at, count, (nint)start);
                    write(held.AsSpan(0, count));
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static long LengthOf(StoredTensor tensor) => tensor.Shape.Aggregate(1L, (a, b) => a * b) * SafeTensors.SizeOf(tensor.Type);

    private static long RowBytes(StoredTensor tensor) => tensor.Shape[^1] * SafeTensors.SizeOf(tensor.Type);

    /// <summary>Rows that must be converted together: whole heads, where rows are put in another order.</summary>
    private int Unit(StoredTensor tensor) => IsReordered(tensor.Name) ? _config.HeadSize : 1;

    /// <summary>
    /// llama.cpp stores the queries and keys of the llama architecture with the two halves of a head interleaved, because it rotates neighbours where
    /// Hugging Face rotates halves.
    /// </summary>
    private bool IsReordered(string name) => _config.Family == ModelFamily.Llama
        && (name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("k_proj.weight", StringComparison.Ordinal));

    /// <summary>Converts part of a tensor, on all processors.</summary>
    /// <param name="offset">First byte of the converted tensor, at the beginning of a unit.</param>
    /// <param name="count">Bytes, whole units.</param>
    private void Fill(StoredTensor tensor, long offset, int count, nint to)
    {
        var source = _sources[tensor.Name];
        var rowBytes = RowBytes(tensor);
        var unit = Unit(tensor);
        var rows = (int)(count / rowBytes);
        var chunk = (int)Math.Max(1, ChunkBytes / (unit * rowBytes)) * unit;
        var first = offset / rowBytes;
        Parallel.For(0, (rows + chunk - 1) / chunk, part =>
        {
            var from = part * chunk;
            ConvertRows(source, tensor, first + from, Math.Min(chunk, rows - from), to + (nint)(from * rowBytes));
        });
    }

    private unsafe void ConvertRows(GgufTensor source, StoredTensor tensor, long first, int rows, nint to)
    {
        var columns = (int)source.Shape[^1];
        var sourceRow = columns / source.Type.BlockSize * source.Type.BlockBytes;
        var rowBytes = (int)RowBytes(tensor);
        var isCopy = tensor.Type == ScalarType.Float16 || tensor.Type == ScalarType.Float32 || source.Type == GgufType.BF16;
        var (raw, values) = (ArrayPool<byte>.Shared.Rent(rows * sourceRow), ArrayPool<float>.Shared.Rent(isCopy ? 0 : columns));
        try
        {
            Take(raw.AsSpan(0, rows * sourceRow), source.Offset + (first * sourceRow));
            for (var row = 0; row < rows; row++)
            {
                var target = IsReordered(tensor.Name) ? InHalves(row) : row;
                var line = raw.AsSpan(row * sourceRow, sourceRow);
                var converted = new Span<byte>((byte*)to + ((long)target * rowBytes), rowBytes);
                if (isCopy)
                {
                    line.CopyTo(converted);
                    continue;
                }

                GgufBlocks.Expand(source.Type, line, values.AsSpan(0, columns));
                BrainFloat.Round(values.AsSpan(0, columns), MemoryMarshal.Cast<byte, ushort>(converted));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
            ArrayPool<float>.Shared.Return(values);
        }
    }

    /// <summary>Where a row of interleaved heads belongs: its pair's first row into the head's first half, the second into the second.</summary>
    private int InHalves(int row)
    {
        var (head, within) = Math.DivRem(row, _config.HeadSize);
        return (head * _config.HeadSize) + (within % 2 * (_config.HeadSize / 2)) + (within / 2);
    }

    private void Take(Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            var read = RandomAccess.Read(_file, buffer, offset);
            if (read == 0)
                throw new InvalidDataException($"the file became shorter than {offset} bytes while it was read");
            buffer = buffer[read..];
            offset += read;
        }
    }
}
