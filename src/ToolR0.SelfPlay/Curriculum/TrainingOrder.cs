namespace ToolR0.SelfPlay.Curriculum;

/// <summary>Which tasks of the curriculum a Solver step trains on.</summary>
public static class TrainingOrder
{
    /// <summary>
    /// The tasks of a Solver step, easy to hard over the whole phase. Slots and curriculum are stretched over each other: with more tasks than slots
    /// every k-th task is taken; with fewer, a window of distinct tasks slides over the curriculum, so that tasks come again but the order stays.
    /// </summary>
    public static IReadOnlyList<int> Positions(int tasks, int steps, int prompts, int step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tasks, 1);
        if (tasks >= steps * prompts)
            return [.. Enumerable.Range(step * prompts, prompts).Select(slot => (int)((long)slot * tasks / (steps * prompts)))];
        var start = tasks <= prompts || steps == 1 ? 0 : (int)((long)step * (tasks - prompts) / (steps - 1));
        return [.. Enumerable.Range(start, prompts).Select(position => position % tasks)];
    }
}
