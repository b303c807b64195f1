using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>A gold call with every value that counts as right.</summary>
/// <param name="Arguments">Allowed values by argument; an empty string among them says that the argument may be left out.</param>
public sealed record AllowedCall(string Name, IReadOnlyDictionary<string, IReadOnlyList<JsonElement>> Arguments);

/// <summary>An item of a public benchmark.</summary>
/// <param name="Id">Unique in its benchmark; the item's own where it has one.</param>
/// <param name="Class">What its result is broken down by.</param>
/// <param name="Task">Question, menu and one right answer.</param>
/// <param name="Allowed">Every right answer, where the set lists allowed values; null where <see cref="ToolTask.Gold"/> is the only one.</param>
/// <param name="Schemas">Declared parameters by tool, where the set's rules look at types.</param>
/// <param name="Tools">The menu's tools with all that the set says about their parameters (enum, default, items, …), as JSON for prompts; null where
/// it says no more than the task.</param>
public sealed record BenchmarkItem(
    string Id,
    string Class,
    ToolTask Task,
    IReadOnlyList<AllowedCall>? Allowed = null,
    IReadOnlyDictionary<string, JsonElement>? Schemas = null,
    IReadOnlyDictionary<ToolSpec, string>? Tools = null);

/// <summary>A benchmark as it was read.</summary>
/// <param name="Sha256">Over the bytes of its files.</param>
public sealed record Benchmark(string Name, string Sha256, IReadOnlyList<BenchmarkItem> Items);
