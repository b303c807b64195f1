using System.Collections.Concurrent;
using System.Security.Cryptography;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Inference;

/// <summary>What samples a policy's completions: this process, or a server. Dispose when done.</summary>
public interface ICompletionSource : IDisposable
{
    ModelConfig Config { get; }

    Tokenizer Tokenizer { get; }

    /// <summary>Per request, per seed, as <see cref="Sampler"/> gives them.</summary>
    /// <param name="stop">A completion ends with this text, if it comes to it; null: only where the model ends its turn.</param>
    /// <param name="isHopeless">As <see cref="Sampler"/> has it. A server is not asked: it goes on to the end.</param>
    IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        IReadOnlyList<SampleRequest> requests, SamplingOptions options, CancellationToken ct, string? stop = null,
        Func<int, string, bool>? isHopeless = null);
}

/// <summary>Opens the source of completions that a run's options name. Thread-safe; one per process.</summary>
public sealed class CompletionSources(PolicyStore policies)
{
    private readonly ConcurrentDictionary<(string Url, string Model), OpenAiServer> _servers = new();
    private readonly ConcurrentDictionary<string, Lazy<Tokenizer>> _tokenizers = new(StringComparer.Ordinal);

    /// <param name="policy">SHA-256 of the weights.</param>
    /// <param name="cacheBytes">Memory for keys and values, where this process samples.</param>
    /// <exception cref="InvalidDataException">There is no such policy, or its folder is damaged.</exception>
    /// <exception cref="InferenceException">The server could not be told to serve it.</exception>
    public ICompletionSource Open(Role role, string policy, InferenceOptions options, long cacheBytes = long.MaxValue)
    {
        if (options.Engine == InferenceEngine.Local)
        {
            var lease = policies.Rent(policy);
            return new Local(lease.Policy, lease, cacheBytes);
        }

        var served = role == Role.Generator ? options.Generator : options.Solver;
        var server = _servers.GetOrAdd((served.Url, served.Model), place => new OpenAiServer(place.Url, place.Model));
        var folder = policies.FolderOf(policy);
        var (config, tokenizer) = (ModelConfig.Load(folder), TokenizerOf(folder));
        return new OpenAiSource(server.Serve(role, policy, folder, served.ReloadUrl, options), config, tokenizer, options);
    }

    /// <summary>A model in a folder or a GGUF file of its own, outside any policy store.</summary>
    /// <param name="path">Absolute: a server is told of it.</param>
    /// <inheritdoc cref="Open"/>
    public static ICompletionSource OpenFolder(Role role, string path, InferenceOptions options)
    {
        if (options.Engine == InferenceEngine.Local)
        {
            var policy = Policy.Load(path);
            return new Local(policy, policy, long.MaxValue);
        }

        var served = role == Role.Generator ? options.Generator : options.Solver;
        using var stored = StoredModel.Open(path);
        return new OpenAiSource(new OpenAiServer(served.Url, served.Model).Serve(role, Policy.HashOf(path), path, served.ReloadUrl, options),
            stored.Config, stored.LoadTokenizer(), options);
    }

    /// <summary>Policies of one run share their tokenizer; it is read once.</summary>
    private Tokenizer TokenizerOf(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in TokenizerFiles.NamesIn(folder).Select(name => Path.Combine(folder, name)).Where(File.Exists))
            hash.AppendData(File.ReadAllBytes(name));
        return _tokenizers.GetOrAdd(Convert.ToHexStringLower(hash.GetHashAndReset()), _ => new Lazy<Tokenizer>(() => Tokenizer.Load(folder))).Value;
    }

    /// <param name="owner">Disposed with it.</param>
    private sealed class Local(Policy policy, IDisposable owner, long cacheBytes) : ICompletionSource
    {
        public ModelConfig Config => policy.Config;

        public Tokenizer Tokenizer => policy.Tokenizer;

        public IReadOnlyList<IReadOnlyList<Trajectory>> Sample(IReadOnlyList<SampleRequest> requests, SamplingOptions options,
            CancellationToken ct, string? stop = null, Func<int, string, bool>? isHopeless = null) =>
            Sampler.Sample(policy, requests, options, stop is null ? [] : [stop], ct, cacheBytes: cacheBytes, isHopeless: isHopeless);

        public void Dispose() => owner.Dispose();
    }
}

/// <summary>An outside inference server failed, after all tries.</summary>
public sealed class InferenceException(string message, Exception? inner = null) : IOException(message, inner);
