using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Storage;
using ToolR0.SelfPlay.Options;
using ToolR0.Tokenization;

namespace ToolR0.Learning;

/// <summary>
/// Finds the learner a step continues, and keeps the one it leaves. Weights are a fold over stored groups (weights(n+1) = f(weights(n), groups));
/// what is in memory or on disk only saves folding again. One step at a time.
/// </summary>
public sealed class LearnerCache(PolicyStore policies) : IDisposable
{
    private const string OptimiserFile = "optimizer.safetensors";

    /// <summary>Step checkpoints this process wrote and may delete again: never one that was there before, and never a phase's last.</summary>
    private readonly List<string> _checkpoints = [];
    private (string Run, int Iteration, Role Role, string Policy, GrpoLearner Learner)? _current;

    /// <summary>
    /// The learner at the command's base: from memory, fresh at the phase's start, or from a checkpoint. Null if none of these is there and the phase
    /// must be folded again. The caller owns it until <see cref="Keep"/>.
    /// </summary>
    public GrpoLearner? TryTake(TrainPolicy command, RunOptions options)
    {
        var current = _current;
        _current = null;
        if (current is { } c)
        {
            if (c.Run == command.Run && c.Iteration == command.Iteration && c.Role == command.Role && c.Policy == command.Base)
                return c.Learner;
            c.Learner.Dispose();
        }

        // Weights stored as bf16 may keep their name while the optimiser's state moves on, so only step 0 is known to begin with zero state.
        if (command.Base == command.PhaseStart)
            return command.Step == 0 ? Start(command, options) : null;
        var folder = policies.FolderOf(command.Base);
        return File.Exists(Path.Combine(folder, OptimiserFile)) ? GrpoLearner.Resume(folder, options.Learning) : null;
    }

    /// <summary>The tokenizer of a policy.</summary>
    public Tokenizer TokenizerOf(string policy) => Tokenizer.Load(policies.FolderOf(policy));

    /// <summary>A learner at the phase's first policy with zero optimiser state. A new adapter is drawn from the run's seed and the role.</summary>
    public GrpoLearner Start(TrainPolicy command, RunOptions options) => GrpoLearner.Start(
        policies.FolderOf(command.PhaseStart), options.Learning,
            seed: Seeds.Derive(options.Seed, $"lora/{command.Role.ToString().ToLowerInvariant()}"));

    /// <summary>Writes the learner's weights as a policy, with optimiser state unless the phase is over; returns their SHA-256.</summary>
    /// <exception cref="IOException">One line; nothing is half-written.</exception>
    public string Checkpoint(TrainPolicy command, GrpoLearner learner, RunOptions options)
    {
        var last = command.Step == command.Steps - 1;
        var known = false;
        var sha = policies.Put(folder =>
        {
            known = policies.Contains(learner.Save(folder, withOptimiser: !last));
            TrainedWith.Write(folder, options);
        });
        if (!known)
            _checkpoints.Add(sha);
        return sha;
    }

    /// <summary>Keeps the learner for the step that follows, and of this process's step checkpoints only the newest two.</summary>
    public void Keep(TrainPolicy command, string policy, GrpoLearner learner)
    {
        foreach (var old in _checkpoints.Where(sha => sha != policy && sha != command.Base).ToList())
        {
            policies.Remove(old);
            _checkpoints.Remove(old);
        }

        if (command.Step < command.Steps - 1)
        {
            _current = (command.Run, command.Iteration, command.Role, policy, learner);
            return;
        }

        _checkpoints.Remove(policy);
        learner.Dispose();
    }

    public void Dispose()
    {
        _current?.Learner.Dispose();
        _current = null;
    }
}
