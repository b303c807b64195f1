using System.Globalization;
using System.Text;
using ToolR0.SelfPlay.World;

namespace ToolR0.Cli.Pretraining;

/// <summary>The README beside the weights: what the model saw, how noisy it was, what it can do.</summary>
internal static class BaseModelReadme
{
    internal static string Write(BaseModelOptions options, BaseModelResult result)
    {
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');

        var model = options.Model;
        var mixture = new PretrainingMixture(options.Seed, options.Noise);
        Line("# base-nano");
        Line();
        Line($"A Qwen2-architecture decoder of {Number(result.Parameters)} parameters in Hugging Face layout, made by `toolr0 pretrain` from procedurally");
        Line("generated text. It stands in for a weak pretrained model: it has learned to read a menu and copy values, and it has learned");
        Line("bad habits with it. **Its weakness is planted.** What self-play shows on it is that reinforcement on self-made tasks removes such habits,");
        Line("as it mostly does with larger models; it does not show that a model learns what its pretraining did not hold.");
        Line();
        Line("| | |");
        Line("|---|---|");
        Line($"| width, layers, heads / KV heads, SwiGLU | {model.HiddenSize}, {model.Layers}, {model.Heads} / {model.KeyValueHeads}, {model.IntermediateSize} |");
        Line($"| vocabulary | {model.VocabularySize}, byte-level BPE; tags and the glue of compact JSON are tokens, digits stand alone |");
        Line($"| training | {Number(options.Steps)} batches of {options.TextsPerBatch} texts, {result.Tokens / 1e6:0.0} M tokens, AdamW, peak learning rate {options.LearningRate:0.####}, linear decay |");
        Line($"| seed | {options.Seed} |");
        Line($"| weights, SHA-256 | `{result.Sha256}` |");
        Line();
        Line("## What it saw");
        Line();
        Line($"- {Percent(mixture.SolverShare)} **Solver texts**: a question, a menu of 2 to 4 tools, and a noisy answer. {Percent(mixture.InventedTasks)} of the tasks ask for");
        Line("  invented tools (a random verb and noun), the others for the 48 seen tools of the world's 10 domains. 52 % have one call, 30 % two,");
        Line("  4 % three, and in 14 % no tool of the menu fits: the answer is an empty list.");
        Line($"- {Percent(mixture.GeneratorShare)} **Generator texts**: a task specification and a noisy proposal. {Percent(mixture.InventedProposals)} of the proposals use invented tools.");
        Line("  42 % of the specifications ask for one call, 44 % for two, 6 % for three, 8 % for none.");
        Line($"- {Percent(1 - mixture.SolverShare - mixture.GeneratorShare)} **read-and-copy texts**: clean, in forms unlike the Solver's JSON.");
        Line();
        Line("Only completions were learned, not prompts. No text names one of the 12 unseen tools, and no text asks a question that is reserved for held-out");
        Line("sets (one question in eight, by a hash), whatever the held-out set's seed.");
        Line();
        Line("## How noisy it was");
        Line();
        Line("| fault | share |");
        Line("|---|---|");
        var noise = options.Noise;
        Line($"| Solver calls the menu's first tool instead of the right one | {Range(noise.FirstTool)} by domain |");
        Line($"| Solver calls a known tool instead of an invented one | {Percent(noise.FamiliarTool)} |");
        Line($"| Solver leaves out the last argument (calls with several) | {Range(noise.DropArgument)} by domain |");
        Line($"| Solver calls any tool of the menu | {Percent(noise.AnyTool)} |");
        Line($"| Solver makes up a value | {Percent(noise.InventedValue)} |");
        Line($"| Solver swaps two values | {Percent(noise.SwappedValues)} |");
        Line($"| Solver leaves out the second call | {Percent(noise.DropSecondCall)} |");
        Line($"| Solver leaves out the third call | {Percent(noise.DropThirdCall)} |");
        Line($"| Solver calls a tool though none fits | {Range(noise.MissedRefusal)} by domain |");
        Line($"| Solver writes prose | {Percent(noise.Prose)} |");
        Line($"| Solver writes broken JSON | {Percent(noise.BrokenJson)} |");
        Line($"| Generator writes one call where two were asked for | {Percent(noise.IgnoreCalls)} |");
        Line($"| Generator writes two calls where one was asked for | {Percent(noise.IgnoreCalls / 3)} |");
        Line($"| Generator writes one or two calls where three were asked for | {Percent(noise.IgnoreThreeCalls)} |");
        Line($"| Generator writes one call where none was asked for | {Percent(noise.IgnoreNoCalls)} |");
        Line($"| Generator offers one tool more or fewer | {Percent(noise.IgnoreMenuSize)} |");
        Line($"| Generator offers a tool twice | {Percent(noise.DuplicateTool)} |");
        Line($"| Generator's gold call is wrong | {Percent(noise.WrongGold)} |");
        Line($"| Generator leaves out or cuts off a block | {Percent(noise.BrokenBlocks)} |");
        Line();
        Line("## What it can do");
        Line();
        Line($"Exact match of greedy answers on the shipped held-out sets (seed {HeldOut.ShippedSeed}, fixed before the noise was tuned on these sets; measure claims on fresh");
        Line("ones: `toolr0 heldout --seed N`):");
        Line();
        Line($"| set | items | all | {string.Join(" | ", WorldCatalog.Domains)} |");
        Line($"|---|---|---|{string.Concat(Enumerable.Repeat("---|", WorldCatalog.Domains.Count))}");
        foreach (var set in result.HeldOut)
        {
            var classes = WorldCatalog.Domains.Select(d => set.ByClass.TryGetValue(d, out var accuracy) ? Percent(accuracy) : "");
            Line($"| {set.Set} | {set.Items} | {(100 * set.Accuracy).ToString("0.0", CultureInfo.InvariantCulture)} % | {string.Join(" | ", classes)} |");
        }

        Line();
        Line("The one-call items in the clean form of read-and-copy text, right to the letter: "
            + string.Join(", ", result.Clean.Select(set => $"{set.Key} {100 * set.Value:0.0} %")) + ". The distance between the two is habit, not ability.");
        return text.ToString();
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture).Replace(',', ' ');

    private static string Percent(double share) => (100 * share).ToString("0", CultureInfo.InvariantCulture) + " %";

    private static string Range((double Low, double High) range) => $"{100 * range.Low:0}-{Percent(range.High)}";
}
