using System.Text.Json;
using System.Text.RegularExpressions;
using ToolR0.Contracts;

namespace ToolR0.Studies;

/// <summary>A study as it is written down: which arms are compared, on which bases and seeds. One JSON object in camelCase; unknown members are
/// errors.</summary>
/// <param name="Name">Lower-case letters, digits and dashes; names the output folder.</param>
/// <param name="Asks">The question in one sentence.</param>
/// <param name="Preset">What every arm starts from.</param>
/// <param name="Bases">Base checkpoints: a shipped one by name (base-nano), a Hugging Face folder, a GGUF file or org/name[@revision] on the hub.</param>
/// <param name="Seeds">One run of every arm per seed, on every base.</param>
/// <param name="Reference">The arm that the others are compared with.</param>
/// <param name="Set">Options of every arm by path, e.g. <c>"solver.steps": 12</c>.</param>
public sealed record StudyFile(
    string Name,
    string Asks,
    string Preset,
    IReadOnlyList<string> Bases,
    IReadOnlyList<long> Seeds,
    string Reference,
    IReadOnlyList<StudyArm> Arms,
    IReadOnlyDictionary<string, JsonElement>? Set = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Where the studies that come with the product are.</summary>
    public static string ShippedFolder => Path.Combine(AppContext.BaseDirectory, "assets", "studies");

    /// <summary>A study by its file, or a shipped one by its name.</summary>
    /// <exception cref="UserErrorException">It is not there or is malformed; names the member and the rule.</exception>
    public static StudyFile Load(string nameOrPath)
    {
        var shipped = Path.Combine(ShippedFolder, nameOrPath + ".json");
        var path = !File.Exists(nameOrPath) && File.Exists(shipped) ? shipped : nameOrPath;
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            var names = Directory.GetFiles(ShippedFolder, "*.json").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal);
            throw new UserErrorException($"study '{nameOrPath}': there is no such file, and the shipped studies are {string.Join(", ", names)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"study '{nameOrPath}': {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <param name="source">What errors call the text.</param>
    /// <exception cref="UserErrorException">Names the member and the rule.</exception>
    public static StudyFile Parse(string text, string source)
    {
        StudyFile study;
        try
        {
            study = JsonSerializer.Deserialize<StudyFile>(text, Json) ?? throw new UserErrorException($"{source}: is null, not a study");
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{source}: {e.Message.ReplaceLineEndings(" ")}");
        }

        return study.Problem() is { } problem ? throw new UserErrorException($"{source}: {problem}") : study;
    }

    /// <summary>The first rule that the study breaks, null if it breaks none.</summary>
    public string? Problem()
    {
        if (!Names.Pattern.IsMatch(Name))
            return $"name: '{Name}' {Names.Rule}";
        if (Bases.Count == 0 || Bases.Any(string.IsNullOrWhiteSpace) || Bases.Distinct().Count() < Bases.Count)
            return $"bases: [{string.Join(", ", Bases)}] must be one or more different bases";
        if (Seeds.Count == 0 || Seeds.Any(seed => seed < 0) || Seeds.Distinct().Count() < Seeds.Count)
            return $"seeds: [{string.Join(", ", Seeds)}] must be one or more different numbers of at least 0";
        if (Arms.FirstOrDefault(arm => !Names.Pattern.IsMatch(arm.Name)) is { } odd)
            return $"arms: '{odd.Name}' {Names.Rule}";
        if (Arms.CountBy(arm => arm.Name).FirstOrDefault(count => count.Value > 1).Key is { } twice)
            return $"arms: '{twice}' occurs twice; names must be different";
        return Arms.Any(arm => arm.Name == Reference) ? null
            : $"reference: '{Reference}' must be one of the arms: {string.Join(", ", Arms.Select(arm => arm.Name))}";
    }
}

/// <summary>One way to play.</summary>
/// <param name="Says">What is different, for the reader of the result.</param>
/// <param name="Set">Options by path; they win over the study's.</param>
public sealed record StudyArm(string Name, string Says, IReadOnlyDictionary<string, JsonElement>? Set = null);

public static partial class Names
{
    public const string Rule = "must be 1 to 24 lower-case letters, digits and dashes, a letter first";

    [GeneratedRegex("^[a-z][a-z0-9-]{0,23}$")]
    public static partial Regex Pattern { get; }
}
