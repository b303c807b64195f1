using System.Text.Json;
using FsCheck.Fluent;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.EventStore.Tests;

/// <summary>What goes in comes out: through System.Text.Json, jsonb and back.</summary>
public sealed class FidelityTests(StoreFixture store)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Floats_and_doubles_come_back_bit_for_bit()
    {
        // Any bit pattern but NaN's payload and negative zero, of which jsonb keeps neither.
        var random = new Random(7);
        float[] logProbs = [0f, -1e-38f, float.Epsilon, float.MinValue, -0.1f, .. Enumerable.Range(0, 2000)
            .Select(_ => BitConverter.Int32BitsToSingle(random.Next())).Where(float.IsFinite)];
        double[] metrics = [1.0 / 3, double.Epsilon, double.MaxValue, -1e-6, 0.1 + 0.2, .. Enumerable.Range(0, 500)
            .Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64())).Where(double.IsFinite)];
        var read = await RoundTripAsync(new TasksProposed(
            "r", new TaskSpec("d", TaskContext.SingleTurn, 2, 1), "p", [],
                [new Trajectory(long.MaxValue, [], logProbs, "", FinishReason.Length)], ""));
        read.Samples[0].LogProbs.Select(BitConverter.SingleToInt32Bits).ShouldBe(logProbs.Select(BitConverter.SingleToInt32Bits));
        read.Samples[0].Seed.ShouldBe(long.MaxValue);

        var updated = await RoundTripAsync(new PolicyUpdated("r", Role.Solver, 1, 0, "a", "b", ["g1", "g2"], Numbered(metrics)));
        updated.Metrics.ShouldBe(Numbered(metrics), ignoreOrder: true);
        updated.Groups.ShouldBe(["g1", "g2"]);
    }

    [Fact]
    public async Task A_digest_survives_the_store_even_with_a_negative_zero()
    {
        Trajectory[] samples = [new(1, [5, 6, 7], [-0f, 0f, -1.5f], "x", FinishReason.Stop)];
        var proposed = new TasksProposed("r", new TaskSpec("d", TaskContext.SingleTurn, 2, 1), "p", [9], samples, Digests.OfGroup([9], samples));
        var read = await RoundTripAsync(proposed);
        Digests.OfGroup(read.PromptTokens, read.Samples).ShouldBe(proposed.Digest);
    }

    [Fact]
    public async Task Metrics_that_are_no_numbers_are_kept()
    {
        var read = await RoundTripAsync(
            new StepCompleted("r", 1, Phase.Solver, 0, null, Numbered([double.NaN, double.PositiveInfinity, double.NegativeInfinity])));
        read.Metrics["m0"].ShouldBe(double.NaN);
        read.Metrics["m1"].ShouldBe(double.PositiveInfinity);
        read.Metrics["m2"].ShouldBe(double.NegativeInfinity);
    }

    [Fact]
    public async Task Any_text_a_model_can_write_comes_back()
    {
        var gen = ArbMap.Default.GeneratorFor<string>().Where(s => s is not null);
        string[] texts = ["", "\0", "a\0b\uE000c\0", "\uE000\uE000", "\uE0000", "\uE0001\0", "“ünï” 😀 \u2028", "\\u0000", .. gen.Sample(200, 40)
            .Select(WellFormed)];
        Trajectory[] samples = [.. texts.Select((text, i) => new Trajectory(i, [], [], text, FinishReason.Stop))];
        var read = await RoundTripAsync(new TasksProposed("r", new TaskSpec("d", TaskContext.SingleTurn, 2, 1), "p", [], samples, ""));
        read.Samples.Select(s => s.Text).ShouldBe(texts);
    }

    [Fact]
    public async Task Arguments_that_jsonb_refuses_are_stored_all_the_same()
    {
        var call = Facts.Call("f", """
            {"nul":"a\u0000b","marker":"\ue0000","half":"\ud83d","huge":1e999999,"tiny":1e-99999,"many":123456789012345678901234567890,
             "e":1e2,"nested":{"k\u0000":[1,"\u0000",null,true]},"\u0000":1}
            """);
        var read = (await RoundTripAsync(
            new ToolCallsExecuted("r", [new SampleExecution(0, [new CallOutcome(call, CallStatus.Failed, null, "bad")])])))
            .Samples[0].Calls[0].Call.Arguments;
        read["nul"].GetString().ShouldBe("a\0b");
        read["marker"].GetString().ShouldBe("\uE0000");
        read["half"].GetString().ShouldBe("\uFFFD");
        read["huge"].GetString().ShouldBe("1e999999");
        read["tiny"].GetString().ShouldBe("1e-99999");
        read["many"].GetRawText().ShouldBe("123456789012345678901234567890");
        read["e"].GetDouble().ShouldBe(100);
        read["nested"].GetProperty("k\0")[1].GetString().ShouldBe("\0");
        read["\0"].GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task Options_of_a_run_come_back_with_their_dictionaries()
    {
        var options = new RunOptions
        {
            Seed = -3,
            Specs = new SpecOptions
            {
                Domains = new Dictionary<string, double> { ["finance"] = 0.3, ["a.b c"] = 1 },
                Calls = new Dictionary<int, double> { [0] = 0.1, [12] = 1.0 / 3 }
            },
            Generator = new GeneratorOptions { LearningRate = 3e-4, Train = false },
            Curriculum = new CurriculumOptions { Compare = VerifyCompare.Calls, Order = CurriculumOrder.Shuffled, LabelBy = LabelBy.Judge },
        };
        var read = (await RoundTripAsync(Facts.Started("r", options))).Options;
        JsonSerializer.Serialize(read with { Specs = new SpecOptions() })
            .ShouldBe(JsonSerializer.Serialize(options with { Specs = new SpecOptions() }));
        read.Specs.Calls.ShouldBe(options.Specs.Calls, ignoreOrder: true);
        read.Specs.Domains.ShouldBe(options.Specs.Domains, ignoreOrder: true);

        var step = await RoundTripAsync(new StepStarted(
            "r", 2, Phase.Evaluation, 1, [], [new TaskRef("heldout/x", 3)],
                new Dictionary<Role, string> { [Role.Solver] = "s", [Role.Generator] = "g" }));
        step.Policies.ShouldBe(new Dictionary<Role, string> { [Role.Generator] = "g", [Role.Solver] = "s" }, ignoreOrder: true);
    }

    private static Dictionary<string, double> Numbered(double[] values) => values.Select((v, i) => (v, i)).ToDictionary(x => $"m{x.i}", x => x.v);

    /// <summary>Decoded bytes hold no half surrogate pairs; random strings may.</summary>
    private static string WellFormed(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));

    private async Task<T> RoundTripAsync<T>(T fact)
        where T : notnull
    {
        var stream = $"test/{Guid.NewGuid()}";
        (await store.Log.AppendAsync("fidelity", "", [new FactAppend(stream, 1, fact)], Cancellation)).ShouldBeTrue();
        return (await store.Log.ReadAsync([stream], Cancellation))[stream].ShouldHaveSingleItem().Fact.ShouldBeOfType<T>();
    }
}
