using System.Text.Json;
using System.Text.Json.Serialization;
using ToolR0.Contracts;

namespace ToolR0.Reporting;

/// <summary>The run in a few numbers, as <c>summary.json</c>.</summary>
/// <param name="HeldOut">Set name -> exact match of the base model and of the Solver after each iteration, in [0, 1]; null where it was not
/// measured.</param>
/// <param name="OutsideModelShare">Share of wall time in which no policy was computing, in [0, 1].</param>
/// <param name="CurriculumSha256">One per iteration.</param>
/// <param name="BaseOrigin">Where the base came from, the hub's commit among it; left out for a folder.</param>
public sealed record Summary(
    IReadOnlyDictionary<string, IReadOnlyList<double?>> HeldOut,
    double WallSeconds,
    double OutsideModelShare,
    IReadOnlyList<string> CurriculumSha256,
    SummaryPolicies PolicySha256,
    long Events,
    long Seed,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BaseOrigin? BaseOrigin = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Summary Of(RunReport report) => new(
        report.State.HeldOut.ToDictionary(set => set.Name, set => report.State.AccuracyOf(set.Name)),
        Math.Round(report.WallSeconds, 3),
        Math.Round(report.OutsideModelShare, 4),
        [.. report.State.Curricula.Values.Select(c => c.Sha256)],
        new SummaryPolicies(report.State.Policies[Role.Generator], report.State.Policies[Role.Solver]),
        report.Events,
        report.State.Options.Seed,
        report.State.Origin);

    public string ToJson() => JsonSerializer.Serialize(this, Json);
}

public sealed record SummaryPolicies(string Generator, string Solver);
