using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>
/// Only a low-rank adapter is trained. The network computes with the frozen weights into which it is merged, so that sampling, passes and
/// micro-batches are those of any policy; a merged weight's gradient is taken on to A and B at once and never kept.
/// </summary>
internal sealed class LoraVector : TrainedVector
{
    /// <summary>As stored.</summary>
    private readonly IReadOnlyDictionary<string, Tensor> _frozen;

    /// <summary>Over views of <see cref="TrainedVector.Flat"/>.</summary>
    private readonly LoraAdapter _adapter;

    /// <param name="frozen">The base's weights, any type, by Hugging Face name; taken over.</param>
    /// <param name="adapter">Copied; it stays the caller's.</param>
    /// <param name="type">What the network computes in.</param>
    public LoraVector(ModelConfig config, IReadOnlyDictionary<string, Tensor> frozen, LoraAdapter adapter, ScalarType type)
        : base([.. adapter.Config.Shapes(config).Select(s => (s.Name, s.Shape))], adapter.Tensors)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var views = Split(Flat);
        foreach (var view in views.Values)
            view.DetachFromDisposeScope();
        _frozen = frozen;
        _adapter = new LoraAdapter(adapter.Config, views);
        var parameters = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, weight) in frozen)
        {
            var computed = Changes(name) ? _adapter.Merge(name, weight).to(type).requires_grad_(true) : weight.to(type).detach();
            parameters[name] = computed.DetachFromDisposeScope();
        }

        Model = new Transformer(config, parameters);
    }

    public override Transformer Model { get; }

    /// <summary>On the host.</summary>
    public override IReadOnlyDictionary<string, Tensor> Weights => _frozen.ToDictionary(
        w => w.Key,
        w => !Changes(w.Key) ? w.Value : Model.Type == ScalarType.Float32 ? Model.Parameters[w.Key].detach() : _adapter.Merge(w.Key, w.Value).cpu(),
        StringComparer.Ordinal);

    /// <summary>
    /// Goes on with the adapter of a policy's folder over the base that it names, or starts a new one over the folder's weights.
    /// </summary>
    /// <param name="seed">Of a new one.</param>
    /// <exception cref="InvalidDataException">The folder's adapter is damaged or of other options, or its base is gone or another.</exception>
    public static LoraVector Open(string folder, ModelConfig config, LoraOptions options, long seed, Device device, ScalarType type)
    {
        var path = Path.Combine(folder, PolicyFiles.Adapter);
        if (!Directory.Exists(path))
        {
            using var fresh = LoraAdapter.New(LoraConfig.Of(options, Path.GetFullPath(folder)), config, seed, device);
            return new LoraVector(config, PolicyFiles.ReadParameters(folder, config, device, null), fresh, type);
        }

        using var adapter = LoraAdapter.Load(path, config, device);
        var (stored, asked) = (adapter.Config, LoraConfig.Of(options, adapter.Config.Base));
        if (stored.Rank != asked.Rank || stored.Alpha != asked.Alpha || !stored.Targets.SequenceEqual(asked.Targets))
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{path}: the adapter has rank {stored.Rank}, alpha {stored.Alpha} and targets {string.Join(", ", stored.Targets)}, not those of learning.lora"));
        }

        var under = BaseOf(path, stored);
        stored.CheckBase(path, under);
        return new LoraVector(config, PolicyFiles.ReadParameters(under, config, device, null), adapter, type);
    }

    /// <summary>Starts a new adapter over weights, which are copied.</summary>
    public static LoraVector New(ModelConfig config, IReadOnlyDictionary<string, Tensor> weights, LoraOptions options, long seed, ScalarType type)
    {
        using var noGrad = no_grad();
        var device = weights.Values.First().device;
        using var fresh = LoraAdapter.New(LoraConfig.Of(options, ""), config, seed, device);
        return new LoraVector(config,
            weights.ToDictionary(w => w.Key, w => w.Value.detach().clone().DetachFromDisposeScope(), StringComparer.Ordinal), fresh, type);
    }

    /// <summary>This weight has an adapter.</summary>
    public bool Changes(string parameter) => _adapter.Config.Changes(parameter);

    /// <inheritdoc cref="LoraAdapter.AddGradient"/>
    public void AddGradient(string parameter, Tensor gradient, IReadOnlyDictionary<string, Tensor> into) =>
        _adapter.AddGradient(parameter, gradient, into);

    /// <summary>Writes the adapter into the folder of a policy.</summary>
    public void SaveAdapter(string policyFolder) => _adapter.Save(Path.Combine(policyFolder, PolicyFiles.Adapter));

    public override void Publish()
    {
        foreach (var (name, weight) in _frozen.Where(w => Changes(w.Key)))
        {
            using var scope = NewDisposeScope();
            Model.Parameters[name].copy_(_adapter.Merge(name, weight));
        }
    }

    public override void Dispose()
    {
        Model.Dispose();
        _adapter.Dispose();
        foreach (var weight in _frozen.Values)
            weight.Dispose();
        base.Dispose();
    }

    /// <summary>Beside the policy under the same name, as in a policy store wherever it is; else where it was.</summary>
    private static string BaseOf(string path, LoraConfig config)
    {
        var named = Path.TrimEndingDirectorySeparator(config.Base);
        var beside = Path.GetFullPath(Path.Combine(path, "..", "..", Path.GetFileName(named)));
        return named.Length == 0 ? throw Gone()
            : File.Exists(Path.Combine(beside, "config.json")) ? beside
            : File.Exists(Path.Combine(named, "config.json")) ? named
            : throw Gone();

        InvalidDataException Gone() =>
            new($"{Path.Combine(path, LoraConfig.ConfigFile)}: base_model_name_or_path = {SafeTensorsHeader.Shown(config.Base)}: there is no such model");
    }
}
