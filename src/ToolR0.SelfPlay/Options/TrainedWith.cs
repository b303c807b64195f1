using System.Text.Json;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>How a policy was asked while it was trained: a small file in its folder, so that whoever asks it later asks it alike.</summary>
/// <param name="Preset">The run's.</param>
public sealed record TrainedWith(string Preset, PromptOptions Prompts)
{
    public const string FileName = "toolr0.json";

    public static void Write(string folder, RunOptions options) => File.WriteAllText(
        Path.Combine(folder, FileName), JsonSerializer.Serialize(new TrainedWith(options.Preset, options.Prompts), RunOptionsJson.Format) + "\n");

    /// <summary>The options of the preset, if there still is one of that name, with the prompts as they were.</summary>
    public RunOptions Apply(RunOptions options, IReadOnlyDictionary<string, RunOptions> presets) =>
        presets.GetValueOrDefault(Preset, options) with { Prompts = Prompts };

    /// <summary>Null where the folder does not say: a base, or a policy of an older version.</summary>
    /// <exception cref="OptionsException">The file is not what this version, or an older one, writes.</exception>
    public static TrainedWith? Read(string? folder)
    {
        var path = Path.Combine(folder ?? "", FileName);
        try
        {
            return folder is null || !File.Exists(path) ? null
                : JsonSerializer.Deserialize<TrainedWith>(File.ReadAllText(path), RunOptionsJson.Format);
        }
        catch (JsonException e)
        {
            throw new OptionsException($"{path}: does not say how the policy was trained: {e.Message}");
        }
    }
}
