using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.Testing;

/// <summary>Small facts to test with.</summary>
public static class Given
{
    /// <summary>The paper's, without a judge and with part credit.</summary>
    public static readonly RunOptions Options = Presets.Paper with
    {
        Generator = Presets.Paper.Generator with { Reward = Presets.Paper.Generator.Reward with { CoherenceWeight = 0, StrictGate = false } },
    };

    public const string Tools =
        """[{"name":"convert_length","description":"Converts a length","parameters":{"value":{"type":"number"},"unit":{"type":"string"}},"required":["value","unit"]},{"name":"add_numbers","description":"Adds two numbers","parameters":{"first":{"type":"integer"},"second":{"type":"integer"}},"required":["first"]}]""";

    public const string Gold = """[{"name":"convert_length","arguments":{"value":3,"unit":"mile"}}]""";

    public static readonly TaskSpec Spec = new("units", TaskContext.SingleTurn, 2, 1);

    public static JsonElement Json(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public static IReadOnlyList<ToolCall> CallsOf(string json)
    {
        RelaxedJson.TryParse(json, out var value).ShouldBeTrue(json);
        Calls.TryNormalise(value, out var calls).ShouldBeTrue(json);
        return calls;
    }

    public static ToolCall Call(string json) => CallsOf(json).Single();

    public static ToolCall Call(string name, string arguments) => Call($$"""{"name":"{{name}}","arguments":{{arguments}}}""");

    public static ToolTask Task(string gold = Gold, string question = "Please convert 3 mile to kilometres") =>
        new(question, MenuReader.Read(Json(Tools), out _)!, CallsOf(gold));

    public static string Proposal(
        string question = "Please convert 3 mile to kilometres", string tools = Tools, string gold = Gold, string think = "convert_length") =>
        $"<think>{think}</think><question>{question}</question><available_tools>{tools}</available_tools><tool_call_answer>{gold}</tool_call_answer>";

    public static string Answer(string calls = Gold, string think = "it is a length") =>
        $"<think>{think}</think><tool_call_answer>{calls}</tool_call_answer>";

    public static Trajectory Sample(string text, long seed = 1) => new(seed, [1, 2], [-0.5f, -0.25f], text, FinishReason.Stop);

    public static Trajectory Void(long seed = 1) => new(seed, [], [], "", FinishReason.Void, "worker lost");

    public static TasksProposed Proposed(params string[] texts) => Proposed(Spec, [.. texts.Select((t, i) => Sample(t, i))]);

    public static TasksProposed Proposed(TaskSpec spec, params Trajectory[] samples) =>
        new("r", spec, "p0", [7, 8], samples, Digests.OfGroup([7, 8], samples));

    public static TaskAttempted Attempted(AttemptPurpose purpose, params string[] texts) =>
        Attempted(purpose, [.. texts.Select((t, i) => Sample(t, i))]);

    public static TaskAttempted Attempted(AttemptPurpose purpose, params Trajectory[] samples) =>
        new("r", new TaskRef("s", 0), purpose, "p0", [7, 8], samples, Digests.OfGroup([7, 8], samples));

    /// <summary>K probes of which the first <paramref name="right"/> give the gold calls and the others each something else.</summary>
    public static TaskAttempted Probes(int right, int of = 8, string gold = Gold) => Attempted(
        AttemptPurpose.Probe,
        [.. Enumerable.Range(0, of).Select(i => i < right ? Answer(gold) : Answer($$$"""[{"name":"other","arguments":{"n":{{{i}}}}}]"""))]);

    public static ToolCallsExecuted AllRan(TasksProposed group) => new(
        "r",
        [.. group.Samples.Select((s, i) => new SampleExecution(
            i,
            [.. (ProposalParser.ParseForReward(s.Text).ToTask(group.Spec)?.Gold ?? [])
                .Select(c => new CallOutcome(c, CallStatus.Succeeded, "1", null))]))]);

    public static ToolCallsExecuted NothingRan(int samples) => new("r", [.. Enumerable.Range(0, samples).Select(i => new SampleExecution(i, []))]);
}
