using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.Contracts;

/// <summary>Whether a task is one question or a question with a short User/Agent conversation inside it.</summary>
public enum TaskContext
{
    SingleTurn,
    MultiTurn,
}

/// <summary>What the Generator is asked for: <c>s = (d, c, m, n)</c> of arXiv 2602.21320.</summary>
/// <param name="Domain">d: the subject.</param>
/// <param name="Context">c.</param>
/// <param name="MenuSize">m: number of tools offered, at least 1.</param>
/// <param name="Calls">n: number of gold calls; 0 asks for a menu in which no tool fits.</param>
/// <param name="Arguments">Arguments of the call that has the most; null where the options say nothing of it.</param>
/// <param name="Value">A kind of value (<see cref="ValueKinds"/>) that at least one argument has; null where the options say nothing of it.</param>
/// <param name="Given">The menu, where it is given and not invented.</param>
/// <param name="Chained">A call needs the result of an earlier one: where that result goes, the gold calls say <c>"$1"</c>, <c>"$2"</c>, ….</param>
public sealed record TaskSpec(
    string Domain,
    TaskContext Context,
    int MenuSize,
    int Calls,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Arguments = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Value = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] GivenMenu? Given = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Chained = false);

/// <summary>A menu of tools of the run's catalogue (<see cref="Options.SpecOptions.Catalogue"/>).</summary>
/// <param name="Names">In the menu's order, each once.</param>
/// <param name="Wanted">The one that a gold call is to be of; null where no tool fits.</param>
public sealed record GivenMenu(IReadOnlyList<string> Names, string? Wanted)
{
    public bool Equals(GivenMenu? other) => other is not null && Wanted == other.Wanted && Names.SequenceEqual(other.Names);

    public override int GetHashCode() => Names.Aggregate(Wanted?.GetHashCode(StringComparison.Ordinal) ?? 0, HashCode.Combine);
}

/// <summary>Kinds of value that a spec can ask for.</summary>
public static class ValueKinds
{
    public const string Text = "text", Number = "number", Boolean = "boolean", Date = "date", List = "list";

    public static IReadOnlyList<string> All { get; } = [Text, Number, Boolean, Date, List];
}

/// <summary>One parameter of a tool. <paramref name="Type"/> is a JSON Schema primitive: string, integer, number or boolean.</summary>
public sealed record ToolParameter(string Name, string Type, string Description = "");

/// <summary>A tool as a menu offers it. Parameters keep the order in which they were written: the order is part of the prompt.</summary>
public sealed record ToolSpec(string Name, string Description, IReadOnlyList<ToolParameter> Parameters, IReadOnlyList<string> Required);

/// <summary>A tool that a server or a file of functions offers.</summary>
/// <param name="Name">Unique in its catalogue: where two servers share a name, their names stand before it.</param>
/// <param name="Server">The server's name in the configuration.</param>
/// <param name="ServerTool">The tool's name as its server spells it.</param>
/// <param name="Schema">JSON text of the schema of its arguments, as it was served.</param>
/// <param name="OutputSchema">JSON text; empty where none was served.</param>
/// <param name="Annotations">JSON text of what its server says of it; empty where it says nothing.</param>
/// <param name="ReadOnly">Its server says that it changes nothing, and nothing that contradicts it.</param>
/// <param name="Idempotent">Calling it twice with the same arguments does what calling it once does.</param>
/// <param name="Executable">False for a function of which only the schema is known.</param>
public sealed record CatalogueTool(
    string Name,
    string Server,
    string ServerTool,
    string Title,
    string Description,
    string Schema,
    string OutputSchema,
    string Annotations,
    bool ReadOnly,
    bool Idempotent,
    bool Executable);

/// <summary>A tool that was offered and is not used, and why.</summary>
public sealed record RefusedTool(string Server, string Name, string Reason);

/// <summary>A call: a tool's name and its flat arguments. Argument order carries no meaning.</summary>
public sealed record ToolCall(string Name, IReadOnlyDictionary<string, JsonElement> Arguments);

/// <summary>A question, the tools on offer, and the calls that answer it.</summary>
/// <param name="Results">JSON text of what each gold call returns, in their order, null where one returns nothing; null where nobody has called
/// them.</param>
public sealed record ToolTask(
    string Question,
    IReadOnlyList<ToolSpec> Menu,
    IReadOnlyList<ToolCall> Gold,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string?>? Results = null);

/// <summary>An item of a held-out set. One JSON object per line in the shipped files.</summary>
/// <param name="Id">Unique in its set.</param>
/// <param name="Class">A label for the breakdown of results, e.g. the domain.</param>
public sealed record HeldOutItem(string Id, string Class, ToolTask Task);

/// <summary>Names a stored task: a sample of a proposed group (its stream is a group or candidate) or an item of a held-out set.</summary>
public sealed record TaskRef(string Stream, int Index);
