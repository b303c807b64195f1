using System.Text.Json;
using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Storage;

/// <summary>
/// What a policy's folder holds beside the values of its weights: the small files, and in which file and as which type each tensor is stored.
/// A policy trained from a folder is written the same way, so that whatever loaded the one loads the other.
/// </summary>
internal sealed class PolicyFolder
{
    private readonly IReadOnlyDictionary<string, byte[]> _files;

    /// <summary>By weight file, by tensor: the stored type. Empty: all in one file as fp32.</summary>
    private readonly SortedDictionary<string, Dictionary<string, ScalarType>> _weights = new(StringComparer.Ordinal);

    private PolicyFolder(IReadOnlyDictionary<string, byte[]> files) => _files = files;

    /// <summary>Some tensors are stored with less than fp32, so what is written is rounded.</summary>
    public bool Rounds => _weights.Values.SelectMany(file => file.Values).Any(type => type is ScalarType.Float16 or ScalarType.BFloat16);

    /// <summary>Reads the small files and the headers of the weight files.</summary>
    /// <exception cref="InvalidDataException">A file is missing, too large or malformed.</exception>
    public static PolicyFolder Read(string folder)
    {
        var layout = new PolicyFolder(PolicyFiles.ReadSmall(folder));
        foreach (var path in PolicyFiles.WeightFiles(folder))
        {
            using var file = SafeTensors.Open(path);
            layout._weights.Add(Path.GetFileName(path),
                file.Entries.Values.ToDictionary(e => e.Name, e => SafeTensors.TypeOf(e), StringComparer.Ordinal));
        }

        return layout;
    }

    /// <summary>A folder with these small files and one file of weights, in which the tensors are stored so.</summary>
    public static PolicyFolder Of(IReadOnlyDictionary<string, byte[]> files, IEnumerable<StoredTensor> tensors)
    {
        var layout = new PolicyFolder(files);
        layout._weights.Add(PolicyFiles.Weights, tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Type, StringComparer.Ordinal));
        return layout;
    }

    /// <summary>A new folder with these small files and its weights as fp32 in one file.</summary>
    public static PolicyFolder New(IReadOnlyDictionary<string, byte[]> files) => new(files);

    /// <summary>Writes the small files and the weights. Equal weights give equal bytes.</summary>
    public void Write(string folder, IReadOnlyDictionary<string, Tensor> parameters)
    {
        PolicyFiles.WriteSmall(_files, folder);
        if (_weights.Count == 0)
        {
            SafeTensors.Write(Path.Combine(folder, PolicyFiles.Weights), parameters);
            return;
        }

        foreach (var (name, types) in _weights)
        {
            var tensors = types.Keys.Where(parameters.ContainsKey).ToDictionary(t => t, t => parameters[t], StringComparer.Ordinal);
            SafeTensors.Write(Path.Combine(folder, name), tensors, types);
        }

        if (_weights.Count > 1 || !_weights.ContainsKey(PolicyFiles.Weights))
            WriteIndex(Path.Combine(folder, PolicyFiles.Index), parameters);
    }

    private void WriteIndex(string path, IReadOnlyDictionary<string, Tensor> parameters)
    {
        var stored = _weights.SelectMany(file => file.Value.Select(t => (Name: t.Key, Type: t.Value, File: file.Key)))
            .Where(t => parameters.ContainsKey(t.Name)).OrderBy(t => t.Name, StringComparer.Ordinal).ToArray();
        using var file = File.Create(path);
        using (var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", stored.Sum(t => parameters[t.Name].numel() * SafeTensors.SizeOf(t.Type)));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (var (name, _, weights) in stored)
                json.WriteString(name, weights);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        file.WriteByte((byte)'\n');
    }
}
