using ToolR0.Contracts;

namespace ToolR0.ToolServers.Sessions;

/// <summary>Whose failure a call's failure is.</summary>
public enum CallFault
{
    None,

    /// <summary>The caller's mistake: an unknown tool, arguments that are refused, an answer that says so. The only one that is scored.</summary>
    Model,

    /// <summary>The tool failed at a call that may have been right: its backend was away, its code broke.</summary>
    Tool,

    /// <summary>No answer: the server was away, ended, took too long or wrote too much. Nothing is known; the sample is void.</summary>
    Infrastructure,
}

/// <summary>How a call ended.</summary>
/// <param name="Text">What the tool returned, as text; empty where it returned nothing.</param>
/// <param name="Error">One line; empty where there is no fault.</param>
/// <param name="DeliveryUnknown">The call went out and its answer was lost: it may have been carried out or not.</param>
/// <param name="Took">From the first byte out to the answer.</param>
public sealed record CallResult(CallFault Fault, string Text, string Error, bool DeliveryUnknown, TimeSpan Took)
{
    /// <summary>What the caller's arguments were changed to before the call went out, a line each.</summary>
    public IReadOnlyList<string> Repairs { get; init; } = [];

    /// <summary>Whether it may be tried again without doing anything twice.</summary>
    public bool MayRepeat(CatalogueTool tool) => Fault == CallFault.Infrastructure && (!DeliveryUnknown || tool.ReadOnly || tool.Idempotent);

    public static CallResult Void(string error, bool deliveryUnknown, TimeSpan took) =>
        new(CallFault.Infrastructure, "", error.ReplaceLineEndings(" "), deliveryUnknown, took);

    public static CallResult Mistake(string error) => new(CallFault.Model, "", error.ReplaceLineEndings(" "), false, TimeSpan.Zero);
}
