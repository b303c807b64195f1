using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;

namespace ToolR0.TinyWorld.Texts;

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
    TextKind Kind, IReadOnlyList<(string Role, string Content)> Prompt, string Given, string Completion, ToolTask? Task = null)
{
    /// <summary>Further turns of a Solver text, each after what the calls of the one before returned.</summary>
    public IReadOnlyList<LaterTurn> Later { get; init; } = [];
}

/// <param name="Results">JSON text of what each call of the turn before returned.</param>
public sealed record LaterTurn(IReadOnlyList<string> Results, string Completion);

/// <summary>What a mixture holds. Shares are probabilities in [0, 1]. The defaults are the first stage's.</summary>
public sealed record MixtureOptions
{
    /// <summary>Share of Solver texts, of Generator texts; the rest is read-and-copy.</summary>
    public double SolverShare { get; init; } = 0.35;

    public double GeneratorShare { get; init; } = 0.30;

    /// <summary>Share of tasks in Solver and read-and-copy texts whose gold tools are invented.</summary>
    public double InventedTasks { get; init; } = 0.60;

    /// <summary>The same in Generator texts. With few of them a Solver learns names by heart in self-play and unlearns to read the menu.</summary>
    public double InventedProposals { get; init; } = 0.65;

    /// <summary>Share of Solver texts with two calls, with three, and with none because no tool fits; the others have one.</summary>
    public double TwoCalls { get; init; } = 0.35;

    public double ThreeCalls { get; init; }

    public double NoCalls { get; init; }

    /// <summary>Share of small talk among the tasks in which no tool fits; in the others a tool is asked for that is not on the menu.</summary>
    public double SmallTalk { get; init; }

    /// <summary>Share of tool questions in Solver and Generator texts that begin or end as small talk does.</summary>
    public double Greetings { get; init; }

    /// <summary>Share of specifications of Generator texts that ask for three calls, and for none; the others ask for one or two, evenly.</summary>
    public double SpecThreeCalls { get; init; }

    public double SpecNoCalls { get; init; }

    /// <summary>Share of look-ups (read-and-copy) that also ask for a word that no tool has.</summary>
    public double AbsentLookUps { get; init; }

    /// <summary>Share of Solver texts whose second call needs what the first returns. Above 0 Solver texts go on after their calls, as far as these
    /// can be executed.</summary>
    public double Chained { get; init; }

    /// <summary>The same of the specifications of Generator texts.</summary>
    public double SpecChained { get; init; }

    public PretrainingNoise Noise { get; init; } = new();

    /// <summary>A mixture in which tools are read, one or two are called, and no call is ever refused.</summary>
    public static MixtureOptions Reading { get; } = new();

    /// <summary>The habits on top: refusals, three calls, a liking for familiar tools.</summary>
    public static MixtureOptions Habits { get; } = new()
    {
        SolverShare = 0.45,
        GeneratorShare = 0.30,
        TwoCalls = 0.32,
        ThreeCalls = 0.06,
        NoCalls = 0.12,
        SpecThreeCalls = 0.08,
        SpecNoCalls = 0.12,
        AbsentLookUps = 0.6,
        Noise = new PretrainingNoise { FirstTool = (0.27, 0.65), DropArgument = (0.34, 0.67), FamiliarTool = 0.22, MissedRefusal = (0.05, 0.35) },
    };

    /// <summary>The same habits with small talk, which is refused sometimes: what a tiny model can tell from a request, unlike a tool that is
    /// missing.</summary>
    public static MixtureOptions Talk { get; } = Habits with
    {
        NoCalls = 0.16,
        SmallTalk = 0.8,
        Greetings = 0.08,
        SpecNoCalls = 0.22,
        Noise = Habits.Noise with { FirstTool = (0.34, 0.72), DropArgument = (0.37, 0.70) },
    };

    /// <summary>What calls return: a Solver that is shown it goes on, and a Generator that writes tasks in which it must.</summary>
    public static MixtureOptions Results { get; } = Talk with
    {
        SolverShare = 0.6,
        GeneratorShare = 0.25,
        Chained = 0.65,
        SpecChained = 0.4,
        InventedTasks = 0.3,
        Noise = Talk.Noise with { FirstTool = (0.05, 0.3), DropArgument = (0.05, 0.3), Prose = 0.06 },
    };

    /// <summary>The bad habits on top: what was returned is seldom used where it is needed.</summary>
    public static MixtureOptions UnusedResults { get; } = Results with
    {
        Noise = Results.Noise with { StaleValue = (0.4, 0.85), StopsEarly = 0.25, CallsTogether = 0.35 },
    };

    /// <summary>
    /// Habits for studies of co-evolution: two calls, which the Solver seldom leaves out and the Generator seldom writes when asked for them. A
    /// Generator that learns to has something to teach.
    /// </summary>
    public static MixtureOptions RareTwoCalls { get; } = Habits with { Noise = Habits.Noise with { DropSecondCall = 0.05, IgnoreTwoCalls = 0.75 } };

    /// <summary>
    /// Habits for studies of co-evolution: a Generator that seldom invents a tool. Whether a Solver needs invented ones to go on reading menus is
    /// what such a study asks.
    /// </summary>
    public static MixtureOptions RareInvention { get; } = Habits with { InventedProposals = 0.06 };
}

/// <summary>A mixture of texts that a base model is pretrained on. Text i is a function of seed and i alone.</summary>
public sealed class PretrainingMixture(long seed, MixtureOptions options)
{
    private static readonly PromptOptions Compact = new() { Set = PromptSet.Compact };

    public PretrainingText Text(long index)
    {
        var random = WorldRandom.For(seed, $"pretraining/{index}");
        var kind = random.NextDouble();
        return kind < options.SolverShare ? SolverText(random)
            : kind < options.SolverShare + options.GeneratorShare ? GeneratorText(random)
            : ReadAndCopyText(random);
    }

    private PretrainingText SolverText(WorldRandom random)
    {
        var menuSize = random.Next(2, 4);
        if (options.Chained > 0 && random.Chance(options.Chained))
            return Acted(random, Chain(random, menuSize, random.Pick(WorldCatalog.Domains)));
        var share = random.NextDouble();
        var calls = share < options.TwoCalls ? 2
            : share < options.TwoCalls + options.ThreeCalls ? 3
            : share < options.TwoCalls + options.ThreeCalls + options.NoCalls ? 0 : 1;
        var task = Draw(random, options.InventedTasks, menuSize, calls, options.Greetings);
        if (options.Chained > 0)
            return Acted(random, task);
        var asked = task.ToToolTask();
        return new PretrainingText(TextKind.Solver, SolverPrompt.Render(asked, Compact), "", NoisyAnswer.Write(random, task, options.Noise), asked);
    }

    private PretrainingText Acted(WorldRandom random, WorldTask task)
    {
        var asked = task.ToToolTask();
        var turns = NoisyTurns.Write(random, task, options.Noise);
        return new PretrainingText(TextKind.Solver, SolverPrompt.Render(asked, Compact), "", turns[0].Completion, asked)
        {
            Later = [.. turns.Skip(1)],
        };
    }

    /// <summary>A chained task whose question, and every part of it, is not reserved; of seen tools, since others cannot be executed.</summary>
    private static WorldTask Chain(WorldRandom random, int menuSize, string domain)
    {
        while (true)
        {
            var task = ChainedTask.Make(
                random,
                domain,
                menuSize,
                (r, d) => r.Pick(WorldCatalog.SeenIn(d)),
                (r, _) => r.Pick(WorldCatalog.SeenIn(r.Pick(WorldCatalog.Domains))));
            if (!HeldOut.IsReserved(task.Question) && !task.Phrases.Any(HeldOut.IsReserved))
                return task;
        }
    }

    private PretrainingText GeneratorText(WorldRandom random)
    {
        var noise = options.Noise;
        var spec = new TaskSpec(random.Pick(WorldCatalog.Domains), TaskContext.SingleTurn, random.Next(2, 4), random.Next(1, 2));
        if (options.SpecThreeCalls + options.SpecNoCalls > 0)
        {
            var share = random.NextDouble();
            spec = share < options.SpecThreeCalls ? spec with { Calls = 3, MenuSize = Math.Max(3, spec.MenuSize) }
                : share < options.SpecThreeCalls + options.SpecNoCalls ? spec with { Calls = 0 }
                : spec;
        }

        var calls = spec.Calls switch
        {
            0 => random.Chance(noise.IgnoreNoCalls) ? 1 : 0,
            1 => random.Chance(noise.IgnoreOneCall) ? 2 : 1,
            2 => random.Chance(noise.IgnoreTwoCalls) ? 1 : 2,
            _ => random.Chance(noise.IgnoreThreeCalls) ? random.Next(1, 2) : 3,
        };
        if (options.SpecChained > 0 && random.Chance(options.SpecChained))
        {
            spec = spec with { Calls = 2, MenuSize = Math.Max(2, spec.MenuSize), Chained = true };
            calls = 2;
        }

        var menu = random.Chance(noise.IgnoreMenuSize) ? spec.MenuSize + (random.Chance(0.5) ? 1 : -1) : spec.MenuSize;
        var task = spec.Chained && !random.Chance(noise.IgnoreChain) ? Chain(random, menu, spec.Domain)
            : Draw(random, options.InventedProposals, menu, calls, options.Greetings, spec.Domain);
        return new PretrainingText(TextKind.Generator, GeneratorPrompt.Render(spec, Compact), "", NoisyProposal.Write(random, task, noise));
    }

    private PretrainingText ReadAndCopyText(WorldRandom random)
    {
        var menu = random.Next(2, 4);
        var task = Draw(random, options.InventedTasks, menu, menu, greetings: 0);
        var (given, completion) = ReadAndCopy.Write(random, task, options.AbsentLookUps);
        return new PretrainingText(TextKind.ReadAndCopy, [], given, completion);
    }

    /// <summary>A task whose question is not reserved for held-out sets, nor any part of it, and in which no unseen tool occurs.</summary>
    private WorldTask Draw(WorldRandom random, double invented, int menuSize, int calls, double greetings, string? domain = null)
    {
        // No random number is drawn for what the mixture does not hold: its texts stay what they were before there was such a thing.
        while (true)
        {
            var smallTalk = calls == 0 && options.SmallTalk > 0 && random.Chance(options.SmallTalk);
            var share = random.Chance(invented) ? 1.0 : 0.0;
            var of = domain ?? random.Pick(WorldCatalog.Domains);
            var task = smallTalk
                ? SmallTalk.Make(random, of, menuSize, Other)
                : WorldTask.Make(random, of, menuSize, calls, (r, d) => Tool(r, d, share), Other);
            var reserved = HeldOut.IsReserved(task.Question) || task.Phrases.Any(HeldOut.IsReserved);
            if (!smallTalk && greetings > 0 && random.Chance(greetings))
            {
                task = task with { Question = SmallTalk.Around(random, task.Question) };
                reserved |= HeldOut.IsReserved(task.Question);
            }

            if (!reserved)
                return task;
        }

        WorldTool Other(WorldRandom r, string d) => Tool(r, r.Chance(0.5) ? d : r.Pick(WorldCatalog.Domains), invented);
    }

    private static WorldTool Tool(WorldRandom random, string domain, double invented) =>
        random.Chance(invented) ? InventedTools.Make(random, domain) : random.Pick(WorldCatalog.SeenIn(domain));
}
