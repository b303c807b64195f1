using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Arithmetic, geometry and money.</summary>
internal static class NumberTools
{
    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["add_numbers"] = (a, _) => Finite(a.Number("first") + a.Number("second")),
        ["subtract_figure"] = (a, _) => Finite(a.Number("upper") - a.Number("lower")),
        ["multiply_values"] = (a, _) => Finite(a.Number("left") * a.Number("right")),
        ["divide_amount"] = (a, _) => Finite(a.Number("dividend") / NotZero(a, "parts")),
        ["raise_power"] = (a, _) => Finite(Math.Pow(a.Number("base"), a.Integer("exponent", -64, 64))),
        ["find_remainder"] = (a, _) => Finite(a.Number("number") % NotZero(a, "divisor")),

        ["compute_area"] = (a, _) => Finite(a.Number("width") * a.Number("height")),
        ["trace_perimeter"] = (a, _) => Finite(2 * (a.Number("width") + a.Number("height"))),
        ["draw_circle"] = (a, _) => Finite(Math.Round(2 * Math.PI * a.Number("radius"), 6)),
        ["box_volume"] = (a, _) => Finite(a.Number("width") * a.Number("height") * a.Number("depth")),
        ["find_slope"] = (a, _) => Finite(a.Number("rise") / NotZero(a, "run")),
        ["triangle_side"] = (a, _) => Finite(Math.Round(double.Hypot(a.Number("left"), a.Number("right")), 6)),

        ["apply_tax"] = (a, _) => Cents(a.Number("price") * (1 + (a.Number("percent") / 100))),
        ["tip_waiter"] = (a, _) => Cents(a.Number("price") * a.Number("percent") / 100),
        ["split_bill"] = (a, _) => Cents(a.Number("amount") / NotZero(a, "people")),
        ["grow_savings"] = (a, _) => Cents(a.Number("amount") * Math.Pow(1 + (a.Number("percent") / 100), a.Integer("years", 0, 200))),
        ["lease_vehicle"] = (a, _) => Cents(a.Number("price") / NotZero(a, "months")),
    };

    private static double NotZero(ToolArguments arguments, string name) =>
        arguments.Number(name) is not 0 and var value ? value : throw new ToolArgumentException($"{name} is 0: must not be");

    private static double Cents(double amount) => Finite(Math.Round(amount, 2));

    private static double Finite(double value) =>
        double.IsFinite(value) ? value : throw new ToolArgumentException("the result is not a finite number");
}
