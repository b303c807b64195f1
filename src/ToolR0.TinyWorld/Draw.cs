using System.Globalization;

namespace ToolR0.TinyWorld;

/// <summary>Value generators and parameter shorthands. Ranges are wide enough for two tasks to share all their values rarely.</summary>
internal static class Draw
{
    internal static readonly string[] Lengths = ["mile", "meter", "inch", "yard", "foot"];
    internal static readonly string[] Masses = ["gram", "pound", "ounce", "stone", "tonne"];
    internal static readonly string[] Heats = ["celsius", "kelvin", "fahrenheit"];
    internal static readonly string[] Speeds = ["knot", "kmh", "mph"];
    internal static readonly string[] Liquids = ["liter", "gallon", "pint", "cup"];
    internal static readonly string[] Energies = ["joule", "calorie", "watthour"];
    internal static readonly string[] Currencies = ["euro", "dollar", "yen", "franc", "krona", "peso"];
    internal static readonly string[] Weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    internal static readonly string[] Months =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

    private const string Consonants = "bdfgklmnprstvz";
    private const string Vowels = "aeiou";

    internal static string Syllables(WorldRandom random, int count)
    {
        var letters = new char[2 * count];
        for (var i = 0; i < letters.Length; i += 2)
        {
            letters[i] = Consonants[random.Next(0, Consonants.Length - 1)];
            letters[i + 1] = Vowels[random.Next(0, Vowels.Length - 1)];
        }

        return new string(letters);
    }

    internal static string Digits(WorldRandom random, int low, int high) => random.Next(low, high).ToString(CultureInfo.InvariantCulture);

    /// <summary>A made-up word of two syllables, one in four of three.</summary>
    internal static WorldParameter Word(string name) => new(name, "string", r => Syllables(r, r.Chance(0.25) ? 3 : 2));

    /// <summary>Three or four digits separated by spaces.</summary>
    internal static WorldParameter Items(string name) =>
        new(name, "string", r => string.Join(' ', Enumerable.Range(0, r.Next(3, 4)).Select(_ => Digits(r, 0, 9))));

    internal static WorldParameter OneOf(string name, string[] options) => new(name, "string", r => r.Pick(options));

    internal static WorldParameter Int(string name, int low = 2, int high = 99) => new(name, "integer", r => Digits(r, low, high));

    /// <summary>A number, one in eight with a decimal.</summary>
    internal static WorldParameter Num(string name, int low = 2, int high = 99) =>
        new(name, "number", r => Digits(r, low, high) + (r.Chance(0.125) ? "." + Digits(r, 1, 9) : ""));

    internal static WorldParameter Bool(string name) => new(name, "boolean", r => r.Chance(0.5) ? "true" : "false");
}
