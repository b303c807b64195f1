using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.EventStore.Projections;
using ToolR0.Policies.Storage;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;
using ToolR0.Serving.Agents;
using ToolR0.Serving.Export;
using ToolR0.Serving.Http;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Commands;

/// <summary>What uses a trained policy: serve-model, chat, export-model.</summary>
internal static class ServingCommands
{
    public static IEnumerable<Command> Create() => [ServeModel(), Chat(), ExportModel()];

    private static Command ServeModel()
    {
        var policy = PolicyOption();
        var port = Or("--port", 8000, "Port; 0 takes a free one", "N");
        var host = Or("--host", "127.0.0.1", "Address to listen on", "IP");
        var keys = new Option<string?>("--api-key-file") { Description = "Only requests with one of its keys, a line each", HelpName = "FILE" };
        var batch = Or("--batch", ServerOptions.UsualBatch, "Answers sampled at a time", "N");
        var command = new Command("serve-model", "Serve a policy to clients of OpenAI's interface") { policy, port, host, keys, batch };
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = ServerOptions.Of(parsed.GetValue(host)!, parsed.GetValue(port), parsed.GetValue(keys), parsed.GetValue(batch));
            var (path, name) = await FindAsync(parsed, common, parsed.GetValue(policy), cancellation);
            await ModelServer.RunAsync(path, name, options, Console.Error, cancellation);
            return 0;
        });
        return command;
    }

    private static Command Chat()
    {
        var policy = PolicyOption();
        var tools = new Option<string?>("--tools") { Description = "Tools it may call: mcp.json or the like (see toolr0 tools)", HelpName = "FILE" };
        var yes = new Option<bool>("--yes-read-only") { Description = "Ask before calls of tools that are not read-only (default)" };
        var ask = new Option<string?>("--ask") { Description = "all: before every call", HelpName = "all" };
        var turns = Or("--max-turns", 8, "Answers of the model to one question", "N");
        var heat = Or("--temperature", 0.0, "Sampling temperature", "T");
        var maxNew = Or("--max-new", 512, "Tokens of an answer at most", "N");
        var set = new Option<string[]>("--set") { Description = "One option, e.g. tools.timeoutSeconds=20", HelpName = "PATH=VALUE" };
        var command = new Command("chat", "Talk with a policy that calls your tools; one question a line where input is redirected")
        {
            policy, tools, yes, ask, turns, heat, maxNew, set,
        };
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var environment = ServiceDefaults.Settings.ProcessEnvironment();
            var run = RunOptionsLoader.Load(new OptionSources { Environment = environment, Sets = parsed.GetValue(set) ?? [] }, ShippedPresets.All);
            var options = AgentOptions.Of(parsed.GetValue(tools), parsed.GetValue(yes), parsed.GetValue(ask), parsed.GetValue(turns),
                parsed.GetValue(heat), parsed.GetValue(maxNew), run.Tools);
            var (path, _) = await FindAsync(parsed, common, parsed.GetValue(policy), cancellation);
            var console = new AgentConsole(Console.In, Console.Out, isPerson: !Console.IsInputRedirected);
            await ChatAgent.RunAsync(path, options, console, environment, cancellation);
            return 0;
        });
        return command;
    }

    private static Command ExportModel()
    {
        var (command, run) = StackCommands.WithRun("export-model", "Write a run's policy as a Hugging Face folder with a model card");
        var output = new Option<string>("--out") { Description = "A folder that is not there, or empty", HelpName = "DIR", Required = true };
        var role = new Option<Role>("--role") { Description = "solver (default) or generator", DefaultValueFactory = _ => Role.Solver };
        var iteration = new Option<int?>("--iteration") { Description = "As it was after this iteration (default: the last)", HelpName = "N" };
        foreach (var option in new Option[] { output, role, iteration })
            command.Add(option);
        var common = new CommonOptions(command, usesBus: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            await using var store = ServiceHost.Store(settings);
            using var policies = new PolicyStore(settings.PoliciesFolder);
            var log = store.GetRequiredService<IFactLog>();
            var name = await StackCommands.KnownRunAsync(store, parsed.GetValue(run), cancellation);
            var request = new ExportRequest(name, parsed.GetValue(role), parsed.GetValue(iteration));
            var reader = new ReportReader(log, store.GetRequiredService<IRunViews>());
            var sha = await ModelExport.WriteAsync(request, parsed.GetValue(output)!, reader, log, policies, cancellation);
            if (common.Json(parsed))
                Console.WriteLine(JsonSerializer.Serialize(new { run = name, policy = sha, folder = Path.GetFullPath(parsed.GetValue(output)!) }));
            else
                Console.Error.WriteLine($"policy {sha} in {parsed.GetValue(output)}");
            return 0;
        });
        return command;
    }

    private static Option<T> Or<T>(string name, T otherwise, string description, string helpName) => new(name)
    {
        Description = FormattableString.Invariant($"{description} (default: {otherwise})"),
        HelpName = helpName,
        DefaultValueFactory = _ => otherwise,
    };

    private static Option<string?> PolicyOption() => new("--policy")
    {
        Description = $"A run (its Solver), {RunFlags.Kinds}; or the SHA-256 of a policy in the home folder (default: base-nano)",
        HelpName = "RUN|MODEL|SHA",
    };

    /// <summary>Where a policy is and what it is called: a run's Solver, or a model.</summary>
    private static async Task<(string Path, string Name)> FindAsync(
        ParseResult parsed, CommonOptions common, string? named, CancellationToken cancellation)
    {
        var settings = common.Settings(parsed);
        var maySha = named?.All(char.IsAsciiHexDigitLower) is true;
        if (named is not null && !Path.Exists(named) && !ModelFinder.IsOnHub(named) && (settings.Postgres is not null || !maySha))
        {
            await using var store = ServiceHost.Store(settings);
            var state = await store.GetRequiredService<RunStates>().LoadAsync(named, cancellation);
            if (state.Status != RunStatus.NotStarted)
                return (Path.Combine(settings.PoliciesFolder, state.Policies[Role.Solver]), named);
            if (!maySha)
                throw new UserErrorException($"--policy {named}: neither a run nor a folder is called so");
        }

        var found = await common.FindAsync(parsed, named, finder => finder.ModelAsync(named, TinyWorldAssets.BaseNano, cancellation));
        return (found.Path, Path.Exists(named) || named is null ? Path.GetFileName(found.Path) : named);
    }
}
