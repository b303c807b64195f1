using ToolR0.Policies;
using ToolR0.Policies.Tokenization;
using ToolR0.SelfPlay.World;

namespace ToolR0.Cli.Pretraining;

/// <summary>Batches of the mixture as token sequences in which only completions count. Batch i depends on the mixture, the tokenizer and i alone.</summary>
public sealed class TextBatches(PretrainingMixture mixture, Tokenizer tokenizer, BaseModelOptions options)
{
    /// <summary>Batches sorted together, so that a batch holds texts of like length and little padding.</summary>
    private const int BatchesPerPool = 8;

    public IEnumerable<IReadOnlyList<WeightedSequence>> All()
    {
        var size = options.TextsPerBatch;
        for (long pool = 0; ; pool++)
        {
            var first = pool * BatchesPerPool * size;
            var sequences = Enumerable.Range(0, BatchesPerPool * size).AsParallel().AsOrdered().WithDegreeOfParallelism(2)
                .Select(i => Encode(mixture.Text(first + i))).OrderBy(s => s.Tokens.Length).ToList();
            var batches = sequences.Chunk(size).ToList();
            WorldRandom.For(options.Seed, $"batches/{pool}").Shuffle(batches);
            foreach (var batch in batches)
                yield return batch;
        }
    }

    /// <summary>Prompt, pieces and the end of the turn; weight 1 on what is learned and on the end, 0 elsewhere.</summary>
    public WeightedSequence Encode(PretrainingText text)
    {
        var tokens = new List<int>();
        var weights = new List<float>();
        void Add(ReadOnlySpan<int> piece, float weight)
        {
            tokens.AddRange(piece);
            weights.AddRange(Enumerable.Repeat(weight, piece.Length));
        }

        if (text.Prompt.Count > 0)
            Add(BaseModel.Encode(tokenizer, text.Prompt), 0);
        foreach (var (piece, learned) in text.Pieces)
            Add(tokenizer.Encode(piece), learned ? 1 : 0);
        Add([tokenizer.EndOfTurn], 1);
        return new WeightedSequence([.. tokens], [.. weights]);
    }
}
