using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>Prompts encoded once each, with what decoding goes on from.</summary>
/// <param name="First">Index of the first of the groups encoded.</param>
/// <param name="KeysValues">Per layer [2, groups · KV, longest prompt, D].</param>
internal sealed record Prefill(int First, int Groups, Tensor[] KeysValues)
{
    /// <summary>Positions encoded at once: enough to fill matrix products, few enough to bound memory.</summary>
    private const int RowsAtOnce = 16_384;

    /// <param name="logits">Of the first token of each of a group's <paramref name="width"/> slots, [groups · width, vocabulary].</param>
    public static IReadOnlyList<Prefill> Run(Transformer model, IReadOnlyList<DecodeGroup> groups, int width, out Tensor logits)
    {
        var parts = new List<Prefill>();
        var heads = new List<Tensor>();
        for (int first = 0, count; first < groups.Count; first += count)
        {
            var longest = groups[first].Prompt.Length;
            for (count = 1; first + count < groups.Count; count++)
            {
                longest = Math.Max(longest, groups[first + count].Prompt.Length);
                if (longest * (count + 1) > RowsAtOnce)
                    break;
            }

            parts.Add(Encode(model, [.. groups.Skip(first).Take(count).Select(g => g.Prompt)], first, width, out var last));
            heads.Add(last);
        }

        logits = heads.Count == 1 ? heads[0] : cat(heads);
        return parts;
    }

    private static Prefill Encode(Transformer model, int[][] prompts, int first, int width, out Tensor logits)
    {
        using var scope = NewDisposeScope();
        var weights = model.Inference;
        var batch = PrefixBatch.Plain(prompts);
        var plan = new PrefixAttention(model.Config, batch, model.Rope(batch.Positions), model.Device, model.Type);
        var x = weights.Embed(tensor(batch.Tokens, device: model.Device));
        var keysValues = new Tensor[weights.Layers.Length];
        for (var layer = 0; layer < keysValues.Length; layer++)
        {
            using var layerScope = NewDisposeScope();
            var heads = model.Project(weights.Layers[layer], x, plan.Cos, plan.Sin);
            var attended = plan.AttendPrompts(heads, out var keys, out var values);
            keysValues[layer] = stack([keys, values]).MoveToOuterDisposeScope().MoveToOuterDisposeScope();
            x = model.Finish(weights.Layers[layer], x, attended).MoveToOuterDisposeScope();
        }

        var last = Enumerable.Range(0, prompts.Length * width)
            .Select(slot => (long)(slot / width) * batch.PromptWidth + prompts[slot / width].Length - 1);
        logits = model.Head(weights, x.index_select(0, tensor(last.ToArray(), device: model.Device))).MoveToOuterDisposeScope();
        return new Prefill(first, prompts.Length, keysValues);
    }
}
