using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Tests;

/// <summary>A random model of a few thousand parameters in a folder that is gone after the test.</summary>
internal sealed class TinyPolicy : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("toolr0-policy-").FullName;

    public TinyPolicy(long seed = 1, bool tied = true, int layers = 2, double scale = 1, int maxPositions = 256,
        ModelFamily family = ModelFamily.Qwen2,
        int? headSize = null)
    {
        TorchRuntime.Configure(1);
        var tokenizerFolder = Path.Combine(_root, "tokenizer");
        Directory.CreateDirectory(tokenizerFolder);
        BpeTrainer.Train(
            ["convert three miles to kilometres", "book a flight to rome"],
            new BpeTrainingOptions { VocabularySize = 290, AddedTokens = ["<answer>"] },
            tokenizerFolder);
        var vocabulary = Tokenizer.Load(tokenizerFolder).VocabularySize;
        Config = new ModelConfig
        {
            Family = family,
            VocabularySize = vocabulary,
            HiddenSize = 32,
            HeadSize = headSize ?? (family == ModelFamily.Qwen2 ? 8 : 12),
            IntermediateSize = 48,
            Layers = layers,
            Heads = 4,
            KeyValueHeads = 2,
            MaxPositions = maxPositions,
            TiedEmbeddings = tied,
            RopeScaling = family == ModelFamily.Llama ? Llama3 : null,
        };
        Folder = Path.Combine(_root, "model");
        using var policy = Policy.CreateRandom(Config, tokenizerFolder, seed);
        // The usual small initialisation makes every distribution nearly uniform; larger weights make wrong attention visible.
        foreach (var (name, parameter) in policy.Model.Parameters)
        {
            if (!name.EndsWith("_norm.weight", StringComparison.Ordinal))
                parameter.mul_(Numbers.Held(scale));
        }

        policy.Save(Folder);
        Policy = Policy.Load(Folder);
    }

    /// <summary>All three ranges of frequencies occur.</summary>
    public static RopeScaling Llama3 { get; } = new() { Factor = 4, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalPositions = 128 };

    public ModelConfig Config { get; }

    public string Folder { get; }

    public Policy Policy { get; }

    public string Path_(string name) => Path.Combine(_root, name);

    /// <summary>Token ids from a seed.</summary>
    public int[] Tokens(int count, long seed) => [.. Enumerable.Range(0, count).Select(i => (int)(Randomness.Uniform(seed, i) * 250))];

    public IReadOnlyList<IReadOnlyList<Trajectory>> Sample(IReadOnlyList<SampleRequest> requests, SamplingOptions options, params string[] stop) =>
        Sampler.Sample(Policy, requests, options, stop, TestContext.Current.CancellationToken);

    /// <summary>log softmax(logits / temperature) of each completion token by a full forward of the whole sequence.</summary>
    public float[] FullForward(int[] prompt, int[] completion, double temperature)
    {
        using var noGrad = TorchSharp.torch.no_grad();
        using var logits = Policy.Model.Logits([[.. prompt, .. completion]]);
        var values = logits.data<float>().ToArray();
        var vocabulary = Config.VocabularySize;
        return [.. completion.Select((token, t) =>
        {
            var row = values.AsSpan((prompt.Length + t - 1) * vocabulary, vocabulary).ToArray().Select(v => v / temperature).ToArray();
            var max = row.Max();
            return (float)(row[token] - max - Math.Log(row.Sum(v => Math.Exp(v - max))));
        })];
    }

    public void Dispose()
    {
        Policy.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
