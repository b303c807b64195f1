using System.CommandLine;
using System.Globalization;
using ToolR0.Cli.Progress;
using ToolR0.Cli.Running;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Evaluation;
using ToolR0.Messaging;
using ToolR0.Policies.Hub;
using ToolR0.Policies.Storage;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;
using ToolR0.TinyWorld;
using ToolR0.ToolServers.Training;

namespace ToolR0.Cli.Commands;

/// <summary>Flags that several commands share, one instance per command.</summary>
internal sealed class CommonOptions
{
    private readonly Option<string?> _home =
        new("--home") { Description = "State folder: policies, reports (TOOLR0_HOME; default .toolr0)", HelpName = "DIR" };
    private readonly Option<string?> _postgres =
        new("--postgres") { Description = "Connection string of the event store (TOOLR0_POSTGRES)", HelpName = "STRING" };
    private readonly Option<string?> _bus = new("--bus") { Description = "memory or rabbitmq (TOOLR0_BUS)", HelpName = "KIND" };
    private readonly Option<string?> _rabbitMq =
        new("--rabbitmq") { Description = "amqp://user:password@host:5672/vhost (TOOLR0_RABBITMQ)", HelpName = "ADDRESS" };
    private readonly Option<bool> _json = new("--json") { Description = "Write JSON for programs" };
    private readonly BusKind _defaultBus;
    private readonly bool _busOfEnvironment;

    /// <param name="defaultBus">Where neither flag nor environment says which.</param>
    /// <param name="busOfEnvironment">False for a command that hosts the services itself: only a flag makes it join a stack's bus, never
    /// TOOLR0_BUS.</param>
    public CommonOptions(Command command, BusKind defaultBus = BusKind.Memory, bool usesBus = true, bool busOfEnvironment = true)
    {
        _defaultBus = defaultBus;
        _busOfEnvironment = busOfEnvironment;
        if (!busOfEnvironment)
            _bus.Description = "memory (default), or rabbitmq to join a stack's bus; TOOLR0_BUS is not read";
        command.Add(_home);
        command.Add(_postgres);
        if (usesBus)
        {
            command.Add(_bus);
            command.Add(_rabbitMq);
        }

        command.Add(_json);
    }

    public Settings Settings(ParseResult parsed) => ServiceDefaults.Settings.Read(
        parsed.GetValue(_home),
        parsed.GetValue(_postgres),
        parsed.GetValue(_bus),
        parsed.GetValue(_rabbitMq),
        ServiceDefaults.Settings.ProcessEnvironment(),
        _defaultBus,
        _busOfEnvironment);

    public bool Json(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>The model that a person named, found with a bar on standard error while it is loaded from the hub.</summary>
    public Task<T> FindAsync<T>(ParseResult parsed, string? named, Func<ModelFinder, Task<T>> find) => DownloadProgress.ShowAsync(
        ModelFinder.IsOnHub(named),
        progress => find(new ModelFinder(
            Settings(parsed).PoliciesFolder, HubSettings.Read(ServiceDefaults.Settings.ProcessEnvironment()), progress)));
}

/// <summary>Flags that decide a run's options.</summary>
internal sealed class RunFlags
{
    /// <summary>What can stand behind an option that names a model.</summary>
    public const string Kinds = "a Hugging Face folder, a GGUF file, or org/name[@revision] on the hub";

    private readonly Option<string?> _preset =
        new("--preset")
        {
            Description = $"{string.Join(", ", ShippedPresets.All.Keys)} (default: {RunOptionsLoader.DefaultPreset})",
            HelpName = "NAME"
        };
    private readonly Option<string?> _options =
        new("--options") { Description = "Options as JSON; the preset's where it is silent", HelpName = "FILE" };
    private readonly Option<string[]> _set =
        new("--set")
        {
            Description = "One option, e.g. solver.steps=10; may be repeated",
            HelpName = "PATH=VALUE",
            AllowMultipleArgumentsPerToken = false
        };
    private readonly Option<long?> _seed = new("--seed") { Description = "Seed of everything that is drawn", HelpName = "N" };
    private readonly Option<int?> _iterations = new("--iterations") { Description = "Self-play iterations", HelpName = "T" };
    private readonly Option<string?> _base =
        new("--base") { Description = $"Base model: {Kinds} (default: the shipped base-nano, or the preset's own)", HelpName = "MODEL" };
    private readonly Option<long?> _heldOutSeed =
        new("--heldout-seed") { Description = "Measure on fresh held-out sets drawn with this seed", HelpName = "N" };
    private readonly Option<string?> _tools = new("--tools")
    {
        Description = "Train on these tools: mcp.json or the like, or OpenAI functions (see toolr0 tools)",
        HelpName = "FILE"
    };
    private readonly Option<string?> _run = new("--run") { Description = "Name of the run", HelpName = "NAME" };

    /// <param name="starts">The command starts a run.</param>
    public RunFlags(Command command, bool starts = false)
    {
        if (starts)
            command.Add(_tools);
        foreach (var option in new Option[] { _preset, _base, _seed, _iterations, _options, _set, _heldOutSeed, _run })
            command.Add(option);
    }

    /// <param name="trained">How the policy that is to be asked was asked in training; null: as the preset says.</param>
    /// <param name="first">Set before all that a flag sets.</param>
    /// <param name="without">A path whose flags are left out.</param>
    public RunOptions Options(ParseResult parsed, TrainedWith? trained = null, IReadOnlyList<string>? first = null, string? without = null)
    {
        var sets = (parsed.GetValue(_set) ?? []).Where(set => without is null || !set.StartsWith($"{without}=", StringComparison.OrdinalIgnoreCase));
        var sources = new OptionSources
        {
            Trained = trained,
            Preset = parsed.GetValue(_preset),
            File = parsed.GetValue(_options),
            Environment = ServiceDefaults.Settings.ProcessEnvironment(),
            Sets = [.. first ?? [], .. sets],
            Seed = parsed.GetValue(_seed),
            Iterations = parsed.GetValue(_iterations),
        };
        return RunOptionsLoader.Load(sources, ShippedPresets.All);
    }

    public string? Base(ParseResult parsed) => parsed.GetValue(_base);

    /// <summary>The base that was named, the shipped one if none was.</summary>
    public Task<FoundModel> FindBaseAsync(ParseResult parsed, CommonOptions common, RunOptions options, CancellationToken cancellation) =>
        common.FindAsync(parsed, Base(parsed), finder => finder.BaseAsync(Base(parsed), options, TinyWorldAssets.BaseOf(options.Preset),
            cancellation));

    public string? ToolsFile(ParseResult parsed) => parsed.GetValue(_tools) is { } file ? Path.GetFullPath(file) : null;

    public long? HeldOutSeed(ParseResult parsed) => parsed.GetValue(_heldOutSeed);

    /// <summary>A run that is to be started, its servers of tools asked what they offer.</summary>
    public async Task<NewRun> NewRunAsync(ParseResult parsed, CommonOptions common, CancellationToken cancellation)
    {
        TrainingTools? tools = null;
        if (parsed.GetValue(_tools) is { } file)
        {
            // Where menus come from is settled once the tools are known.
            var before = Options(parsed, without: "specs.menu");
            tools = await TrainingTools.ReadAsync(file, before, ServiceDefaults.Settings.ProcessEnvironment(), cancellation);
            foreach (var note in tools.Notes)
                Console.Error.WriteLine(note);
        }

        var options = Options(parsed, first: tools?.Sets);
        var name = Ids.CheckedRunName(parsed.GetValue(_run)
            ?? string.Create(CultureInfo.InvariantCulture, $"{options.Preset}-{DateTime.UtcNow:yyyyMMdd-HHmmss}"));
        var sets = HeldOutFiles.LoadAll(options, parsed.GetValue(_heldOutSeed));
        var (basePath, origin) = await FindBaseAsync(parsed, common, options, cancellation);
        return new NewRun(new StartRun(name, options, "", [.. sets.Select(set => set.Set)], origin), sets, basePath, tools);
    }
}
