using System.Text.Json.Serialization;
using ToolR0.Contracts.Options;

namespace ToolR0.Contracts;

// What is stored. Every record here is an event of the store; its snake_case name is its type there.

/// <summary>Why sampling stopped.</summary>
public enum FinishReason
{
    /// <summary>The end-of-turn token or a stop string was produced.</summary>
    Stop,

    /// <summary>The limit on new tokens was reached.</summary>
    Length,

    /// <summary>No sample: infrastructure failed. Left out of its group's statistics, never scored as 0.</summary>
    Void,
}

/// <summary>Causes of void samples that are no failure of infrastructure.</summary>
public static class VoidCauses
{
    /// <summary>The Solver's prompt of a generated task is over the limit. Prompts are never cut, so the task cannot be attempted.</summary>
    public const string PromptTooLong = "prompt_too_long";

    /// <summary>Calls that change something were begun before, and whether they were carried out is not known: they are not made again.</summary>
    public const string DeliveryUnknown = "delivery_unknown";
}

/// <summary>One completion as it was sampled.</summary>
/// <param name="Seed">The seed that gives these tokens again.</param>
/// <param name="Tokens">Token ids of the completion, the stopping token included. Never re-tokenised from text.</param>
/// <param name="LogProbs">
/// The sampling log-probability of each token (natural logarithm, at the sampling temperature), as long as <paramref name="Tokens"/>; empty if an
/// outside server did not tell them.
/// </param>
/// <param name="Text">The decoded completion without its stopping token.</param>
/// <param name="VoidCause">Why there is no sample, when <paramref name="Finish"/> is <see cref="FinishReason.Void"/>.</param>
/// <param name="Reencoded">An outside server told no token ids: <paramref name="Tokens"/> are its text, encoded again.</param>
public sealed record Trajectory(
    long Seed,
    int[] Tokens,
    float[] LogProbs,
    string Text,
    FinishReason Finish,
    string? VoidCause = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Reencoded = false)
{
    /// <summary>
    /// The parts that were sampled, where what calls returned stands between them; null where all of it was. Never stored: the turns are facts of
    /// their own (<see cref="TurnTaken"/>).
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<SampledTurn>? Turns { get; init; }
}

/// <summary>A sampled part of a trajectory of several turns: tokens [<paramref name="Start"/>, <paramref name="Start"/> +
/// <paramref name="Length"/>).</summary>
public sealed record SampledTurn(int Start, int Length, string Text);

/// <summary>What the Solver was asked for.</summary>
public enum AttemptPurpose
{
    Probe,
    Verify,
    Judge,
    Train,
    Evaluate,

    /// <summary>Answers to the warm start's own tasks: those that equal the gold are what the Solver is fitted to.</summary>
    WarmStart,

    /// <summary>The difficulty of a candidate, asked of the Solver as a judge; <see cref="Judge"/> asks for coherence.</summary>
    Label,
}

/// <summary>A group of completions of one Generator prompt. First event of <c>group/…/generator/…</c> and <c>task/…</c> streams.</summary>
/// <param name="Policy">SHA-256 of the weights that wrote it.</param>
/// <param name="PromptTokens">The rendered prompt.</param>
/// <param name="Digest">SHA-256 over prompt tokens, seeds, tokens and log-probabilities (<see cref="Digests"/>).</param>
/// <param name="Signatures">The menus in it are signatures, not JSON (<see cref="PromptSet.Signatures"/>).</param>
public sealed record TasksProposed(
    string Run,
    TaskSpec Spec,
    string Policy,
    int[] PromptTokens,
    IReadOnlyList<Trajectory> Samples,
    string Digest,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Signatures = false);

/// <summary>A group of completions of one Solver prompt.</summary>
public sealed record TaskAttempted(
    string Run, TaskRef Task, AttemptPurpose Purpose, string Policy, int[] PromptTokens, IReadOnlyList<Trajectory> Samples, string Digest);

/// <summary>What goes on in one trajectory of a group.</summary>
/// <param name="Sample">Index in the group.</param>
/// <param name="Appended">Tokens of what its last calls returned, as the chat template writes it, up to where the assistant speaks again; empty where
/// there is no room left.</param>
/// <param name="Sampled">What is said then; without tokens where there is no room left.</param>
public sealed record TurnSample(int Sample, int[] Appended, Trajectory Sampled);

/// <summary>The next turn of a group's trajectories: of those whose last turn made calls that returned something.</summary>
/// <param name="Turn">From 2.</param>
/// <param name="Policy">SHA-256 of the weights that took it.</param>
/// <param name="Digest">SHA-256 over the policy, the turn and its samples (<see cref="Digests.OfTurn"/>).</param>
public sealed record TurnTaken(string Run, int Turn, string Policy, IReadOnlyList<TurnSample> Samples, string Digest);

/// <summary>How a call ended.</summary>
public enum CallStatus
{
    /// <summary>A real implementation ran and returned.</summary>
    Succeeded,

    /// <summary>No implementation is known; the arguments satisfied the menu's schema (<see cref="ToolOptions.UnknownTools"/>).</summary>
    SchemaChecked,
    UnknownTool,
    InvalidArguments,
    Failed,
    TimedOut,

    /// <summary>The tool failed at a call that may have been right: its backend was away, or its code broke. Not the caller's fault.</summary>
    Unavailable,
}

/// <summary>One executed call. <paramref name="Result"/> is JSON text when it succeeded, <paramref name="Error"/> one line when not.</summary>
public sealed record CallOutcome(ToolCall Call, CallStatus Status, string? Result, string? Error);

/// <summary>The calls of one sample, in order; empty where nothing parsed. <paramref name="VoidCause"/> set: the executor itself failed, nothing is
/// known about the calls.</summary>
public sealed record SampleExecution(int Sample, IReadOnlyList<CallOutcome> Calls, string? VoidCause = null);

/// <summary>Calls that change something are about to be made: written before the first of them, so that nobody makes them again.</summary>
/// <param name="Stream">Where their outcome will stand.</param>
/// <param name="Version">At which version.</param>
/// <param name="Samples">Whose calls they are.</param>
public sealed record CallsBegun(string Run, string Stream, long Version, IReadOnlyList<int> Samples);

/// <summary>Outcome of executing each sample's calls: the gold calls of a proposal, or the predicted calls of an attempt.</summary>
public sealed record ToolCallsExecuted(string Run, IReadOnlyList<SampleExecution> Samples);

/// <summary>A proposal's reward by component. Values before weighting are in [0, 1]; <paramref name="Total"/> is what the advantage is computed
/// from.</summary>
/// <param name="PassRate">p̂ over the probes that count, null when not probed.</param>
/// <param name="Coherence">r_sem, null when no judge was asked.</param>
/// <param name="Consistency">Mode frequency of the K canonical answers, null when not probed.</param>
/// <param name="Advantage">(r − mean) / (std + 1e-4) in the group; 0 for void samples.</param>
/// <param name="Void">Left out of the group's statistics because infrastructure failed.</param>
public sealed record ProposalScore(
    int Sample,
    double Format,
    double Validity,
    double Difficulty,
    double? Coherence,
    double Curriculum,
    double Repetition,
    double Total,
    double? PassRate,
    double? Consistency,
    IReadOnlyList<string> Reasons,
    double Advantage,
    bool Void = false);

/// <summary>Scores of a Generator group.</summary>
public sealed record ProposalsScored(string Run, IReadOnlyList<ProposalScore> Scores);

/// <summary>What a trajectory of several turns did.</summary>
/// <param name="Turns">That made calls.</param>
/// <param name="Success">Share of its calls that succeeded, in [0, 1]; 0 where it made none.</param>
/// <param name="Outcome">Share of the gold calls' results that its calls obtained, in [0, 1]; null where they are not known.</param>
/// <param name="Answer">Whether its last answer contains the last gold result; null where that is not known.</param>
public sealed record ActingScore(int Turns, int Calls, double Success, double? Outcome, bool? Answer);

/// <summary>An attempt's reward by component.</summary>
/// <param name="Exact">The predicted calls equal the gold calls as a multiset.</param>
/// <param name="Acting">Null where trajectories take one turn.</param>
public sealed record AttemptScore(
    int Sample,
    double Format,
    double Accuracy,
    double Name,
    double Keys,
    double Values,
    double ExtraCallFactor,
    double Total,
    bool Exact,
    IReadOnlyList<string> Reasons,
    double Advantage,
    bool Void = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ActingScore? Acting = null);

/// <summary>Scores of a Solver group (training or evaluation).</summary>
public sealed record AttemptsScored(string Run, IReadOnlyList<AttemptScore> Scores);

/// <summary>What is needed later of a candidate that the filters keep: some 300 bytes, whatever its texts.</summary>
/// <param name="Fingerprint">SHA-256 of what makes two tasks the same.</param>
/// <param name="Sha256">Of the task's canonical text.</param>
/// <param name="Question">The first 16 hexadecimal digits of the SHA-256 of its question, spelling folded.</param>
/// <param name="Quality">Of two duplicates the one with more stays: min(1,|q|/220) + min(1,calls/3) + min(1,tools/4).</param>
/// <param name="Calls">Number of gold calls.</param>
/// <param name="Tools">Names of the tools on offer, in the menu's order.</param>
/// <param name="Sketch">What tells how alike two questions are; null where an older build kept the candidate.</param>
public sealed record KeptCandidate(
    string Fingerprint, string Sha256, string Question, double Quality, int Calls, IReadOnlyList<string> Tools,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] QuestionSketch? Sketch = null);

/// <summary>A question without its text.</summary>
/// <param name="Folded">The first 16 hexadecimal digits of the SHA-256 of its words, each run of digits 0.</param>
/// <param name="Minima">32 minima of 16 bits of its character 3-grams, little-endian in base 64: the share of minima that two have in common
/// estimates
/// the Jaccard similarity of their 3-grams.</param>
public sealed record QuestionSketch(string Folded, string Minima);

/// <summary>What a look at one candidate by itself says, after its gold calls were executed. Duplicates and quotas come later: they concern all
/// candidates.</summary>
/// <param name="Domain">Of its spec.</param>
/// <param name="Reason">Why it is rejected, one of the method's named reasons (<c>held_out</c> where it asks a held-out question); null when it is
/// kept.</param>
/// <param name="Kept">What is needed of it later; null when it is rejected.</param>
/// <param name="Tokens">Sampled tokens of the candidate.</param>
public sealed record CandidateFiltered(string Run, string Domain, string? Reason, string? Detail, KeptCandidate? Kept, long Tokens);

/// <summary>How the Solver's verification samples agree with a candidate's gold calls. Void samples do not count; where all are void, nothing is
/// known.</summary>
/// <param name="NameAgreement">Share of the counted samples that name the gold calls' tools in order, in [0, 1]; null when none counts.</param>
/// <param name="CallAgreement">p̂: share of the counted samples whose calls equal the gold calls as a multiset; null when none counts.</param>
/// <param name="GoldIsMajority">No other answer is more frequent than the gold calls.</param>
/// <param name="PromptTooLong">The task could not be put to the Solver: its prompt is over the limit.</param>
/// <param name="Tokens">Sampled tokens of the verification.</param>
public sealed record CandidateRated(string Run, double? NameAgreement, double? CallAgreement, bool GoldIsMajority, bool PromptTooLong, long Tokens);

/// <summary>The difficulty of a candidate as a judge sees it.</summary>
/// <param name="Label">easy, medium or hard; null when the judge said nothing that counts.</param>
/// <param name="PromptTooLong">The task could not be put to the judge: its prompt is over the limit.</param>
/// <param name="Tokens">Sampled tokens of the judge's tries.</param>
public sealed record CandidateLabelled(string Run, string? Label, bool PromptTooLong, long Tokens);

/// <summary>What the reference policy of the KL term makes of a group's completions. Ends the group's stream, where
/// <see cref="LearningOptions.KlWeight"/> is above 0.</summary>
/// <param name="Policy">SHA-256 of its weights: the run's base.</param>
/// <param name="LogProbs">
/// Per sample its log-probability of each token (natural logarithm, at the sampling temperature); empty for a void sample.
/// </param>
/// <param name="Digest">SHA-256 over them (<see cref="Digests.OfLogProbs"/>).</param>
public sealed record ReferenceMeasured(string Run, string Policy, IReadOnlyList<float[]> LogProbs, string Digest);

/// <summary>A proposal of the warm start that passed the gate: what is needed of it later.</summary>
/// <param name="Spec">What it obeys: the spec asked for, or with hindsight the one that it does obey. It is fitted to under this one.</param>
/// <param name="Fingerprint">SHA-256 of what makes two tasks the same.</param>
/// <param name="Question">The first 16 hexadecimal digits of the SHA-256 of its question, spelling and digits folded.</param>
/// <param name="Quality">Of two that are the same the one with more stays.</param>
/// <param name="Tool">Named by its first gold call; empty for a refusal.</param>
public sealed record KeptProposal(TaskSpec Spec, string Fingerprint, string Question, double Quality, string Tool);

/// <summary>What the warm start's gate says of one proposal by itself.</summary>
/// <param name="Reason">Why it is dropped, one of the method's named reasons; null when it passed.</param>
/// <param name="Kept">Null when it is dropped.</param>
public sealed record GatedProposal(int Sample, string? Reason, string? Detail, KeptProposal? Kept);

/// <summary>What the warm start's gate says of a group of proposals. Duplicates and quotas come later: they concern all.</summary>
/// <param name="Tokens">Sampled tokens of the group.</param>
public sealed record ProposalsGated(string Run, IReadOnlyList<GatedProposal> Verdicts, long Tokens);

/// <summary>A task made from another in a way that tells its answer.</summary>
/// <param name="Parent">The task that it was made from.</param>
/// <param name="Rules">What was done, in order: <c>rename.camelCase</c>, <c>refusal.near</c>, <c>menu.2</c>, …</param>
/// <param name="Seed">Decides every choice in it.</param>
public sealed record TaskVaried(string Run, TaskRef Parent, IReadOnlyList<string> Rules, long Seed, ToolTask Task);

/// <summary>One learning step: weights(n+1) = f(weights(n), groups).</summary>
/// <param name="Base">SHA-256 of the weights before.</param>
/// <param name="Policy">SHA-256 of the weights after.</param>
/// <param name="Groups">The group streams it learned from, in order.</param>
/// <param name="Metrics">loss, gradientNorm, learningRate, entropy, tokens, zeroVarianceShare, clippedShare, ratioMean.</param>
public sealed record PolicyUpdated(
    string Run, Role Role, int Iteration, int Step, string Base, string Policy, IReadOnlyList<string> Groups,
        IReadOnlyDictionary<string, double> Metrics);

/// <summary>Up to 100 items of a held-out set; a set is a stream of these.</summary>
public sealed record HeldOutRegistered(string Name, IReadOnlyList<HeldOutItem> Items);

/// <summary>A part of a catalogue of tools; a catalogue is a stream of these, named by the SHA-256 of its canonical JSON.</summary>
/// <param name="Refused">Tools that were offered and are not in the catalogue; all of them in the first part.</param>
public sealed record ToolCatalogueRegistered(IReadOnlyList<CatalogueTool> Tools, IReadOnlyList<RefusedTool> Refused);

/// <summary>One answer to an item of a public benchmark, and how it was judged by the set's rules.</summary>
/// <param name="Text">The completion, null where calls were given as such.</param>
/// <param name="Calls">Null where the answer did not parse.</param>
/// <param name="ErrorClass">structural, semantic or format; null when right.</param>
public sealed record BenchmarkAnswer(
    string Id, string Class, string? Text, IReadOnlyList<ToolCall>? Calls, bool Right, string? ErrorClass, string? Error, string? Detail);

/// <summary>Up to 100 answers. <paramref name="By"/> is the policy, or the predictions' file, by its SHA-256.</summary>
public sealed record BenchmarkAnswered(string Benchmark, string Sha256, string By, IReadOnlyList<BenchmarkAnswer> Answers);

/// <param name="Accuracy">Share of right answers in [0, 1].</param>
/// <param name="ByClass">The same per class of items.</param>
/// <param name="Errors">Wrong answers by kind, e.g. <c>structural/wrong_tool</c>.</param>
public sealed record BenchmarkCompleted(
    string Benchmark,
    string Sha256,
    string By,
    int Items,
    double Accuracy,
    IReadOnlyDictionary<string, double> ByClass,
    IReadOnlyDictionary<string, int> Errors);

// The life of a run.

/// <summary>A held-out set that a run is measured on.</summary>
public sealed record HeldOutSet(string Name, string Sha256, int Count);

/// <param name="Base">SHA-256 of the base model both roles start from.</param>
/// <param name="HeldOut">Registered sets, in the order of <see cref="EvaluationOptions.Sets"/>.</param>
/// <param name="Origin">Where the base came from; null for a folder.</param>
public sealed record RunStarted(
    string Run,
    RunOptions Options,
    string Base,
    IReadOnlyList<HeldOutSet> HeldOut,
    string ProductVersion,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BaseOrigin? Origin = null);

public sealed record IterationStarted(string Run, int Iteration, string Generator, string Solver);

/// <param name="First">Number of its first step: the warm start's phases come once a round, and their steps are numbered on.</param>
public sealed record PhaseStarted(string Run, int Iteration, Phase Phase, int Steps, int First = 0);

/// <summary>What a round of the warm start keeps for a role, of all rounds so far: what the role is fitted to.</summary>
/// <param name="Round">From 0.</param>
/// <param name="Kept">Generator: proposals. Solver: own answers that equal the gold, and variants of the tasks that these verify.</param>
/// <param name="Samples">Looked at, of all rounds.</param>
/// <param name="Dropped">By reason.</param>
/// <param name="Shapes">Of what is kept: how often each number of arguments, calls and tools and each kind of value; of variants each rule.</param>
public sealed record WarmStartSelected(
    string Run,
    Role Role,
    int Round,
    IReadOnlyList<TaskRef> Kept,
    int Samples,
    IReadOnlyDictionary<string, int> Dropped,
    IReadOnlyDictionary<string, int> Shapes);

/// <param name="Specs">Generator and curriculum steps: what is asked for, one per group.</param>
/// <param name="Tasks">Solver steps: what is attempted, one per group. Fits of the warm start: what is fitted to, in order.</param>
/// <param name="Policies">SHA-256 of the policy in each role at this step.</param>
public sealed record StepStarted(
    string Run, int Iteration, Phase Phase, int Step, IReadOnlyList<TaskSpec> Specs, IReadOnlyList<TaskRef> Tasks,
        IReadOnlyDictionary<Role, string> Policies);

/// <param name="Policy">SHA-256 of the trained policy after the step, null for steps that train none.</param>
/// <param name="Metrics">Folded from the step's stored facts: reward means by component, passRate, zeroVarianceShare, tokens, and wallSeconds /
/// modelSeconds.</param>
public sealed record StepCompleted(string Run, int Iteration, Phase Phase, int Step, string? Policy, IReadOnlyDictionary<string, double> Metrics);

/// <summary>Why a candidate is not in the curriculum. <paramref name="Reason"/> is one of the method's named reasons.</summary>
public sealed record TaskRejected(string Run, int Iteration, string Reason, string? Detail = null);

/// <param name="Position">Place in the ordered curriculum, from 0.</param>
/// <param name="PassRate">Agreement with the gold calls over the verification samples.</param>
/// <param name="Label">easy, medium or hard.</param>
public sealed record TaskSelected(string Run, int Iteration, int Position, string Label, double PassRate);

/// <param name="Tasks">In training order.</param>
/// <param name="Sha256">
/// Over the SHA-256 of each task's canonical text, in order, so that two runs' curricula compare by one string. Curricula stored without
/// <see cref="CandidateFiltered"/> have it over the texts themselves.
/// </param>
/// <param name="Rejected">Candidates by reason.</param>
public sealed record CurriculumSelected(
    string Run, int Iteration, IReadOnlyList<SelectedTask> Tasks, string Sha256, int Candidates, IReadOnlyDictionary<string, int> Rejected);

public sealed record SelectedTask(TaskRef Task, string Domain, string Label, double PassRate, string Fingerprint);

/// <param name="Iteration">0 is the base model.</param>
/// <param name="Accuracy">Exact match in [0, 1].</param>
/// <param name="ByClass">Accuracy per item class.</param>
public sealed record EvaluationCompleted(
    string Run, int Iteration, string Set, string Policy, int Items, double Accuracy, IReadOnlyDictionary<string, double> ByClass);

public sealed record RunPaused(string Run);

public sealed record RunResumed(string Run);

public sealed record RunCancelled(string Run, string Reason);

public sealed record RunCompleted(string Run, string Generator, string Solver);

/// <summary>Why a run failed, as far as it decides whether it can go on.</summary>
public enum FailureCause
{
    /// <summary>Something it needs was away or refused: it can go on when that is mended.</summary>
    Infrastructure,

    /// <summary>The options break a rule: the run can never go on.</summary>
    Options,

    /// <summary>No candidate was selected: the same facts select none again.</summary>
    EmptyCurriculum,

    /// <summary>Nothing passed the warm start's gate: there is nothing to fit a role to.</summary>
    EmptyWarmStart,
}

/// <param name="Cause">Stored without it: <see cref="FailureCause.Infrastructure"/>.</param>
public sealed record RunFailed(string Run, string Reason, FailureCause Cause = FailureCause.Infrastructure)
{
    /// <summary>Whether a resumption can help.</summary>
    [JsonIgnore]
    public bool Resumable => Cause == FailureCause.Infrastructure;
}
