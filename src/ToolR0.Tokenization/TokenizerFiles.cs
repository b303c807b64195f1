using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>The files of a Hugging Face folder that make up a tokenizer, as the bytes they were read as.</summary>
public sealed class TokenizerFiles
{
    public const string Tokenizer = "tokenizer.json";
    public const string Config = "tokenizer_config.json";
    public const string Template = "chat_template.jinja";
    /// <summary>A folder of further templates by name: tool_use.jinja is the one for conversations with tools.</summary>
    public const string FurtherTemplates = "additional_chat_templates";
    public const string Generation = "generation_config.json";

    /// <summary>The model's own file: read, but not part of the tokenizer.</summary>
    public const string Model = "config.json";

    private const string TemplateExtension = ".jinja";
    private const long LargestFile = 512L << 20;
    public static readonly string[] Names =
        [Tokenizer, Config, Template, Generation, "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"];

    private readonly Dictionary<string, byte[]> _files = [];
    private readonly Dictionary<string, string> _templates = [];

    private TokenizerFiles(string folder) => Folder = folder;

    public string Folder { get; }

    /// <exception cref="InvalidDataException">A file is missing or too large.</exception>
    public static TokenizerFiles Read(string folder)
    {
        var found = new List<KeyValuePair<string, byte[]>>();
        foreach (var name in (string[])[.. NamesIn(folder), Model])
        {
            var file = new FileInfo(Path.Combine(folder, name));
            if (!file.Exists)
                continue;
            if (file.Length > LargestFile)
                throw new InvalidDataException($"{file.FullName}: the file is larger than {LargestFile >> 20} MiB.");
            found.Add(new(name, File.ReadAllBytes(file.FullName)));
        }
        return new TokenizerFiles(folder).Take(found);
    }

    private TokenizerFiles Take(IEnumerable<KeyValuePair<string, byte[]>> files)
    {
        foreach (var (name, bytes) in files)
            _files.Add(name, bytes);
        if (!_files.ContainsKey(Tokenizer))
            throw new InvalidDataException($"{Path.Combine(Folder, Tokenizer)}: the file is missing.");
        foreach (var name in _files.Keys.Where(name => name.EndsWith(TemplateExtension, StringComparison.Ordinal)))
            _templates[name == Template ? TokenizerConfig.DefaultTemplate : Path.GetFileNameWithoutExtension(name)] = Text(name);
        return this;
    }

    /// <summary>Files that were never in a folder, by name.</summary>
    /// <param name="place">What errors call the place they come from.</param>
    /// <exception cref="InvalidDataException">tokenizer.json is missing.</exception>
    public static TokenizerFiles Of(string place, IReadOnlyDictionary<string, byte[]> files) => new TokenizerFiles(place).Take(
        [.. Names.Append(Model).Where(files.ContainsKey).Select(name => KeyValuePair.Create(name, files[name]))]);

    /// <summary>Templates that are files of their own, by name.</summary>
    internal IReadOnlyDictionary<string, string> Templates => _templates;

    /// <summary>Where a template of that name stands or would stand.</summary>
    internal string PlaceOfTemplate(string name)
    {
        if (_templates.Count == 0)
            return $"{Path.Combine(Folder, Config)}: chat_template";
        return Path.Combine(Folder, name == TokenizerConfig.DefaultTemplate ? Template : Path.Combine(FurtherTemplates, name + TemplateExtension));
    }

    private static IEnumerable<string> FurtherNames(string folder) => Directory.Exists(Path.Combine(folder, FurtherTemplates))
        ? Directory.EnumerateFiles(Path.Combine(folder, FurtherTemplates), "*" + TemplateExtension).Order(StringComparer.Ordinal)
            .Select(path => Path.Combine(FurtherTemplates, Path.GetFileName(path)))
        : [];

    /// <summary>What a tokenizer's files can be called in that folder.</summary>
    public static IEnumerable<string> NamesIn(string folder) => [.. Names, .. FurtherNames(folder)];

    public bool Has(string name) => _files.ContainsKey(name);

    public string Text(string name) => System.Text.Encoding.UTF8.GetString(_files[name]);

    /// <summary>Reads a JSON file with <paramref name="read"/>; an absent file reads as one without keys.</summary>
    /// <exception cref="InvalidDataException">The file is not JSON, or <paramref name="read"/> found something wrong in it.</exception>
    public T Read<T>(string name, Func<JsonKey, T> read)
    {
        var path = Path.Combine(Folder, name);
        try
        {
            if (!_files.TryGetValue(name, out var bytes))
                return read(JsonKey.Root(path, default));
            var withoutMark = bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
            using var document = JsonDocument.Parse(withoutMark);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(JsonKey.Root(path, document.RootElement))
                : throw JsonKey.Root(path, default).Wrong("is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: the file is not valid JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{path}: the file holds a string that is not valid Unicode: {e.Message}", e);
        }
    }

    public void CopyTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in _files.Where(file => file.Key != Model))
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }
    }
}
