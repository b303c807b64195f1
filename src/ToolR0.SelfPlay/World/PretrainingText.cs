using ToolR0.Contracts;

namespace ToolR0.SelfPlay.World;

public enum TextKind
{
    /// <summary>A Solver prompt with a noisy answer.</summary>
    Solver,

    /// <summary>A Generator prompt with a noisy proposal.</summary>
    Generator,

    /// <summary>Clean text in another surface form that holds the ability to find a tool and copy values.</summary>
    ReadAndCopy,
}

/// <summary>One pretraining text: what is given and what is learned from it.</summary>
/// <param name="Prompt">The chat turns before the completion; empty for read-and-copy text, which is plain.</param>
/// <param name="Given">Plain text before the completion, on which nothing is learned.</param>
/// <param name="Task">The task of a Solver text.</param>
public sealed record PretrainingText(
    TextKind Kind, IReadOnlyList<(string Role, string Content)> Prompt, string Given, string Completion, ToolTask? Task = null);

/// <summary>The mixture that the base model is pretrained on. Text i is a function of seed and i alone.</summary>
public sealed class PretrainingMixture(long seed, PretrainingNoise noise)
{
    private static readonly PromptOptions Compact = new() { Set = PromptSet.Compact };

    /// <summary>Share of Solver texts, of Generator texts; the rest is read-and-copy.</summary>
    public double SolverShare { get; init; } = 0.35;

    public double GeneratorShare { get; init; } = 0.30;

    /// <summary>Share of tasks in Solver and read-and-copy texts whose gold tools are invented.</summary>
    public double InventedTasks { get; init; } = 0.60;

    /// <summary>The same in Generator texts. With few of them a Solver learns names by heart in self-play and unlearns to read the menu.</summary>
    public double InventedProposals { get; init; } = 0.65;

    public PretrainingText Text(long index)
    {
        var random = WorldRandom.For(seed, $"pretraining/{index}");
        var kind = random.NextDouble();
        return kind < SolverShare ? SolverText(random) : kind < SolverShare + GeneratorShare ? GeneratorText(random) : ReadAndCopyText(random);
    }

    private PretrainingText SolverText(WorldRandom random)
    {
        var calls = random.NextDouble() switch { < 0.14 => 0, < 0.66 => 1, < 0.96 => 2, _ => 3 };
        var task = Draw(random, InventedTasks, random.Next(2, 4), calls);
        var asked = task.ToToolTask();
        return new PretrainingText(TextKind.Solver, SolverPrompt.Render(asked, Compact), "", NoisyAnswer.Write(random, task, noise), asked);
    }

    private PretrainingText GeneratorText(WorldRandom random)
    {
        var specCalls = random.NextDouble() switch { < 0.08 => 0, < 0.50 => 1, < 0.94 => 2, _ => 3 };
        var spec = new TaskSpec(random.Pick(WorldCatalog.Domains), TaskContext.SingleTurn, random.Next(Math.Max(2, specCalls), 4), specCalls);
        var (ignored, instead) = specCalls switch
        {
            0 => (noise.IgnoreNoCalls, 1),
            1 => (noise.IgnoreCalls / 3, 2),
            2 => (noise.IgnoreCalls, 1),
            _ => (noise.IgnoreThreeCalls, random.Next(1, 2)),
        };
        var calls = random.Chance(ignored) ? instead : specCalls;
        var menu = random.Chance(noise.IgnoreMenuSize) ? spec.MenuSize + (random.Chance(0.5) ? 1 : -1) : spec.MenuSize;
        var task = Draw(random, InventedProposals, menu, calls, spec.Domain);
        return new PretrainingText(TextKind.Generator, GeneratorPrompt.Render(spec, Compact), "", NoisyProposal.Write(random, task, noise));
    }

    private PretrainingText ReadAndCopyText(WorldRandom random)
    {
        var menu = random.Next(2, 4);
        var task = Draw(random, InventedTasks, menu, menu);
        var (given, completion) = ReadAndCopy.Write(random, task);
        return new PretrainingText(TextKind.ReadAndCopy, [], given, completion);
    }

    /// <summary>A task whose question is not reserved for held-out sets, nor any part of it, and in which no unseen tool occurs.</summary>
    private static WorldTask Draw(WorldRandom random, double invented, int menuSize, int calls, string? domain = null)
    {
        while (true)
        {
            var share = random.Chance(invented) ? 1.0 : 0.0;
            var task = WorldTask.Make(
                random,
                domain ?? random.Pick(WorldCatalog.Domains),
                menuSize,
                calls,
                (r, d) => Tool(r, d, share),
                (r, d) => Tool(r, r.Chance(0.5) ? d : r.Pick(WorldCatalog.Domains), invented));
            if (!HeldOut.IsReserved(task.Question) && !task.Phrases.Any(HeldOut.IsReserved))
                return task;
        }
    }

    private static WorldTool Tool(WorldRandom random, string domain, double invented) =>
        random.Chance(invented) ? InventedTools.Make(random, domain) : random.Pick(WorldCatalog.SeenIn(domain));
}
