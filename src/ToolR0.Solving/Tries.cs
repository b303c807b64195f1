using ToolR0.Contracts;
using ToolR0.Policies.Sampling;

namespace ToolR0.Solving;

/// <summary>Asks again where an answer can not be read. Which tries share a batch follows from the answers alone, so equal shards give equal
/// tries.</summary>
public static class Tries
{
    /// <summary>Per request its tries in order: at most one per seed, the last of them readable if any is.</summary>
    /// <param name="sample">One completion per seed of each request.</param>
    public static IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        IReadOnlyList<SampleRequest> requests,
        Func<IReadOnlyList<SampleRequest>, IReadOnlyList<IReadOnlyList<Trajectory>>> sample,
        Func<string, bool> isReadable)
    {
        var tries = requests.Select(_ => new List<Trajectory>()).ToArray();
        int[] open = [.. Enumerable.Range(0, requests.Count)];
        while (open.Length > 0)
        {
            var answers = sample([.. open.Select(i => requests[i] with { Seeds = [requests[i].Seeds[tries[i].Count]] })]);
            foreach (var (i, answer) in open.Zip(answers))
                tries[i].Add(answer[0]);
            open = [.. open.Where(i => !isReadable(tries[i][^1].Text) && tries[i].Count < requests[i].Seeds.Length)];
        }

        return tries;
    }
}
