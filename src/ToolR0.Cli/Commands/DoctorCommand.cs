using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.ServiceDefaults;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Commands;

/// <summary><c>toolr0 doctor</c>: what is installed and reachable.</summary>
internal static class DoctorCommand
{
    private sealed record Check(string What, bool Ok, string Found);

    public static Command Create()
    {
        var command = new Command("doctor", "What is installed and reachable");
        var common = new CommonOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = common.Settings(parsed);
            var checks = new List<Check>
            {
                new("toolr0", true, $"{typeof(DoctorCommand).Assembly.GetName().Version?.ToString(3)}, .NET {Environment.Version}, {Environment.ProcessorCount} processors"),
                new("packages", true, Packages()),
                await TryAsync("libtorch", () => Task.FromResult(TorchRuntime.Describe())),
                await TryAsync("PostgreSQL", () => PostgresAsync(settings, cancellation)),
                await TryAsync("bus", async () =>
                {
                    await BusProbe.CheckAsync(settings.Bus, cancellation: cancellation);
                    return settings.Bus.Kind == BusKind.Memory ? "in memory" : $"RabbitMQ at {settings.Bus.Address}";
                }),
                await TryAsync("base-nano", () => Task.FromResult(Directory.Exists(TinyWorldAssets.BaseNano)
                    ? $"{Policy.HashOf(TinyWorldAssets.BaseNano)[..12]} in {TinyWorldAssets.BaseNano}"
                    : throw new UserErrorException($"missing: {TinyWorldAssets.BaseNano}"))),
                await TryAsync("home", () => Task.FromResult(Home(settings))),
            };
            if (common.Json(parsed))
            {
                Console.WriteLine(JsonSerializer.Serialize(checks, new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }));
            }
            else
            {
                foreach (var check in checks)
                    Console.WriteLine($"{(check.Ok ? "ok     " : "PROBLEM")}  {check.What,-10}  {check.Found}");
            }

            return checks.All(check => check.Ok) ? 0 : 1;
        });
        return command;
    }

    /// <summary>The libraries that were loaded, with their packages' versions.</summary>
    private static string Packages()
    {
        static string Of(Assembly assembly) =>
            $"{assembly.GetName().Name} {assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]}";
        return $"{Of(typeof(Marten.IDocumentStore).Assembly)}, {Of(typeof(TorchSharp.torch).Assembly)}, {Of(typeof(MassTransit.IBus).Assembly)}";
    }

    private static async Task<string> PostgresAsync(Settings settings, CancellationToken cancellation)
    {
        await using var store = ServiceHost.Store(settings);
        var database = store.GetRequiredService<EventStoreDatabase>();
        var (version, events, bytes) = await database.DescribeAsync(cancellation);
        return FormattableString.Invariant($"{version} at {database.Server}, {events:#,0} events, {bytes / 1e6:0.0} MB");
    }

    private static string Home(Settings settings)
    {
        var folder = settings.Home;
        while (!Directory.Exists(folder))
            folder = Path.GetDirectoryName(folder)!;
        var probe = Path.Combine(folder, $".toolr0-{Guid.NewGuid():N}");
        File.WriteAllText(probe, "");
        File.Delete(probe);
        return FormattableString.Invariant($"{settings.Home}, {new DriveInfo(folder).AvailableFreeSpace / 1e9:0.0} GB free");
    }

    private static async Task<Check> TryAsync(string what, Func<Task<string>> look)
    {
        try
        {
            return new Check(what, true, await look());
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new Check(what, false, e.Message.ReplaceLineEndings(" "));
        }
    }
}
