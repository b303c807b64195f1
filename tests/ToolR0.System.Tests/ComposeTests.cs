using System.Text.RegularExpressions;
using ToolR0.SelfPlay.Options;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace ToolR0.System.Tests;

/// <summary>The compose file, read as Compose reads it.</summary>
public sealed partial class ComposeTests
{
    private static readonly string[] Workers = ["task-generation", "solving", "tool-execution", "reward-scoring", "learning"];

    [GeneratedRegex(@"\bTOOLR0_[A-Z0-9]+(_[A-Z0-9]+)*\b")]
    private static partial Regex Variable { get; }

    private static Dictionary<string, object> Read(string path)
    {
        using var text = new StreamReader(Path.Combine(Product.Root, path));
        return new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(new MergingParser(new Parser(text)));
    }

    private static Dictionary<object, object> Section(object parent, string name) =>
        parent is Dictionary<string, object> top ? (Dictionary<object, object>)top[name]
            : (Dictionary<object, object>)((Dictionary<object, object>)parent)[name];

    [Fact]
    public void Servers_and_the_six_services_each_have_a_container_with_a_health_check()
    {
        var services = Section(Read("docker-compose.yml"), "services");
        services.Keys.Cast<string>().ShouldBe(["postgres", "rabbitmq", "coordinator", .. Workers, "toolr0", "dashboard"], ignoreOrder: true);
        foreach (var (name, service) in services.Where(s => (string)s.Key is not ("toolr0" or "dashboard")))
            Section(service, "healthcheck").ContainsKey("test").ShouldBeTrue($"{name} has no health check");
    }

    [Theory]
    [InlineData("coordinator", "Coordinator")]
    [InlineData("reward-scoring", "RewardScoring")]
    [InlineData("tool-execution", "ToolExecution")]
    [InlineData("task-generation", "TaskGeneration")]
    [InlineData("solving", "Solving")]
    [InlineData("learning", "Learning")]
    public void Each_service_is_its_own_program(string name, string program)
    {
        var service = (Dictionary<object, object>)Section(Read("docker-compose.yml"), "services")[name];
        ((string)service["image"]).ShouldStartWith("toolr0/service:");
        ((List<object>)service["entrypoint"]).ShouldBe(["dotnet", $"/app/ToolR0.{program}.dll"]);
    }

    [Theory]
    [InlineData("core.yml", "core", new[] { "coordinator", "reward-scoring", "tool-execution" })]
    [InlineData("gpu.yml", "gpu", new[] { "coordinator", "reward-scoring", "tool-execution", "task-generation", "solving", "learning", "toolr0" })]
    public void An_overlay_builds_its_image_once_and_gives_it_to_every_service_that_would_else_lack_one(string file, string image, string[] names)
    {
        var services = Section(Read(Path.Combine("infra", "docker", file)), "services").ToDictionary(
            service => (string)service.Key, service => (Dictionary<object, object>)service.Value);
        services.Keys.ShouldBe(names, ignoreOrder: true);
        services.Values.ShouldAllBe(service => ((string)service["image"]).StartsWith($"toolr0/{image}:"));
        services.Values.Count(service => service.ContainsKey("build")).ShouldBe(1);
    }

    [Fact]
    public void Each_image_is_built_by_one_service_and_never_pulled()
    {
        var services = Section(Read("docker-compose.yml"), "services").Values.Cast<Dictionary<object, object>>().ToList();
        var ours = services.Where(service => ((string)service["image"]).StartsWith("toolr0/", StringComparison.Ordinal)).ToList();
        ours.ShouldAllBe(service => (string)service["pull_policy"] == "never");
        var built = ours.Where(service => service.ContainsKey("build")).Select(service => (string)service["image"]).ToList();
        built.ShouldBe([.. ours.Select(service => (string)service["image"]).Distinct()], ignoreOrder: true);
    }

    [Fact]
    public void Workers_can_be_scaled_because_nothing_about_them_is_fixed()
    {
        var services = Section(Read("docker-compose.yml"), "services");
        foreach (var name in Workers)
        {
            var service = (Dictionary<object, object>)services[name];
            service.ContainsKey("container_name").ShouldBeFalse(name);
            service.ContainsKey("ports").ShouldBeFalse(name);
            service.ContainsKey("hostname").ShouldBeFalse(name);
        }
    }

    [Fact]
    public void Data_live_in_named_volumes_and_no_password_stands_in_the_file()
    {
        var compose = Read("docker-compose.yml");
        Section(compose, "volumes").Keys.Cast<string>().ShouldBe(["postgres", "rabbitmq", "policies"], ignoreOrder: true);
        var text = File.ReadAllText(Path.Combine(Product.Root, "docker-compose.yml"));
        foreach (var variable in new[] { "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD" })
        {
            text.ShouldContain($"${{{variable}:?");
            File.ReadAllText(Path.Combine(Product.Root, ".env.example")).ShouldContain(variable + "=");
        }
    }

    [Fact]
    public void The_override_reserves_a_GPU_for_each_service_that_runs_a_policy()
    {
        var services = Section(Read("infra/docker/gpu.yml"), "services");
        foreach (var service in ((string[])["task-generation", "solving", "learning"]).Select(name => services[name]))
        {
            var devices = (List<object>)Section(Section(Section(service, "deploy"), "resources"), "reservations")["devices"];
            Section(new Dictionary<object, object> { ["device"] = devices[0] }, "device")["driver"].ShouldBe("nvidia");
        }
    }

    [Fact]
    public void The_Dockerfile_has_the_targets_that_compose_builds_and_names_no_other_image_than_NETs()
    {
        var lines = File.ReadAllLines(Path.Combine(Product.Root, "infra", "docker", "Dockerfile"));
        foreach (var target in new[] { "core", "service", "gpu" })
            lines.ShouldContain(line =>
                line.StartsWith("FROM ", StringComparison.Ordinal) && line.EndsWith($" AS {target}", StringComparison.Ordinal), target);
        lines.ShouldNotContain(line => line.StartsWith("# syntax=", StringComparison.Ordinal));
        var stages = lines.Where(line => line.StartsWith("FROM ", StringComparison.Ordinal)).Select(line => line.Split(' ')).ToList();
        var bases = stages.Select(stage => stage[1]).Except(stages.Select(stage => stage[^1])).ToList();
        bases.ShouldAllBe(image => image.StartsWith("mcr.microsoft.com/dotnet/"));
        // Builders that build every stage above their target must not meet the GPU's.
        stages.FindIndex(stage => stage[^1] == "build-gpu").ShouldBeGreaterThan(stages.FindIndex(stage => stage[^1] == "service"));
    }

    [Fact]
    public void Every_variable_that_a_script_a_container_or_the_code_names_is_known()
    {
        string[] folders = ["infra", "src"];
        var files = folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Product.Root, folder), "*", SearchOption.AllDirectories))
            .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "assets"))
            .Concat([Path.Combine(Product.Root, "docker-compose.yml"), Path.Combine(Product.Root, ".env.example")]);
        var names = files.SelectMany(path => Variable.Matches(File.ReadAllText(path)).Select(match => match.Value)).ToHashSet();
        names.ShouldContain("TOOLR0_COMMAND");
        EnvironmentNames.Unknown(names.ToDictionary(name => name, _ => "1")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Every_script_parses()
    {
        string[] scripts = [.. Directory.GetFiles(Path.Combine(Product.Root, "infra"), "*.sh"), Path.Combine(Product.Root, "infra", "toolr0"),
            Path.Combine(Product.Root, ".ci", "run")];
        scripts.Length.ShouldBeGreaterThan(6);
        foreach (var script in scripts)
        {
            var parsed = await Product.BashAsync(new Dictionary<string, string>(), "-n", script);
            parsed.ExitCode.ShouldBe(0, $"{script}: {parsed.Errors}");
        }
    }
}
