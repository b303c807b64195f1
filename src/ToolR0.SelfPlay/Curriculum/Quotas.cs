namespace ToolR0.SelfPlay.Curriculum;

/// <param name="Weight">Relative, at least 0.</param>
/// <param name="Capacity">At most this many.</param>
internal sealed record Quota(string Key, double Weight, int Capacity);

/// <summary>Splits a whole number by weights: largest remainders, capped by capacity, what a full one can not take goes to the others.</summary>
internal static class Quotas
{
    public static IReadOnlyDictionary<string, int> Split(int total, IReadOnlyList<Quota> parts)
    {
        var counts = parts.ToDictionary(p => p.Key, _ => 0);
        var open = parts.Where(p => p.Capacity > 0).OrderBy(p => p.Key, StringComparer.Ordinal).ToList();
        while (total > 0 && open.Count > 0)
        {
            // Parts without weight take something only once the others are full.
            var weighted = open.Where(p => p.Weight > 0).ToList();
            if (weighted.Count == 0)
                weighted = [.. open.Select(p => p with { Weight = 1 })];
            var sum = weighted.Sum(p => p.Weight);
            var full = weighted.Where(p => total * p.Weight / sum >= p.Capacity).ToList();
            foreach (var part in full)
            {
                var taken = Math.Min(part.Capacity, total);
                counts[part.Key] = taken;
                total -= taken;
                open.RemoveAll(p => p.Key == part.Key);
            }

            if (full.Count > 0)
                continue;

            var ideal = weighted.Select(p => (p.Key, Share: total * p.Weight / sum)).ToList();
            foreach (var (key, share) in ideal)
                counts[key] = (int)share;
            foreach (var (key, _) in ideal.OrderByDescending(i => i.Share - Math.Floor(i.Share)).Take(total - ideal.Sum(i => (int)i.Share)))
                counts[key]++;
            break;
        }

        return counts;
    }
}
