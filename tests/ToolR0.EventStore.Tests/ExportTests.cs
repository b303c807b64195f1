using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class ExportTests(StoreFixture store)
{
    [Fact]
    public async Task An_export_has_one_line_per_event_with_everything_stored()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var run = Facts.Run();
        var stream = Ids.GroupStream(run, 1, "solver", 0, 0);
        await store.Log.AppendAsync(run, "start", [new FactAppend(Ids.RunStream(run), 1, Facts.Started(run))], cancellation);
        var sample = Facts.Sample(5, text: "tab\t \0 ünï 😀 \uE000");
        await store.Log.AppendAsync(
            run, "shard/x", [new FactAppend(stream, 1, new TaskAttempted(run, new TaskRef("t", 0), AttemptPurpose.Train, "p", [1], [sample], "d"))],
                cancellation);

        using var output = new MemoryStream();
        (await new RunExport(store.Database).WriteAsync(run, output, cancellation)).ShouldBe(2);
        var lines = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(2);
        using var first = JsonDocument.Parse(lines[0]);
        first.RootElement.GetProperty("type").GetString().ShouldBe("run_started");
        first.RootElement.GetProperty("data").GetProperty("options").GetProperty("preset").GetString().ShouldBe("nano");
        using var second = JsonDocument.Parse(lines[1]);
        var root = second.RootElement;
        root.EnumerateObject().Select(p => p.Name).ShouldBe(["sequence", "stream", "version", "type", "at", "correlation", "causation", "data"]);
        root.GetProperty("stream").GetString().ShouldBe(stream);
        root.GetProperty("version").GetInt64().ShouldBe(1);
        root.GetProperty("correlation").GetString().ShouldBe(run);
        root.GetProperty("causation").GetString().ShouldBe("shard/x");
        var exported = root.GetProperty("data").GetProperty("samples")[0];
        exported.GetProperty("text").GetString().ShouldBe(sample.Text);
        exported.GetProperty("logProbs").EnumerateArray().Select(p => p.GetSingle()).ShouldBe(sample.LogProbs);

        using var nothing = new MemoryStream();
        (await new RunExport(store.Database).WriteAsync("unknown", nothing, cancellation)).ShouldBe(0);
        nothing.Length.ShouldBe(0);
    }
}
