using ToolR0.Cli.Options;
using ToolR0.Contracts;

namespace ToolR0.Cli.Tests;

public sealed class OptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-options-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RunOptions Load(OptionSources sources) =>
        new RunOptionsLoader(name => name is "nano" or "paper" ? new RunOptions { Solver = new SolverOptions { Steps = name == "nano" ? 24 : 50 } } : null).Load(sources);

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
        options.Solver.Steps.ShouldBe(24);
    }

    [Fact]
    public void Later_sources_win_file_then_environment_then_flags()
    {
        var file = FileWith("""{ "preset": "paper", "seed": 2, "iterations": 5, "solver": { "steps": 7, "groupSize": 9 } } // a comment""");
        var environment = new Dictionary<string, string> { ["TOOLR0_SOLVER__STEPS"] = "8", ["TOOLR0_SEED"] = "3", ["TOOLR0_HOME"] = "/x", ["PATH"] = "/bin" };
        var options = Load(new OptionSources { File = file, Environment = environment, Sets = ["solver.steps=10", "SOLVER.learningrate=1e-3"], Seed = 4 });
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
            Sets = ["specs.calls={\"1\":0.5,\"2\":0.5}", "specs.domains={\"money\":1,\"units\":2}", "specs.domains.units=3", "evaluation.sets=[\"seen\"]", "curriculum.compare=calls", "generator.train=false"],
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
    [InlineData("""{"solver":{"step":1}}""", "unknown option 'solver.step' in ", "did you mean 'solver.steps'?")]
    [InlineData("""{"banana":1}""", "unknown option 'banana' in ", "options.json")]
    [InlineData("""{"solver":{"steps":"many"}}""", "solver.steps in ", "\"many\", but must be a whole number")]
    [InlineData("""{"solver":{"steps":1.5}}""", "solver.steps in ", "1.5, but must be a whole number")]
    [InlineData("""{"solver":3}""", "solver in ", "must be a JSON object")]
    [InlineData("""{"solver":null}""", "solver in ", "is null")]
    [InlineData("""{"curriculum":{"order":"random"}}""", "curriculum.order in ", "must be one of easyToHard, shuffled")]
    [InlineData("""{"solver":{"steps":1,}""", "not JSON at line ", "options.json")]
    [InlineData("""[1]""", "a JSON object is expected", "options.json")]
    [InlineData("""{"preset":"mini"}""", "unknown preset 'mini'", "nano and paper")]
    public void What_is_wrong_in_the_file_is_named_with_its_place(string json, string start, string rest)
    {
        var error = Should.Throw<CliError>(() => Load(new OptionSources { File = FileWith(json) }));
        error.Message.ShouldContain(start);
        error.Message.ShouldContain(rest);
        error.Message.ShouldNotContain("\n");
    }

    [Theory]
    [InlineData("solver.steps", "is not of the form path=value")]
    [InlineData("solver.stepz=3", "unknown option 'solver.stepz' in --set; did you mean 'solver.steps'?")]
    [InlineData("solver=3", "solver in --set is 3")]
    [InlineData("specs.calls.x=3", "specs.calls in --set")]
    public void What_is_wrong_in_a_set_flag_is_named(string set, string message) =>
        Should.Throw<CliError>(() => Load(new OptionSources { Sets = [set] })).Message.ShouldContain(message);

    [Fact]
    public void A_missing_file_and_an_unknown_variable_are_named()
    {
        Should.Throw<CliError>(() => Load(new OptionSources { File = "/no/such.json" })).Message.ShouldContain("/no/such.json");
        var environment = new Dictionary<string, string> { ["TOOLR0_SOLVER__STEPZ"] = "1" };
        Should.Throw<CliError>(() => Load(new OptionSources { Environment = environment })).Message.ShouldContain("TOOLR0_SOLVER__STEPZ");
    }
}
