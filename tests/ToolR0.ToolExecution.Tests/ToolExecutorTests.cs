using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.TinyWorld;

namespace ToolR0.ToolExecution.Tests;

public sealed class ToolExecutorTests
{
    private static readonly ToolExecutor World = ToolExecutor.ForWorld();
    private static readonly ToolOptions Options = new();

    public static TheoryData<string> ToolNames => [.. WorldCatalog.Tools.Select(t => t.Name)];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(ToolNames))]
    public async Task Every_catalogue_tool_executes_on_drawn_arguments(string name)
    {
        var tool = WorldCatalog.Find(name)!;
        var random = WorldRandom.For(11, name);
        for (var i = 0; i < 100; i++)
        {
            var call = WorldTask.CallOf(tool, [.. tool.Parameters.Select(p => p.Draw(random))]);
            var outcome = await ExecuteOne(Task(tool.ToSpec()), call);
            outcome.Status.ShouldBe(CallStatus.Succeeded, $"{Calls.ToJson([call])}: {outcome.Error}");
            JsonDocument.Parse(outcome.Result!).Dispose();
        }
    }

    [Fact]
    public async Task Every_gold_call_of_the_held_out_sets_executes()
    {
        foreach (var item in HeldOut.Kinds.SelectMany(kind => HeldOut.Make(kind, 500, 20260101)))
        {
            var result = await World.ExecuteAsync(item.Task, item.Task.Gold, Options with { UnknownTools = UnknownTools.Reject }, Cancellation);
            result.VoidCause.ShouldBeNull();
            result.Calls.ShouldAllBe(c => c.Status == CallStatus.Succeeded);
        }
    }

    [Theory]
    [InlineData("add_numbers", """{"first":2,"second":40}""", "42")]
    [InlineData("divide_amount", """{"dividend":7.5,"parts":3}""", "2.5")]
    [InlineData("convert_length", """{"value":2,"unit":"mile"}""", """{"meters":3218.688}""")]
    [InlineData("exchange_currency", """{"amount":10,"source":"euro","target":"franc"}""", "9.52381")]
    [InlineData("median_reading", """{"data":"9 1 4"}""", "4")]
    [InlineData("rank_element", """{"data":"9 1 4","value":4}""", "2")]
    [InlineData("sort_items", """{"data":"9 1 4","descending":true}""", "\"9 4 1\"")]
    [InlineData("spell_roman", """{"number":1994}""", "\"MCMXCIV\"")]
    [InlineData("shift_cipher", """{"message":"xyz","offset":3}""", "\"abc\"")]
    [InlineData("signal_morse", """{"message":"sos"}""", "\"... --- ...\"")]
    [InlineData("shift_weekday", """{"day":"sunday","offset":8}""", "\"monday\"")]
    [InlineData("count_days", """{"month":"february","year":2024}""", "29")]
    [InlineData("wind_clock", """{"hour":23,"minutes":90}""", "\"00:30\"")]
    [InlineData("encode_hex", """{"number":255}""", "\"ff\"")]
    public async Task A_tool_gives_its_result(string name, string arguments, string result) =>
        (await ExecuteOne(Task(WorldCatalog.Find(name)!.ToSpec()), Call(name, arguments))).Result.ShouldBe(result);

    [Theory]
    [InlineData("""{"first":1}""", CallStatus.InvalidArguments, "argument 'second' of add_numbers is missing")]
    [InlineData("""{"first":1,"second":2,"third":3}""", CallStatus.InvalidArguments, "add_numbers has no parameter 'third'")]
    [InlineData("""{"first":1,"second":"2"}""", CallStatus.InvalidArguments, "argument 'second' of add_numbers is \"2\": must be integer")]
    [InlineData("""{"first":1,"second":2.5}""", CallStatus.InvalidArguments, "argument 'second' of add_numbers is 2.5: must be integer")]
    public async Task Arguments_that_do_not_fit_the_menu_are_refused(string arguments, CallStatus status, string error)
    {
        var outcome = await ExecuteOne(Task(WorldCatalog.Find("add_numbers")!.ToSpec()), Call("add_numbers", arguments));
        outcome.Status.ShouldBe(status);
        outcome.Error.ShouldBe(error);
    }

    [Fact]
    public async Task A_menu_that_misdescribes_a_real_tool_does_not_make_it_run()
    {
        var menu = new ToolSpec("add_numbers", "", [new ToolParameter("sum", "string")], ["sum"]);
        var outcome = await ExecuteOne(Task(menu), Call("add_numbers", """{"sum":"all"}"""));
        outcome.Status.ShouldBe(CallStatus.InvalidArguments);
        outcome.Error.ShouldBe("argument 'first' of add_numbers is missing");
    }

    [Theory]
    [InlineData("divide_amount", """{"dividend":1,"parts":0}""", "divide_amount: parts is 0: must not be")]
    [InlineData("convert_length", """{"value":1,"unit":"parsec"}""",
        "convert_length: unit is 'parsec': must be one of mile, meter, inch, yard, foot")]
    [InlineData("raise_power", """{"base":999,"exponent":1e300}""", "raise_power: exponent is 1E+300: must be from -64 to 64")]
    public async Task Arguments_without_sense_fail_the_call_in_one_line(string name, string arguments, string error)
    {
        var outcome = await ExecuteOne(Task(WorldCatalog.Find(name)!.ToSpec()), Call(name, arguments));
        outcome.Status.ShouldBe(CallStatus.Failed);
        outcome.Error.ShouldBe(error);
    }

    [Theory]
    [InlineData(UnknownTools.CheckSchema, CallStatus.SchemaChecked)]
    [InlineData(UnknownTools.Reject, CallStatus.UnknownTool)]
    public async Task A_tool_without_an_implementation_is_checked_or_rejected_as_the_option_says(UnknownTools option, CallStatus status)
    {
        var menu = new ToolSpec("fold_edge", "", [new ToolParameter("width", "number")], ["width"]);
        var result = await World.ExecuteAsync(Task(menu), [Call("fold_edge", """{"width":3}""")], Options with { UnknownTools = option },
            Cancellation);
        result.Calls.Single().Status.ShouldBe(status);
        (await ExecuteOne(Task(menu), Call("fold_edge", "{}"))).Status.ShouldBe(CallStatus.InvalidArguments);
        (await ExecuteOne(Task(menu), Call("add_numbers", "{}"))).Status.ShouldBe(CallStatus.UnknownTool);
    }

    [Fact]
    public async Task The_store_lives_as_long_as_the_sample()
    {
        var task = Task(WorldCatalog.Find("save_entry")!.ToSpec(), WorldCatalog.Find("load_record")!.ToSpec());
        var load = Call("load_record", """{"key":"bavo"}""");
        var first = await World.ExecuteAsync(task, [Call("save_entry", """{"key":"bavo","value":7}"""), load], Options, Cancellation);
        first.Calls[1].Result.ShouldBe("\"7\"");
        (await World.ExecuteAsync(task, [load], Options, Cancellation)).Calls.Single().Result.ShouldBe("null");
    }

    [Fact]
    public async Task A_call_that_takes_too_long_is_recorded_as_timed_out_even_if_it_ignores_its_token()
    {
        using var release = new ManualResetEventSlim();
        var executor = new ToolExecutor([Implementation((_, _, _) => { release.Wait(CancellationToken.None); return 1; })]);
        var result = await executor.ExecuteAsync(Task(Spec), [Call("slow_tool", "{}")], Options with { TimeoutSeconds = 0.05 }, Cancellation);
        release.Set();
        result.VoidCause.ShouldBeNull();
        result.Calls.Single().Status.ShouldBe(CallStatus.TimedOut);
        result.Calls.Single().Error.ShouldBe("slow_tool took longer than 0.05 s");
    }

    [Fact]
    public async Task A_failure_of_the_harness_makes_the_sample_void_and_is_not_the_calls_fault()
    {
        var executor = new ToolExecutor([Implementation((_, _, _) => throw new IOException("disk\ngone"))]);
        var result = await executor.ExecuteAsync(Task(Spec), [Call("slow_tool", "{}")], Options, Cancellation);
        result.Calls.ShouldBeEmpty();
        result.VoidCause.ShouldBe("slow_tool: IOException: disk gone");
    }

    [Fact]
    public async Task Cancellation_by_the_caller_throws()
    {
        using var stop = new CancellationTokenSource();
        var executor = new ToolExecutor([Implementation((_, _, token) => { stop.Cancel(); token.WaitHandle.WaitOne(); return 1; })]);
        await Should.ThrowAsync<OperationCanceledException>(() => executor.ExecuteAsync(Task(Spec), [Call("slow_tool", "{}")], Options, stop.Token));
    }

    private static readonly ToolSpec Spec = new("slow_tool", "", [], []);

    private static ToolImplementation Implementation(Func<ToolArguments, ToolState, CancellationToken, object?> run) =>
        new("slow_tool", new Dictionary<string, string>(), run);

    private static ToolTask Task(params ToolSpec[] menu) => new("a question", menu, []);

    private static ToolCall Call(string name, string arguments) =>
        new(name, JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(arguments)!);

    private static async Task<CallOutcome> ExecuteOne(ToolTask task, ToolCall call)
    {
        var result = await World.ExecuteAsync(task, [call], Options, Cancellation);
        result.VoidCause.ShouldBeNull();
        return result.Calls.Single();
    }
}
