using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace ToolR0.System.Tests;

/// <summary>The compose file, read as Compose reads it.</summary>
public sealed class ComposeTests
{
    private static readonly string[] Workers = ["task-generation", "solving", "tool-execution", "reward-scoring", "learning"];

    private static Dictionary<string, object> Read(string path)
    {
        using var text = new StreamReader(Path.Combine(Product.Root, path));
        return new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(new MergingParser(new Parser(text)));
    }

    private static Dictionary<object, object> Section(object parent, string name) =>
        parent is Dictionary<string, object> top ? (Dictionary<object, object>)top[name] : (Dictionary<object, object>)((Dictionary<object, object>)parent)[name];

    [Fact]
    public void Servers_and_the_six_services_each_have_a_container_with_a_health_check()
    {
        var services = Section(Read("docker-compose.yml"), "services");
        services.Keys.Cast<string>().ShouldBe(["postgres", "rabbitmq", "coordinator", .. Workers, "toolr0"], ignoreOrder: true);
        foreach (var (name, service) in services.Where(s => (string)s.Key != "toolr0"))
            Section(service, "healthcheck").ContainsKey("test").ShouldBeTrue($"{name} has no health check");
        foreach (var name in Workers.Append("coordinator"))
            ((List<object>)((Dictionary<object, object>)services[name])["command"])[..2].ShouldBe(["serve", name]);
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
        services.Keys.Cast<string>().ShouldBe(["task-generation", "solving", "learning"], ignoreOrder: true);
        foreach (var service in services.Values)
        {
            var devices = (List<object>)Section(Section(Section(service, "deploy"), "resources"), "reservations")["devices"];
            Section(new Dictionary<object, object> { ["device"] = devices[0] }, "device")["driver"].ShouldBe("nvidia");
        }
    }

    [Fact]
    public void The_Dockerfile_has_the_targets_that_compose_builds_with_the_genuine_packages()
    {
        var file = File.ReadAllText(Path.Combine(Product.Root, "infra", "docker", "Dockerfile"));
        file.ShouldContain("AS service");
        file.ShouldContain("AS gpu");
        file.Split('\n').Where(line => line.Contains("dotnet publish")).ShouldAllBe(line => line.Contains("PackageOrigin=registry"));
    }

    [Fact]
    public async Task Every_script_parses()
    {
        string[] scripts = [.. Directory.GetFiles(Path.Combine(Product.Root, "infra"), "*.sh"), Path.Combine(Product.Root, "infra", "toolr0"), Path.Combine(Product.Root, ".ci", "run")];
        scripts.Length.ShouldBeGreaterThan(6);
        foreach (var script in scripts)
        {
            var parsed = await Product.BashAsync(new Dictionary<string, string>(), "-n", script);
            parsed.ExitCode.ShouldBe(0, $"{script}: {parsed.Errors}");
        }
    }
}
