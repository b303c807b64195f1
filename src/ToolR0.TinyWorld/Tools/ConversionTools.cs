using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Units and currencies by fixed tables: a call gives the same result on every day.</summary>
internal static class ConversionTools
{
    private static readonly Dictionary<string, double> Meters =
        new() { ["mile"] = 1609.344, ["meter"] = 1, ["inch"] = 0.0254, ["yard"] = 0.9144, ["foot"] = 0.3048 };

    private static readonly Dictionary<string, double> Kilograms =
        new() { ["gram"] = 0.001, ["pound"] = 0.45359237, ["ounce"] = 0.028349523125, ["stone"] = 6.35029318, ["tonne"] = 1000 };

    private static readonly Dictionary<string, Func<double, double>> Celsius =
        new() { ["celsius"] = d => d, ["kelvin"] = d => d - 273.15, ["fahrenheit"] = d => (d - 32) / 1.8 };

    private static readonly Dictionary<string, double> KilometersPerHour = new() { ["kmh"] = 1, ["mph"] = 1.609344, ["knot"] = 1.852 };
    private static readonly Dictionary<string, double> Liters =
        new() { ["liter"] = 1, ["gallon"] = 3.785411784, ["pint"] = 0.473176473, ["cup"] = 0.2365882365 };
    private static readonly Dictionary<string, double> Joules = new() { ["joule"] = 1, ["calorie"] = 4.184, ["watthour"] = 3600 };

    /// <summary>Euro per unit of the currency.</summary>
    private static readonly Dictionary<string, double> Euros =
        new() { ["euro"] = 1, ["dollar"] = 0.9, ["yen"] = 0.006, ["franc"] = 1.05, ["krona"] = 0.09, ["peso"] = 0.05 };

    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["convert_length"] = (a, _) => new { meters = Round(a.Number("value") * a.Lookup("unit", Meters)) },
        ["weigh_cargo"] = (a, _) => new { kilograms = Round(a.Number("value") * a.Lookup("unit", Kilograms)) },
        ["heat_oven"] = (a, _) => new { celsius = Round(a.Lookup("scale", Celsius)(a.Number("degrees"))) },
        ["pace_runner"] = (a, _) => new { kilometersPerHour = Round(a.Number("speed") * a.Lookup("unit", KilometersPerHour)) },
        ["pour_liquid"] = (a, _) => Round(a.Number("value") * a.Lookup("source", Liters) / a.Lookup("target", Liters)),
        ["burn_energy"] = (a, _) => new { joules = Round(a.Number("value") * a.Lookup("unit", Joules)) },
        ["exchange_currency"] = (a, _) => Round(a.Number("amount") * a.Lookup("source", Euros) / a.Lookup("target", Euros)),
    };

    private static double Round(double value)
    {
        var rounded = Math.Round(value, 6);
        return double.IsFinite(rounded) ? rounded : throw new ToolArgumentException("the result is not a finite number");
    }
}
