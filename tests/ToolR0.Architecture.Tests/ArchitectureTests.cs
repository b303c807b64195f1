using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace ToolR0.Architecture.Tests;

/// <summary>A project boundary carries a dependency or a deployable service; everything else is a folder. These tests keep the arrows.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string Root = FindRoot();

    private static readonly string[] Services = ["Coordinator", "TaskGeneration", "Solving", "ToolExecution", "RewardScoring", "Learning"];

    /// <summary>The projects that each project may name, by the part of their name after "ToolR0.".</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Contracts"] = [],
        ["SelfPlay"] = ["Contracts"],
        ["Tokenization"] = [],
        ["Policies"] = ["Contracts", "Tokenization"],
        ["EventStore"] = ["Contracts"],
        ["Messaging"] = ["Contracts"],
        ["ServiceDefaults"] = ["Contracts", "EventStore", "Messaging"],
        ["TinyWorld"] = ["Contracts", "SelfPlay"],
        ["ToolServers"] = ["Contracts", "SelfPlay"],
    };

    private static readonly Dictionary<string, XDocument> Projects = Directory
        .GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .ToDictionary(path => Path.GetFileNameWithoutExtension(path)["ToolR0.".Length..], XDocument.Load);

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace { get; }

    public static TheoryData<string> LowerProjects => [.. Allowed.Keys];

    public static TheoryData<string> AllProjects => [.. Projects.Keys];

    [Theory]
    [MemberData(nameof(LowerProjects))]
    public void A_lower_project_names_only_what_lies_below_it(string project) => References(project).Except(Allowed[project]).ShouldBeEmpty();

    [Theory]
    [MemberData(nameof(AllProjects))]
    public void Nothing_names_the_command_line(string project) => References(project).ShouldNotContain("Cli");

    [Theory]
    [MemberData(nameof(AllProjects))]
    public void No_service_names_another(string project)
    {
        if (project != "Cli")
            References(project).Intersect(Services).ShouldBeEmpty();
    }

    [Fact]
    public void Torch_is_in_Policies_only() =>
        ProjectsWith("TorchSharp-cpu").Concat(Projects.Keys.Where(p => Property(p, "UsesTorchSharp") == "true"))
        .Distinct().ShouldBe(["Policies"]);

    [Fact]
    public void Marten_is_in_EventStore_only() => ProjectsWith("Marten").ShouldBe(["EventStore"]);

    [Fact]
    public void The_tool_protocol_and_its_schemas_are_in_ToolServers_only() =>
        ProjectsWith("ModelContextProtocol.Core").Concat(ProjectsWith("JsonSchema.Net")).Distinct().ShouldBe(["ToolServers"]);

    [Fact]
    public void The_web_server_is_in_Serving_only() =>
        Projects.Where(p => p.Value.Descendants("FrameworkReference").Any()).Select(p => p.Key).ShouldBe(["Serving"]);

    [Fact]
    public void MassTransit_is_in_Messaging_and_comes_to_the_services_through_it() =>
        ProjectsWith("MassTransit").Concat(ProjectsWith("MassTransit.RabbitMQ")).Distinct().ShouldBe(["Messaging"]);

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("RewardScoring")]
    [InlineData("ToolExecution")]
    public void A_service_that_runs_no_model_does_not_link_torch(string service) => Reach(service).ShouldNotContain("Policies");

    [Fact]
    public void A_files_namespace_is_its_folder()
    {
        var wrong =
            from folder in new[] { "src", "tests" }
            from path in Sources(folder)
            let declared = Namespace.Match(File.ReadAllText(path))
            let expected = Path.GetRelativePath(Path.Combine(Root, folder), Path.GetDirectoryName(path)!).Replace(Path.DirectorySeparatorChar, '.')
            where declared.Success && declared.Groups[1].Value != expected
            select $"{path}: {declared.Groups[1].Value}";
        wrong.ShouldBeEmpty();
    }

    [Fact]
    public void No_file_is_longer_than_450_lines() =>
        Sources("src").Concat(Sources("tests")).Where(path => File.ReadLines(path).Count() > 450).ShouldBeEmpty();

    [Fact]
    public void The_command_line_is_thin() =>
        Sources(Path.Combine("src", "ToolR0.Cli")).Sum(path => File.ReadLines(path).Count()).ShouldBeLessThan(2500);

    private static IEnumerable<string> References(string project) =>
        Projects[project].Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!)["ToolR0.".Length..]);

    private static IEnumerable<string> ProjectsWith(string package) =>
        Projects.Where(p => p.Value.Descendants("PackageReference").Any(r => (string?)r.Attribute("Include") == package)).Select(p => p.Key);

    private static string? Property(string project, string name) => (string?)Projects[project].Descendants(name).FirstOrDefault();

    private static HashSet<string> Reach(string project)
    {
        var seen = new HashSet<string>();
        var open = new Stack<string>([project]);
        while (open.TryPop(out var next))
        {
            foreach (var reference in References(next).Where(seen.Add))
                open.Push(reference);
        }

        return seen;
    }

    private static IEnumerable<string> Sources(string folder) => Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ToolR0.Pipeline.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("the repository's root was not found");
        return folder.FullName;
    }
}
