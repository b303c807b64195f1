using ToolR0.Policies.Learning;
using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Texts;
using ToolR0.Tokenization;

namespace ToolR0.Pretraining;

/// <summary>Batches of the mixture as token sequences in which only completions count. Batch i depends on the mixture, the tokenizer and i
/// alone.</summary>
public sealed class TextBatches(PretrainingMixture mixture, Tokenizer tokenizer, int textsPerBatch, long seed)
{
    /// <summary>Batches sorted together, so that a batch holds texts of like length and little padding.</summary>
    private const int BatchesPerPool = 8;

    public IEnumerable<IReadOnlyList<WeightedSequence>> All()
    {
        var size = textsPerBatch;
        for (long pool = 0; ; pool++)
        {
            var first = pool * BatchesPerPool * size;
            var sequences = Enumerable.Range(0, BatchesPerPool * size).AsParallel().AsOrdered().WithDegreeOfParallelism(2)
                .Select(i => Encode(mixture.Text(first + i))).OrderBy(s => s.Tokens.Length).ToList();
            var batches = sequences.Chunk(size).ToList();
            WorldRandom.For(seed, $"batches/{pool}").Shuffle(batches);
            foreach (var batch in batches)
                yield return batch;
        }
    }

    /// <summary>Prompt, completion and the end of the turn; weight 1 on the last two, 0 on the prompt. The same for further turns, with 0 on what
    /// calls returned.</summary>
    public WeightedSequence Encode(PretrainingText text)
    {
        var given = text.Prompt.Count == 0
            ? tokenizer.Encode(text.Given)
            : BaseModel.Encode(tokenizer, text.Prompt);
        List<int> tokens = [.. given];
        List<float> weights = [.. given.Select(_ => 0f)];
        Add([.. tokenizer.Encode(text.Completion), tokenizer.EndOfTurn], 1);
        foreach (var turn in text.Later)
        {
            Add(ToolResults.Encode(tokenizer, turn.Results, int.MaxValue, closed: true), 0);
            Add([.. tokenizer.Encode(turn.Completion), tokenizer.EndOfTurn], 1);
        }

        return new WeightedSequence([.. tokens], [.. weights]);

        void Add(int[] part, float weight)
        {
            tokens.AddRange(part);
            weights.AddRange(part.Select(_ => weight));
        }
    }
}
