using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.TinyWorld;

/// <summary>Draws a value's text as a question shows it.</summary>
public delegate string ValueDraw(WorldRandom random);

/// <summary>A parameter of a tool of the world. <paramref name="Type"/> is a JSON Schema primitive.</summary>
public sealed record WorldParameter(string Name, string Type, ValueDraw Draw)
{
    /// <summary>A drawn value's text as JSON: quoted for strings, bare for the other types.</summary>
    public JsonElement ToJson(string text) => WorldJson.Parse(Type == "string" ? JsonSerializer.Serialize(text) : text);
}

/// <summary>Where a tool comes from: the catalogue (<see cref="Seen"/> in pretraining or held back from it) or the word lists.</summary>
public enum ToolOrigin
{
    Seen,
    Unseen,
    Invented,
}

/// <summary>A tool of the world with ways to ask for it.</summary>
/// <param name="Patterns">
/// Question patterns: <c>*</c> stands for one word of the tool's name (the cue), <c>{0}</c>, <c>{1}</c>, … for the values in parameter
/// order. Neither the other words of the name nor any parameter's name occur, so that the call can only be written by reading the menu.
/// </param>
public sealed record WorldTool(
    string Name, string Domain, ToolOrigin Origin, IReadOnlyList<WorldParameter> Parameters, IReadOnlyList<string> Patterns)
{
    /// <summary>The words of the name, any one of which may be a question's cue.</summary>
    public IReadOnlyList<string> Words { get; } = Name.Split('_');

    /// <summary>The tool as a menu offers it: no descriptions, every parameter required.</summary>
    public ToolSpec ToSpec() =>
        new(Name, "", [.. Parameters.Select(p => new ToolParameter(p.Name, p.Type))], [.. Parameters.Select(p => p.Name)]);
}
