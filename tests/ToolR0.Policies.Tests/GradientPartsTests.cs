using ToolR0.Policies.Learning;

namespace ToolR0.Policies.Tests;

public sealed class GradientPartsTests
{
    [Fact]
    public void Parts_are_balanced_and_hold_every_item_once()
    {
        var costs = Enumerable.Range(0, 37).Select(i => 100L + (i * 7919 % 400)).ToArray();
        var parts = GradientParts.Assign(costs, 4, 2048);
        parts.Count.ShouldBe(4);
        parts.SelectMany(p => p.SelectMany(items => items)).Order().ShouldBe(Enumerable.Range(0, 37));
        var loads = parts.Select(p => p.Sum(items => items.Sum(i => costs[i]))).ToArray();
        (loads.Max() - loads.Min()).ShouldBeLessThan(500);
    }

    [Fact]
    public void A_pass_is_bounded_unless_one_item_is_larger()
    {
        long[] costs = [5000, 1000, 1000, 900, 100, 100];
        var passes = GradientParts.Assign(costs, 1, 2048).ShouldHaveSingleItem();
        passes.ShouldBe([[0], [1, 2], [3, 4], [5]]);
    }

    [Fact]
    public void More_parts_than_items_leaves_no_empty_part() => GradientParts.Assign([3, 5], 8, 2048).ShouldBe([[[1]], [[0]]]);
}
