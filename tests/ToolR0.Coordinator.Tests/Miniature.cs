using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.RewardScoring;
using ToolR0.SelfPlay.Audit;
using ToolR0.Testing;
using ToolR0.TinyWorld;
using ToolR0.ToolExecution;

namespace ToolR0.Coordinator.Tests;

/// <summary>A run of a few seconds: the coordinator, scoring and execution as they are, on the in-memory bus, with models that are fake.</summary>
internal static class Miniature
{
    public const string Run = "mini";

    public static readonly string Base = Digests.Sha256Hex("base");

    public static RunOptions Options { get; } = ShippedPresets.Nano with
    {
        Iterations = 2,
        Generator = ShippedPresets.Nano.Generator with { Steps = 2, PromptsPerStep = 3, GroupSize = 2, Probes = 4 },
        Curriculum = ShippedPresets.Nano.Curriculum with { Candidates = 24, Selected = 12, VerifySamples = 4, MajorityFromIteration = 0 },
        Solver = ShippedPresets.Nano.Solver with { Steps = 2, PromptsPerStep = 4, GroupSize = 2 },
        Evaluation = new EvaluationOptions { Sets = ["seen"], MaxNewTokens = 8 },
        Dispatch = new DispatchOptions { PromptsPerShard = 2 },
    };

    public static HeldOutSet HeldOut { get; } = new("seen", Digests.Sha256Hex("seen"), 10);

    public static IReadOnlyDictionary<string, IReadOnlyList<HeldOutItem>> HeldOutItems { get; } =
        new Dictionary<string, IReadOnlyList<HeldOutItem>> { [Ids.HeldOutStream(HeldOut.Sha256)] = FakeModels.HeldOutItems };

    public static StartRun Start(RunOptions? options = null) => new(Run, options ?? Options, Base, [HeldOut]);

    public static async Task<InMemoryFactLog> StoreAsync()
    {
        var log = new InMemoryFactLog();
        await log.RegisterHeldOutAsync(HeldOut.Name, HeldOut.Sha256, FakeModels.HeldOutItems);
        return log;
    }

    /// <summary>A run from its start to its end in one process.</summary>
    public static async Task<(InMemoryFactLog Log, IReadOnlyList<object> Facts)> PlayedAsync(RunOptions options)
    {
        var log = await StoreAsync();
        using var host = await ProcessAsync(log);
        await host.Sender().SendAsync(Start(options), TestContext.Current.CancellationToken);
        var facts = await log.UntilAsync(IsOver);
        await host.StopAsync(TestContext.Current.CancellationToken);
        return (log, facts);
    }

    /// <summary>A process that is killed: from then on it appends nothing.</summary>
    /// <param name="start">Null to go on with the run that is there.</param>
    public static async Task InterruptedAsync(InMemoryFactLog log, StartRun? start, Func<IReadOnlyList<object>, bool> until)
    {
        var killed = false;
        log.BeforeAppend = _ => killed ? throw new IOException("killed") : Task.CompletedTask;
        using var host = await ProcessAsync(log);
        if (start is not null)
            await host.Sender().SendAsync(start, TestContext.Current.CancellationToken);
        await log.UntilAsync(until);
        killed = true;
        using var hurry = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await host.StopAsync(hurry.Token);
        log.BeforeAppend = null;
    }

    public static Task<List<AuditFinding>> AuditAsync(InMemoryFactLog log) =>
        AuditAsync(log.ReadRunAsync(Run, cancellation: TestContext.Current.CancellationToken));

    public static async Task<List<AuditFinding>> AuditAsync(IAsyncEnumerable<StoredFact> facts)
    {
        var cancellation = TestContext.Current.CancellationToken;
        return await RunAudit.CheckAsync(facts, heldOut: HeldOutItems, cancellation: cancellation).ToListAsync(cancellation);
    }

    /// <summary>One process: the bus and all services over a store that outlives it.</summary>
    public static async Task<IHost> ProcessAsync(InMemoryFactLog log, FakeWork? work = null, Action<IBusRegistrationConfigurator>? more = null,
        int workers = 2)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IFactLog>(log).AddSingleton(work ?? new FakeWork()).AddSingleton(new WorkerOptions(workers));
        builder.Services.AddCoordinator().AddRewardScoring().AddToolExecution();
        builder.Services.AddToolR0Bus(BusOptions.Memory, bus =>
        {
            bus.AddCoordinatorConsumers();
            bus.AddRewardScoringConsumers();
            bus.AddToolExecutionConsumers();
            bus.AddFakeModels();
            more?.Invoke(bus);
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    public static CommandSender Sender(this IHost host) => host.Services.GetRequiredService<CommandSender>();

    /// <summary>Waits until the run's stream satisfies a condition.</summary>
    public static async Task<IReadOnlyList<object>> UntilAsync(this InMemoryFactLog log, Func<IReadOnlyList<object>, bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var facts = log.Stream(Ids.RunStream(Run));
            if (condition(facts))
                return facts;
            await Task.Delay(20, limit.Token);
        }
    }

    public static bool IsOver(IReadOnlyList<object> facts) => facts.Count > 0 && facts[^1] is RunCompleted or RunFailed or RunCancelled;

    /// <summary>A run's facts in the order in which the run's stream has them, then stream by stream; without times and what depends on
    /// them.</summary>
    public static IReadOnlyList<string> Canonical(this InMemoryFactLog log) =>
    [
        .. log.All.OrderBy(fact => fact.Stream, StringComparer.Ordinal).ThenBy(fact => fact.Version).Select(fact =>
            $"{fact.Stream}@{fact.Version} {System.Text.Json.JsonSerializer.Serialize(fact.Fact is StepCompleted step ? step with { Metrics = Timeless(step.Metrics) } : fact.Fact, fact.Fact.GetType())}"),
    ];

    private static Dictionary<string, double> Timeless(IReadOnlyDictionary<string, double> metrics) =>
        metrics.Where(metric => metric.Key is not ("wallSeconds" or "modelSeconds")).ToDictionary();
}
