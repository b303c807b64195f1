using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Options;
using ToolR0.ServiceDefaults;
using ToolR0.TinyWorld;

namespace ToolR0.Cli.Tests;

public sealed class OptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-options-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RunOptions Load(OptionSources sources) => RunOptionsLoader.Load(sources, ShippedPresets.All);

    private string FileWith(string json)
    {
        var path = Path.Combine(_folder, "options.json");
        File.WriteAllText(path, json);
        return path;
    }

    [Fact]
    public void Nano_is_the_default_preset()
    {
        var options = Load(new OptionSources());
        options.Preset.ShouldBe("nano");
        RunOptionsJson.Write(options).ShouldBe(RunOptionsJson.Write(ShippedPresets.Nano));
    }

    [Fact]
    public void Later_sources_win_file_then_environment_then_flags()
    {
        var file = FileWith("""{ "preset": "paper", "seed": 2, "iterations": 5, "solver": { "steps": 7, "groupSize": 9 } } // a comment""");
        var environment = new Dictionary<string, string>
        {
            ["TOOLR0_SOLVER__STEPS"] = "8",
            ["TOOLR0_SEED"] = "3",
            ["TOOLR0_HOME"] = "/x",
            ["PATH"] = "/bin"
        };
        var options = Load(new OptionSources
        {
            File = file,
            Environment = environment,
            Sets = ["solver.steps=10", "SOLVER.learningrate=1e-3"],
            Seed = 4
        });
        options.Preset.ShouldBe("paper");
        options.Iterations.ShouldBe(5);
        options.Seed.ShouldBe(4);
        options.Solver.Steps.ShouldBe(10);
        options.Solver.GroupSize.ShouldBe(9);
        options.Solver.LearningRate.ShouldBe(1e-3);
        Load(new OptionSources { File = file, Environment = environment }).Solver.Steps.ShouldBe(8);
        Load(new OptionSources { File = file }).Solver.Steps.ShouldBe(7);
    }

    [Fact]
    public void Sections_maps_lists_and_enumerations_can_be_set()
    {
        var options = Load(new OptionSources
        {
            Sets = ["specs.calls={\"1\":0.5,\"2\":0.5}", "specs.domains={\"money\":1,\"units\":2}", "specs.domains.units=3",
                "evaluation.sets=[\"seen\"]", "curriculum.compare=calls", "generator.train=false"],
        });
        options.Specs.Calls.ShouldBe(new Dictionary<int, double> { [1] = 0.5, [2] = 0.5 });
        options.Specs.Domains.ShouldBe(new Dictionary<string, double> { ["money"] = 1, ["units"] = 3 });
        options.Evaluation.Sets.ShouldBe(["seen"]);
        options.Curriculum.Compare.ShouldBe(VerifyCompare.Calls);
        options.Generator.Train.ShouldBeFalse();
    }

    [Fact]
    public void A_map_in_the_file_replaces_the_presets()
    {
        var options = Load(new OptionSources { File = FileWith("""{"specs":{"calls":{"3":1}}}""") });
        options.Specs.Calls.ShouldBe(new Dictionary<int, double> { [3] = 1 });
    }

    [Theory]
    [InlineData("""{"solver":{"step":1}}""", "solver.step", "solver.steps")]
    [InlineData("""{"banana":1}""", "banana", "no such option")]
    [InlineData("""{"solver":{"steps":"many"}}""", "solver.steps", "many")]
    [InlineData("""{"solver":{"sampling":{"temperature":-0.5}}}""", "solver.sampling.temperature", "-0.5")]
    [InlineData("""{"solver":3}""", "solver", "3")]
    [InlineData("""{"curriculum":{"order":"random"}}""", "curriculum.order", "easyToHard, shuffled")]
    [InlineData("""{"solver":{"steps":1,}""", "not JSON", "line 1")]
    [InlineData("""[1]""", "JSON object", "options")]
    [InlineData("""{"preset":"mini"}""", "'mini'", "nano-agent")]
    public void What_is_wrong_in_the_file_is_named_in_one_line(string json, string name, string rest)
    {
        var error = Should.Throw<UserErrorException>(() => Load(new OptionSources { File = FileWith(json) }));
        error.Message.ShouldContain(name);
        error.Message.ShouldContain(rest);
        error.Message.ShouldNotContain("\n");
        error.ExitCode.ShouldNotBe(0);
    }

    [Theory]
    [InlineData("solver.steps", "must be of the form path=value")]
    [InlineData("solver.stepz=3", "solver.steps")]
    [InlineData("solver=3", "solver")]
    [InlineData("tools.startSeconds=0", "tools.startSeconds: 0 must be above 0")]
    [InlineData("tools.callsAtOnce=0", "tools.callsAtOnce: 0 must be at least 1")]
    [InlineData("tools.outputMegabytes=0", "tools.outputMegabytes: 0 must be from 1 to 1024")]
    [InlineData("tools.allow=[\"\"]", "tools.allow")]
    [InlineData("tools.session=forever", "tools.session")]
    [InlineData("tools.reset=clear", "tools.reset")]
    [InlineData("tools.reset=clear {}", "tools.session: Trajectory must be Run")]
    [InlineData("generator.sampling.temperature=-1", "generator.sampling.temperature: -1")]
    public void What_is_wrong_in_a_set_flag_is_named(string set, string message) =>
        Should.Throw<UserErrorException>(() => Load(new OptionSources { Sets = [set] })).Message.ShouldContain(message);

    [Fact]
    public void A_preset_flag_wins_over_the_files()
    {
        var file = FileWith("""{ "preset": "paper", "iterations": 5 }""");
        var options = Load(new OptionSources { File = file, Preset = "nano" });
        options.Preset.ShouldBe("nano");
        options.Iterations.ShouldBe(5);
        options.Solver.ShouldBeEquivalentTo(ShippedPresets.Nano.Solver);
    }

    [Fact]
    public void A_missing_file_and_an_unknown_variable_are_named()
    {
        Should.Throw<UserErrorException>(() => Load(new OptionSources { File = "/no/such.json" })).Message.ShouldContain("/no/such.json");
        var environment = new Dictionary<string, string> { ["TOOLR0_SOLVER__STEPZ"] = "1" };
        Should.Throw<UserErrorException>(() => Load(new OptionSources { Environment = environment })).Message.ShouldContain("TOOLR0_SOLVER__STEPZ");
    }

    [Fact]
    public void A_command_may_begin_with_a_preset_of_its_own_which_any_source_overrides()
    {
        RunOptions Of(string? flag, string? file, string? variable) => Load(new OptionSources
        {
            DefaultPreset = "paper",
            Preset = flag,
            File = file is null ? null : FileWith($$"""{"preset":"{{file}}"}"""),
            Environment = variable is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["TOOLR0_PRESET"] = variable },
        });
        Of(null, null, null).Preset.ShouldBe("paper");
        Of(null, "nano", null).Preset.ShouldBe("nano");
        Of(null, null, "nano").Preset.ShouldBe("nano");
        Of(null, "nano", "nano-study").Preset.ShouldBe("nano-study");
        Of("paper", "nano", "nano-study").Preset.ShouldBe("paper");
        Load(new OptionSources { DefaultPreset = "paper", File = FileWith("{}") }).Preset.ShouldBe("paper");
    }

    [Theory]
    [InlineData("""{"solver":{"requireThink":true},"solver":{"requireThink":false}}""", null, "solver: stands twice")]
    [InlineData("""{"solver":{"requireThink":true},"solver":{"requireThink":false}}""", "paper", "solver: stands twice")]
    [InlineData("""{"preset":"nano","Preset":"paper"}""", "paper", "Preset: stands twice")]
    public void A_section_twice_in_the_file_is_one_clear_line(string json, string? preset, string message) =>
        Should.Throw<UserErrorException>(() =>
            Load(new OptionSources { File = FileWith(json), Preset = preset })).Message.ShouldEndWith($"{message}; each name may stand once");

    [Theory]
    [InlineData("TOOLR0_POSTGRESS", "TOOLR0_POSTGRES")]
    [InlineData("TOOLR0_HOMES", "TOOLR0_HOME")]
    [InlineData("TOOLR0_home", "TOOLR0_HOME")]
    [InlineData("TOOLR0_SED", "TOOLR0_SEED")]
    [InlineData("TOOLR0_SOLVER_STEPS", "TOOLR0_SOLVER__STEPS")]
    [InlineData("TOOLR0_SOLVER__STEPZ", "TOOLR0_SOLVER__STEPS")]
    [InlineData("TOOLR0_GENERATOR__SAMPLING__TEMPERATUR", "TOOLR0_GENERATOR__SAMPLING__TEMPERATURE")]
    [InlineData("TOOLR0_SOLVER", "TOOLR0_")]
    public void A_variable_that_says_nothing_is_named_with_the_nearest_that_does(string name, string nearest) =>
        EnvironmentNames.Unknown(new Dictionary<string, string> { [name] = "1", ["PATH"] = "/bin" }).ShouldHaveSingleItem()
            .ShouldStartWith($"{name} is not a setting or option; the nearest is {nearest}");

    [Fact]
    public void Every_variable_that_the_product_reads_is_known()
    {
        string[] settings = ["HOME", "POSTGRES", "BUS", "RABBITMQ", "WORKERS", "DEVICE", "TRACE", "BENCHMARKS", "RELOAD_COMMAND",
            "TEST_POSTGRES", "TEST_ANYTHING"];
        var paths = RunOptionsJson.Paths().Select(path => path.Replace(".", "__").ToUpperInvariant());
        var known = settings.Concat(paths).Append("SPECS__DOMAINS__CHESS").Append("seed").ToDictionary(name => "TOOLR0_" + name, _ => "1");
        EnvironmentNames.Unknown(known).ShouldBeEmpty();
    }

    [Fact]
    public void Settings_come_from_flags_then_environment_then_defaults()
    {
        var environment = new Dictionary<string, string>
        {
            ["TOOLR0_HOME"] = "/a",
            ["TOOLR0_POSTGRES"] = "Host=x",
            ["TOOLR0_BUS"] = "rabbitmq",
            ["TOOLR0_RABBITMQ"] = "amqp://u:p@h:1/"
        };
        Settings.Read("/b", null, "memory", null, environment)
            .ShouldBe(new Settings("/b", "Host=x", new BusOptions(BusKind.Memory, new Uri("amqp://u:p@h:1/")), WorkerOptions.Default));
        Settings.Read(null, null, null, null, environment).Bus.Kind.ShouldBe(BusKind.RabbitMq);
        Settings.Read(null, null, null, null, new Dictionary<string, string>()).Bus.Kind.ShouldBe(BusKind.Memory);
        Settings.Read(null, null, null, "amqp://h/", new Dictionary<string, string>()).Bus.Kind.ShouldBe(BusKind.RabbitMq);
    }

    [Theory]
    [InlineData("pigeon", null, "pigeon")]
    [InlineData("rabbitmq", "localhost", "localhost")]
    public void A_wrong_bus_is_named(string bus, string? address, string named) =>
        Should.Throw<UserErrorException>(() =>
            Settings.Read(null, null, bus, address, new Dictionary<string, string>())).Message.ShouldContain(named);

    [Fact]
    public void A_store_must_be_given() =>
        Should.Throw<UserErrorException>(() =>
            Settings.Read(null, null, null, null, new Dictionary<string, string>()).RequirePostgres()).Message.ShouldContain("TOOLR0_POSTGRES");
}
