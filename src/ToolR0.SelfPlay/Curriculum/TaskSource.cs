using ToolR0.Contracts;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>From a stored fact to the task that a <see cref="TaskRef"/> names.</summary>
public static class TaskSource
{
    /// <summary>
    /// The task of a sample of <see cref="TasksProposed"/> (groups are read as for rewards, candidates as for the curriculum), a
    /// <see cref="TaskVaried"/> (index 0) or an item of <see cref="HeldOutRegistered"/> (the index counts within this event). Null if the sample is
    /// no well-formed task or is not there.
    /// </summary>
    public static ToolTask? Resolve(TaskRef reference, object fact)
    {
        switch (fact)
        {
            case TasksProposed proposed when reference.Index >= 0 && reference.Index < proposed.Samples.Count:
                var sample = proposed.Samples[reference.Index];
                if (sample.Finish == FinishReason.Void)
                    return null;
                return Read(reference.Stream, sample.Text, proposed.Signatures).ToTask(proposed.Spec);
            case TaskVaried varied when reference.Index == 0:
                return varied.Task;
            case HeldOutRegistered heldOut when reference.Index >= 0 && reference.Index < heldOut.Items.Count:
                return heldOut.Items[reference.Index].Task;
            default:
                return null;
        }
    }

    /// <summary>
    /// The task in a stream's facts (version order), with the results of its gold calls where they were executed. An item's index in a held-out set
    /// counts over all its events.
    /// </summary>
    public static ToolTask? Resolve(TaskRef reference, IEnumerable<object> facts)
    {
        var passed = 0;
        ToolTask? proposed = null;
        foreach (var fact in facts)
        {
            switch (fact)
            {
                case TaskVaried:
                    return Resolve(reference, fact);
                case TasksProposed:
                    proposed = Resolve(reference, fact);
                    if (proposed is null)
                        return null;
                    break;
                case ToolCallsExecuted executed when proposed is not null:
                    return GoldReferences.Apply(proposed, executed.Samples.FirstOrDefault(sample => sample.Sample == reference.Index));
                case HeldOutRegistered heldOut when reference.Index < passed + heldOut.Items.Count:
                    return reference.Index < passed ? null : heldOut.Items[reference.Index - passed].Task;
                case HeldOutRegistered heldOut:
                    passed += heldOut.Items.Count;
                    break;
            }
        }

        return proposed;
    }

    /// <summary>A proposal's text as its stream reads it.</summary>
    public static Proposal Read(string stream, string text, bool signatures = false) => StreamKey.IsOf(stream, StreamKind.Task)
        ? ProposalParser.ParseForCurriculum(text, signatures)
        : ProposalParser.ParseForReward(text, signatures);
}
