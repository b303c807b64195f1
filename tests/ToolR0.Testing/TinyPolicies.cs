using ToolR0.Policies;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;
using ToolR0.Tokenization;

namespace ToolR0.Testing;

/// <summary>A policy store with one random model of a few thousand parameters; gone after the test.</summary>
public sealed class TinyPolicies : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("toolr0-service-").FullName;

    public TinyPolicies(int maxPositions = 1024)
    {
        TorchRuntime.Configure(1);
        var tokenizer = Path.Combine(_root, "tokenizer");
        Directory.CreateDirectory(tokenizer);
        BpeTrainer.Train(
            [.. HeldOut.Make(HeldOut.Seen, 20, 1).Select(item => CompactFormat.Request(item.Task))], new BpeTrainingOptions { VocabularySize = 300 },
                tokenizer);
        var config = new ModelConfig
        {
            VocabularySize = Tokenizer.Load(tokenizer).VocabularySize,
            HiddenSize = 16,
            IntermediateSize = 24,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 1,
            MaxPositions = maxPositions,
            TiedEmbeddings = true,
        };
        var model = Path.Combine(_root, "model");
        using (var policy = Policy.CreateRandom(config, tokenizer, seed: 1))
            policy.Save(model);
        Store = new PolicyStore(Path.Combine(_root, "policies"));
        Base = Store.Import(model);
    }

    public PolicyStore Store { get; }

    /// <summary>SHA-256 of the model.</summary>
    public string Base { get; }

    public void Dispose()
    {
        Store.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
