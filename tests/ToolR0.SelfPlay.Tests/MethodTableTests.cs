using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Options;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>docs/method.md says what is so: its options, defaults, types and tests exist, and no option of the method is missing.</summary>
public sealed partial class MethodTableTests
{
    private static readonly string Root = FindRoot();
    private static readonly string Text = File.ReadAllText(Path.Combine(Root, "docs", "method.md"));

    private static readonly List<string[]> Rows =
    [
        .. Text.Split('\n').Where(line => line.StartsWith('|') && !line.StartsWith("|---") && !line.Contains("| Where |"))
            .Select(line => line.Trim().Trim('|').Split(" | ").Select(cell => cell.Trim()).ToArray()),
    ];

    [GeneratedRegex(@"`([a-z]\w*(?:\.\w+)*)` ([^;,(|]+?)(?: \(nano ([^)]+)\))?(?=[;,]|$)")]
    private static partial Regex OptionAndDefault { get; }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted { get; }

    [Fact]
    public void Every_row_says_where_its_rule_is_and_what_pins_it()
    {
        Rows.Count.ShouldBeGreaterThan(60);
        foreach (var row in Rows)
        {
            row.Length.ShouldBe(4, string.Join('|', row));
            Quoted.Matches(row[2]).ShouldNotBeEmpty(row[0]);
            Quoted.Matches(row[3]).ShouldNotBeEmpty(row[0]);
        }
    }

    [Fact]
    public void Every_option_of_the_method_is_there_with_its_defaults()
    {
        var (paper, nano) = (JsonNode.Parse(RunOptionsJson.Write(Presets.Paper))!, JsonNode.Parse(RunOptionsJson.Write(ShippedPresets.Nano))!);
        var paths = RunOptionsJson.Paths();
        var named = new HashSet<string>();
        foreach (var (path, standard, tiny) in Rows.SelectMany(row => OptionAndDefault.Matches(row[1]))
            .Select(m => (m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value)))
        {
            paths.ShouldContain(path);
            named.Add(path);
            Says(standard, At(paper, path)).ShouldBeTrue($"{path} is {At(paper, path)} in preset paper, not {standard}");
            Says(tiny.Length > 0 ? tiny : standard, At(nano, path))
                .ShouldBeTrue($"{path} is {At(nano, path)} in preset nano, not {(tiny.Length > 0 ? tiny : standard)}");
        }

        string[] groups = ["prompts.", "specs.", "generator.", "curriculum.", "solver.", "judge.", "learning."];
        paths.Where(path => groups.Any(path.StartsWith)).Except(named).ShouldBeEmpty();
    }

    [Fact]
    public void Every_reason_to_reject_a_candidate_is_there()
    {
        var reasons = typeof(Rejections).GetFields().Select(field => (string)field.GetRawConstantValue()!).ToList();
        reasons.Count.ShouldBeGreaterThan(25);
        foreach (var reason in reasons)
            Text.ShouldContain($"`{reason}`");
    }

    [Fact]
    public void Every_type_and_test_that_is_named_exists()
    {
        var source = Source("src");
        foreach (var type in Rows.SelectMany(row => Quoted.Matches(row[2])).Select(match => match.Groups[1].Value).Distinct())
            Regex.IsMatch(source, $@"\b(class|record|struct|enum) {type}\b").ShouldBeTrue($"there is no type {type}");

        var tests = new Dictionary<string, string>();
        foreach (var test in Rows.SelectMany(row => Quoted.Matches(row[3])).Select(match => match.Groups[1].Value).Distinct())
        {
            var names = test.Split('.');
            names.Length.ShouldBe(2, test);
            if (!tests.TryGetValue(names[0], out var text))
            {
                var files = Directory.GetFiles(Path.Combine(Root, "tests"), names[0] + ".cs", SearchOption.AllDirectories);
                text = tests[names[0]] = string.Concat(files.Select(File.ReadAllText));
            }

            text.ShouldContain($"class {names[0]}");
            Regex.IsMatch(text, $@"(void|Task) {names[1]}\(").ShouldBeTrue($"there is no test {test}");
        }
    }

    private static JsonNode? At(JsonNode options, string path) => path.Split('.').Aggregate((JsonNode?)options, (node, name) => node![name]);

    /// <summary>Whether the table's words say the option's value: a number, also as 1/3, a name, or "as the rule says" for what is a list or a
    /// distribution.</summary>
    private static bool Says(string words, JsonNode? value)
    {
        if (value is JsonArray or JsonObject)
            return words is "as the rule says" or "its own";
        if (double.TryParse(value!.ToString(), CultureInfo.InvariantCulture, out var number))
        {
            var parts = words.Split('/').Select(part => double.Parse(part, CultureInfo.InvariantCulture)).ToList();
            return Math.Abs((parts.Count == 2 ? parts[0] / parts[1] : parts[0]) - number) <= 1e-12;
        }

        return string.Equals(value.ToString(), words, StringComparison.OrdinalIgnoreCase);
    }

    private static string Source(string folder) => string.Concat(Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}")).Select(File.ReadAllText));

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "ToolR0.Pipeline.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests do not stand in the source tree");
        return folder;
    }
}
