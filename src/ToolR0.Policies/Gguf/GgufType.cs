namespace ToolR0.Policies.Gguf;

/// <summary>How the elements of a GGUF tensor are stored.</summary>
/// <param name="Id">The format's number.</param>
/// <param name="BlockSize">Elements of a block; rows are whole blocks.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
internal sealed record GgufType(uint Id, string Name, int BlockSize, int BlockBytes)
{
    public static readonly GgufType F32 = new(0, "F32", 1, 4);
    public static readonly GgufType F16 = new(1, "F16", 1, 2);
    public static readonly GgufType Q4_0 = new(2, "Q4_0", 32, 18);
    public static readonly GgufType Q4_1 = new(3, "Q4_1", 32, 20);
    public static readonly GgufType Q5_0 = new(6, "Q5_0", 32, 22);
    public static readonly GgufType Q5_1 = new(7, "Q5_1", 32, 24);
    public static readonly GgufType Q8_0 = new(8, "Q8_0", 32, 34);
    public static readonly GgufType Q2_K = new(10, "Q2_K", 256, 84);
    public static readonly GgufType Q3_K = new(11, "Q3_K", 256, 110);
    public static readonly GgufType Q4_K = new(12, "Q4_K", 256, 144);
    public static readonly GgufType Q5_K = new(13, "Q5_K", 256, 176);
    public static readonly GgufType Q6_K = new(14, "Q6_K", 256, 210);
    public static readonly GgufType BF16 = new(30, "BF16", 1, 2);

    private static readonly GgufType[] Read = [F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1, Q4_0, Q3_K, Q2_K];

    /// <summary>Types of the format that are not read, so that an error can name them.</summary>
    private static readonly Dictionary<uint, string> Others = new()
    {
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    };

    /// <summary>The type of a number, null where it is not read.</summary>
    public static GgufType? Of(uint id) => Array.Find(Read, type => type.Id == id);

    /// <summary>What an error calls a type that is not read.</summary>
    public static string Refusal(uint id) =>
        $"type {(Others.TryGetValue(id, out var name) ? name : FormattableString.Invariant($"{id}"))}, which is not read ({string.Join(", ", Read.Select(type => type.Name))} are)";
}
