using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;

namespace ToolR0.Policies.Storage;

/// <summary>
/// A low-rank adapter as PEFT's <c>adapter_config.json</c> describes it. What this product does not compute (DoRA, ranks that differ between layers,
/// …) is refused when it is read, never ignored.
/// </summary>
internal sealed record LoraConfig
{
    public const string ConfigFile = "adapter_config.json";
    public const string WeightsFile = "adapter_model.safetensors";

    private const long LargestFile = 1 << 20;
    private const int LargestRank = 1 << 16;

    /// <summary>Variants of LoRA that change what is computed. Null, false and empty say that they are not in use.</summary>
    private static readonly string[] Unsupported =
    [
        "use_dora", "use_rslora", "use_qalora", "fan_in_fan_out", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern",
        "layers_to_transform",
        "layer_replication", "trainable_token_indices", "target_parameters", "exclude_modules", "alora_invocation_tokens", "arrow_config",
    ];

    /// <summary>
    /// Ways to begin that leave the weights below as they are. The others (PiSSA, OLoRA, CorDA, LoftQ, …) take something out of them, so that A and B
    /// mean nothing over the base's own weights.
    /// </summary>
    private static readonly string[] PlainInitialisations = ["gaussian", "eva", "orthogonal"];

    /// <summary>Settings of how an adapter began or was computed, which say nothing of what it means.</summary>
    private static readonly string[] HarmlessConfigs =
        ["loftq_config", "eva_config", "corda_config", "lora_ga_config", "megatron_config", "runtime_config"];

    public required int Rank { get; init; }

    public required double Alpha { get; init; }

    /// <summary>Of <see cref="LoraOptions.Modules"/>.</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>Where the weights below are: base_model_name_or_path.</summary>
    public string Base { get; init; } = "";

    /// <summary>What B·A is multiplied by.</summary>
    public double Scale => Alpha / Rank;

    public static LoraConfig Of(LoraOptions options, string baseFolder) => new()
    {
        Rank = options.Rank,
        Alpha = options.Alpha,
        Targets = options.Targets is [LoraOptions.AllLinear] ? LoraOptions.Modules : options.Targets,
        Base = baseFolder,
    };

    /// <summary>PEFT's name of a parameter's A or B.</summary>
    /// <param name="parameter">Hugging Face name, ending in <c>.weight</c>.</param>
    /// <param name="part">A or B.</param>
    public static string NameOf(string parameter, char part) => $"base_model.model.{parameter[..^".weight".Length]}.lora_{part}.weight";

    /// <summary>This parameter has an A and a B.</summary>
    public bool Changes(string parameter) => Targets.Any(target => parameter.EndsWith($".{target}.weight", StringComparison.Ordinal));

    /// <summary>Every A and B by PEFT's name, in the order of the network.</summary>
    public IEnumerable<(string Name, long[] Shape, bool IsA)> Shapes(ModelConfig model)
    {
        foreach (var (name, shape) in model.ParameterShapes().Where(p => Changes(p.Name)))
        {
            yield return (NameOf(name, 'A'), [Rank, shape[1]], true);
            yield return (NameOf(name, 'B'), [shape[0], Rank], false);
        }
    }

    /// <summary>Refuses a base other than the one that the adapter was trained over, where that one is named by its SHA-256.</summary>
    /// <param name="folder">The adapter's.</param>
    /// <exception cref="InvalidDataException">It names another.</exception>
    public void CheckBase(string folder, string baseFolder)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Base));
        if (name.Length != 64 || !name.All(char.IsAsciiHexDigitLower))
            return;
        var hash = Policy.HashOfWeights(baseFolder);
        if (hash != name)
            throw new InvalidDataException(
                $"{Path.Combine(folder, ConfigFile)}: base_model_name_or_path names policy {name}; the weights in {baseFolder} are {hash}");
    }

    /// <exception cref="InvalidDataException">Missing, malformed or unsupported; the message names file, key and value.</exception>
    public static LoraConfig Load(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                throw new InvalidDataException("not found");
            if (file.Length > LargestFile)
                throw new InvalidDataException($"{file.Length} bytes are more than the {LargestFile} allowed");
            using var document = JsonDocument.Parse(File.ReadAllText(path), new JsonDocumentOptions { MaxDepth = 16 });
            return Read(document.RootElement);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: half of a surrogate pair.
            throw new InvalidDataException($"{path}: is not JSON: {SafeTensorsHeader.Shown(e.Message)}", e);
        }
    }

    /// <summary>Writes <c>adapter_config.json</c>.</summary>
    public void Save(string folder)
    {
        using var file = File.Create(Path.Combine(folder, ConfigFile));
        using (var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("base_model_name_or_path", Base);
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", false);
            json.WriteBoolean("inference_mode", true);
            json.WriteBoolean("init_lora_weights", true);
            json.WriteNumber("lora_alpha", Alpha);
            json.WriteNumber("lora_dropout", 0.0);
            json.WriteNull("modules_to_save");
            json.WriteString("peft_type", "LORA");
            json.WriteNumber("r", Rank);
            json.WriteStartArray("target_modules");
            foreach (var target in Targets)
                json.WriteStringValue(target);
            json.WriteEndArray();
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteEndObject();
        }

        file.WriteByte((byte)'\n');
    }

    private static LoraConfig Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException("is not a JSON object");
        if (Get(root, "peft_type") is not { ValueKind: JsonValueKind.String } type || type.GetString() != "LORA")
            throw Refusal(root, "peft_type", "must be LORA");
        if (Get(root, "bias") is { ValueKind: not JsonValueKind.Null } bias
            && !(bias.ValueKind == JsonValueKind.String && bias.GetString() == "none"))
            throw Refusal(root, "bias", "must be none");
        if (Array.Find(Unsupported, key => Get(root, key) is { } value && !IsOff(value)) is { } unsupported)
            throw Refusal(root, unsupported, "is not supported");
        if (Get(root, "init_lora_weights") is { } init && !IsPlain(init))
            throw Refusal(root, "init_lora_weights",
                $"must be true, false or one of {string.Join(", ", PlainInitialisations)}: others change the weights below the adapter");
        if (root.EnumerateObject()
            .FirstOrDefault(member => IsVariant(member.Name) && !IsOff(member.Value)) is { Value.ValueKind: not JsonValueKind.Undefined } variant)
            throw Refusal(root, variant.Name, "is not supported");
        if (Get(root, "r") is not { ValueKind: JsonValueKind.Number } r || !r.TryGetInt32(out var rank) || rank is < 1 or > LargestRank)
            throw Refusal(root, "r", $"must be from 1 to {LargestRank}");
        if (Get(root, "lora_alpha") is not { ValueKind: JsonValueKind.Number } a || !a.TryGetDouble(out var alpha) || !double.IsFinite(alpha)
            || alpha <= 0)
            throw Refusal(root, "lora_alpha", "must be above 0");
        return new LoraConfig
        {
            Rank = rank,
            Alpha = alpha,
            Targets = ReadTargets(root),
            Base = Get(root, "base_model_name_or_path") is { ValueKind: JsonValueKind.String } path ? path.GetString()! : "",
        };
    }

    private static IReadOnlyList<string> ReadTargets(JsonElement root)
    {
        var targets = Get(root, "target_modules");
        if (targets is { ValueKind: JsonValueKind.String } all && all.GetString() == LoraOptions.AllLinear)
            return LoraOptions.Modules;
        if (targets is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0
            && list.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String && LoraOptions.Modules.Contains(t.GetString()!)))
            return [.. list.EnumerateArray().Select(t => t.GetString()!).Distinct()];
        throw Refusal(root, "target_modules", $"must be {LoraOptions.AllLinear}, or some of {string.Join(", ", LoraOptions.Modules)}");
    }

    private static JsonElement? Get(JsonElement root, string key) => root.TryGetProperty(key, out var value) ? value : null;

    private static bool IsPlain(JsonElement init) => init.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null => true,
        JsonValueKind.String => PlainInitialisations.Contains(init.GetString(), StringComparer.OrdinalIgnoreCase),
        _ => false,
    };

    /// <summary>As PEFT names variants of LoRA, those of later versions as well.</summary>
    private static bool IsVariant(string key) =>
        key.StartsWith("use_", StringComparison.Ordinal) || key.EndsWith("_config", StringComparison.Ordinal) && !HarmlessConfigs.Contains(key);

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static InvalidDataException Refusal(JsonElement root, string key, string rule) =>
        new($"{key} = {(Get(root, key) is { } value ? SafeTensorsHeader.Shown(value.GetRawText().ReplaceLineEndings(" ")) : "(missing)")}: {rule}");
}
