namespace ToolR0.Reporting;

/// <summary>Classes of a set's items that are shown beside the set: those of a set of two or three, such as the two kinds of refusal.</summary>
public static class ItemClasses
{
    /// <summary>Whether the classes of a set with so many of them are shown beside it.</summary>
    public static bool AreShown(int count) => count is 2 or 3;

    /// <summary>What a class of a set's items is called beside the set.</summary>
    public static string Name(string set, string itemClass) => $"{set}: {itemClass}";
}
