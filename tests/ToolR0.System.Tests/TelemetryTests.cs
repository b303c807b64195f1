using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Cli.Hosting;
using ToolR0.Contracts;
using ToolR0.Evaluation;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Messaging.Telemetry;
using ToolR0.Policies.Storage;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.System.Tests;

/// <summary>What a run tells whoever listens: played once with listeners in the process instead of an exporter.</summary>
public sealed class TelemetryTests(MiniatureRun miniature)
{
    private const string Run = "told";
    private readonly ConcurrentBag<Activity> _spans = [];
    private readonly ConcurrentBag<(string Name, double Value, Dictionary<string, object?> Tags)> _values = [];

    [Fact]
    public async Task A_runs_spans_share_a_trace_and_its_metrics_carry_values()
    {
        using var spans = new ActivityListener
        {
            ShouldListenTo = source => source.Name is Instruments.Name or "MassTransit" or "Npgsql" or "Marten",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(spans);
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == Instruments.Name)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.Start();

        await PlayAsync(meters);

        var ours = _spans.Where(span => span.Source.Name == Instruments.Name && (string?)span.GetTagItem("toolr0.run") == Run).ToList();
        var trace = ours.Single(span => span.OperationName == nameof(StartRun)).TraceId;
        ours.ShouldAllBe(span => span.TraceId == trace);
        string[] kinds = ["propose generator", "execute generator", "probe generator", "score generator", "train generator", "attempt solver",
            "attempt evaluation"];
        foreach (var work in kinds)
            ours.ShouldContain(span => span.OperationName == work, work);
        ours.Where(span => span.OperationName is not (nameof(StartRun) or "append facts"))
            .ShouldAllBe(span => span.GetTagItem("toolr0.step") != null);
        var proposed = ours.First(span => span.OperationName == "propose generator");
        ((string[])proposed.GetTagItem("toolr0.groups")!).ShouldAllBe(group => group.StartsWith($"group/{Run}/", StringComparison.Ordinal));
        foreach (var library in new[] { "MassTransit", "Npgsql", "Marten" })
            _spans.ShouldContain(span => span.Source.Name == library && span.TraceId == trace, library);

        Values("toolr0.tokens.rate").ShouldAllBe(value => value > 0);
        Values("toolr0.tokens").Sum().ShouldBeGreaterThan(1000);
        Values("toolr0.queue.time").ShouldAllBe(value => value >= 0 && value < 600);
        Values("toolr0.reward").ShouldContain(value => value > 0);
        Values("toolr0.pass_rate").ShouldAllBe(value => value >= 0 && value <= 1);
        Values("toolr0.void.share").ShouldAllBe(value => value >= 0 && value <= 1);
        Values("toolr0.step.time").ShouldAllBe(value => value > 0);
        Values("toolr0.shards").Count.ShouldBeGreaterThan(10);
        Values("toolr0.shards.outstanding").ShouldContain(value => value > 0);
        var roles = _values.Where(value => value.Name == "toolr0.reward").Select(value => value.Tags["toolr0.role"]).Distinct();
        roles.ShouldBe(["generator", "solver"], ignoreOrder: true);
        _values.ShouldAllBe(value => value.Tags.ContainsKey("toolr0.run"));
    }

    private async Task PlayAsync(MeterListener meters)
    {
        var home = PrivateServers.NewHome();
        var settings = new Settings(home, await miniature.CreateDatabaseAsync(), BusOptions.Memory, new WorkerOptions(1));
        using var host = ServiceHost.Build(settings, ServiceKinds.All(Run));
        var options = RunOptionsLoader.Load(new OptionSources { File = miniature.OptionsFile }, ShippedPresets.All);
        var sets = HeldOutFiles.LoadAll(options, null);
        var log = host.Services.GetRequiredService<IFactLog>();
        await host.StartAsync(TestContext.Current.CancellationToken);
        foreach (var (set, items) in sets)
            await log.RegisterHeldOutAsync(set.Name, set.Sha256, items, TestContext.Current.CancellationToken);
        var sha = host.Services.GetRequiredService<PolicyStore>().Import(TinyWorldAssets.BaseNano);
        await host.Services.GetRequiredService<CommandSender>().SendAsync(
            new StartRun(Run, options, sha, [.. sets.Select(set => set.Set)]), TestContext.Current.CancellationToken);
        var states = host.Services.GetRequiredService<RunStates>();
        RunState state;
        do
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            meters.RecordObservableInstruments();
            state = await states.LoadAsync(Run, TestContext.Current.CancellationToken);
        }
        while (!state.IsOver);
        state.Status.ShouldBe(RunStatus.Completed, state.Reason);
        await host.StopAsync(TestContext.Current.CancellationToken);
        PrivateServers.Remove(home);
    }

    private List<double> Values(string instrument)
    {
        var ofRun = _values.Where(value => value.Name == instrument && (string?)value.Tags["toolr0.run"] == Run);
        var values = ofRun.Select(value => value.Value).ToList();
        values.ShouldNotBeEmpty(instrument);
        return values;
    }

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _values.Add((instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value)));
}
