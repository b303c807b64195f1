using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Variation;

namespace ToolR0.Coordinator.Loop;

/// <summary>The commands of one stage.</summary>
/// <param name="Asked">The proposals the Solver is asked about; set by probe and verify.</param>
public sealed record StagePlan(IReadOnlyList<IShardCommand> Commands, IReadOnlyList<TaskRef>? Asked = null);

/// <summary>
/// The stages of each kind of step and their commands. Pure: ids, seeds and shards follow from the run's progress and stored facts alone, so that
/// they are the same whenever, and by whichever coordinator, they are worked out.
/// </summary>
public static class StepPlan
{
    /// <summary>Names the seeds of verification samples, which stand in the candidates' own streams.</summary>
    private const string VerifiedSeeds = "verify";

    private static readonly Stage[] GeneratorStages =
        [Stage.Propose, Stage.Execute, Stage.Probe, Stage.Judge, Stage.Score, Stage.Reference, Stage.Train];

    private static readonly Stage[] CurriculumStages =
    [
        Stage.Propose, Stage.Execute, Stage.Filter, Stage.Verify, Stage.Rate, Stage.Judge, Stage.Label,
    ];
    private static readonly Stage[] SolverStages = [Stage.Vary, Stage.Attempt, Stage.Execute, Stage.Score, Stage.Reference, Stage.Train];
    private static readonly Stage[] EvaluationStages = [Stage.Attempt, Stage.Execute, Stage.Score];
    private static readonly Stage[] WarmProposalStages = [Stage.Propose, Stage.Execute, Stage.Gate];
    private static readonly Stage[] WarmAttemptStages = [Stage.Attempt, Stage.Execute, Stage.Score, Stage.Vary];
    private static readonly Stage[] FitStages = [Stage.Train];

    /// <summary>The stage after the step's last dispatched one, with the turn it is of; null when there is none left.</summary>
    public static (Stage Stage, int Turn)? Next(RunInFlight run, StepProgress step)
    {
        var stages = step.Started.Phase switch
        {
            Phase.Generator => GeneratorStages,
            Phase.Curriculum => CurriculumStages,
            Phase.Solver => SolverStages,
            Phase.WarmProposals => WarmProposalStages,
            Phase.WarmAttempts => WarmAttemptStages,
            Phase.WarmGenerator or Phase.WarmSolver => FitStages,
            _ => EvaluationStages,
        };
        // Where trajectories take several turns, each stage that asks the Solver is followed by one of calls and one of answers for each later turn.
        var walk = stages.SelectMany(stage => Enumerable.Range(2, Turns(run, step, stage) - 1)
            .SelectMany(turn => new[] { (Stage.Act, turn), (Stage.Continue, turn) }).Prepend((stage, 1))).ToList();
        var next = step.Stage is { } last ? walk.IndexOf((last, step.Turn)) + 1 : 0;
        return next < walk.Count ? walk[next] : null;
    }

    private static int Turns(RunInFlight run, StepProgress step, Stage stage) => (step.Started.Phase, stage) switch
    {
        (Phase.Solver, Stage.Attempt) => run.Options.TurnsOf(GroupKind.Solver),
        (Phase.Evaluation, Stage.Attempt) => run.Options.TurnsOf(GroupKind.Evaluation),
        (_, Stage.Probe) => run.Options.TurnsOf(GroupKind.Probe),
        (_, Stage.Verify) => run.Options.TurnsOf(null),
        _ => 1,
    };

    /// <summary>The step's group or candidate streams, in order.</summary>
    public static IReadOnlyList<string> Streams(RunInFlight run, StepProgress step)
    {
        var s = step.Started;
        return s.Phase switch
        {
            Phase.Curriculum => [.. s.Specs.Select((_, n) => CandidateStream(run, s, n))],
            Phase.Generator => [.. s.Specs.Select((_, n) => StepStream(run, step, GroupKind.Generator, n))],
            Phase.Solver => [.. s.Tasks.Select((_, n) => StepStream(run, step, GroupKind.Solver, n))],
            Phase.WarmProposals => [.. s.Specs.Select((_, n) => StepStream(run, step, GroupKind.WarmProposals, n))],
            Phase.WarmAttempts => [.. s.Tasks.Select((_, n) => StepStream(run, step, GroupKind.WarmAttempts, n))],
            // What a fit learns from stands in other steps' streams.
            Phase.WarmGenerator or Phase.WarmSolver => [.. s.Tasks.Select(task => task.Stream).Distinct()],
            _ => [.. s.Tasks.Select((_, n) => StepStream(run, step, GroupKind.Evaluation, n))],
        };
    }

    /// <summary>Where what the Solver is asked about a proposal of this step stands.</summary>
    /// <param name="kind"><see cref="GroupKind.Probe"/> or <see cref="GroupKind.Judge"/>.</param>
    public static string AskedStream(RunInFlight run, StepProgress step, GroupKind kind, TaskRef proposal) =>
        StepStream(run, step, kind, ProbeNumber(run, proposal));

    /// <summary>Where what the judge says of a candidate's difficulty stands.</summary>
    public static string LabelStream(RunInFlight run, StepProgress step, TaskRef candidate) =>
        StepStream(run, step, GroupKind.Label, Number(candidate.Stream));

    /// <summary>Whether a judge is asked for the coherence of this step's proposals.</summary>
    public static bool JudgesProposals(RunInFlight run) => run.Options.Generator.Reward.CoherenceWeight > 0;

    private static string StepStream(RunInFlight run, StepProgress step, GroupKind kind, int n) =>
        Ids.GroupStream(step.Started.Run, step.Started.Iteration, kind, step.Started.Step, n, run.Options.TurnsOf(kind));

    private static string CandidateStream(RunInFlight run, StepStarted started, int n) =>
        Ids.TaskStream(started.Run, started.Iteration, n, run.Options.TurnsOf(null));

    /// <summary>What must be read before a stage can be planned.</summary>
    public static StepReads Reads(RunInFlight run, StepProgress step, Stage stage) => stage switch
    {
        Stage.Probe => StepReads.Streams(Streams(run, step).Select(StreamLayout.PlaceOf<ToolCallsExecuted>)),
        Stage.Verify => StepReads.Facts(CurriculumStep.Filtered(run, step)),
        Stage.Vary when step.Started.Phase == Phase.WarmAttempts && run.Options.Variation.Variants > 0 => WarmStartStep.AttemptReads(run, step),
        Stage.Judge or Stage.Label when AsksForLabels(run, step) => StepReads.Facts(CurriculumStep.Rated(step)),
        _ => StepReads.None,
    };

    /// <summary>The commands of a stage; none if there is nothing to do.</summary>
    public static StagePlan Commands(RunInFlight run, StepProgress step, Stage stage, int turn, Facts facts) => stage switch
    {
        Stage.Propose => new(Propose(run, step)),
        Stage.Execute =>
            new(Cut(run, step, stage, To<ToolCallsExecuted>(Streams(run, step)), (shard, cut) => new ExecuteToolCalls(run.Run, shard, cut))),
        Stage.Probe => Probe(run, step, facts),
        Stage.Filter =>
            new(Cut(run, step, stage, To<CandidateFiltered>(Streams(run, step)), (shard, cut) => new FilterCandidates(run.Run, shard, cut))),
        Stage.Verify => Verify(run, step, facts),
        Stage.Rate => new(Cut(run, step, stage, CurriculumStep.Rated(step), (shard, cut) => new RateCandidates(run.Run, shard, cut))),
        Stage.Judge when AsksForLabels(run, step) => new(AskForLabels(run, step, facts)),
        Stage.Judge => new(step.Started.Phase == Phase.Generator && JudgesProposals(run) ? AskForCoherence(run, step) : []),
        Stage.Label => new(AsksForLabels(run, step) ? ReadLabels(run, step, facts) : []),
        Stage.Attempt => new(Attempt(run, step)),
        Stage.Act => new(Cut(
            run,
            step,
            stage,
            Acting(run, step).Groups.Select(group => StreamLayout.Turn(group.To.Stream, turn).Calls),
            (shard, cut) => new ExecuteToolCalls(run.Run, shard, cut),
            turn: turn)),
        Stage.Continue => new(Continue(run, step, turn)),
        Stage.Score when step.Started.Phase == Phase.Generator => new(ScoreProposals(run, step)),
        Stage.Score => new(Cut(run, step, stage, To<AttemptsScored>(Streams(run, step)), (shard, cut) => new ScoreAttempts(run.Run, shard, cut))),
        Stage.Reference => new(run.Options.Learning.KlWeight > 0 ? MeasureReference(run, step) : []),
        Stage.Gate => new(Cut(run, step, stage, To<ProposalsGated>(Streams(run, step)), (shard, cut) => new GateProposals(run.Run, shard, cut))),
        Stage.Vary => new(Cut(
            run,
            step,
            stage,
            step.Started.Phase == Phase.Solver ? Variants(run, step).OfType<VariantPlan>()
                : WarmStartStep.Rounds(run, facts).Variants(step.Started.Step),
            (shard, cut) => new VaryTasks(run.Run, shard, cut))),
        Stage.Train => new(Train(run, step)),
        _ => throw new InvalidOperationException($"no step has a stage {stage} yet"),
    };

    private static List<IShardCommand> Propose(RunInFlight run, StepProgress step)
    {
        var s = step.Started;
        var samples = s.Phase switch
        {
            Phase.Generator => run.Options.Generator.GroupSize,
            Phase.WarmProposals => run.Options.WarmStart.Generator.Samples,
            _ => 1,
        };
        var groups = To<TasksProposed>(Streams(run, step))
            .Select((to, n) => new ProposalGroup(to, s.Specs[n], SeedsOf(run, s.Phase.WireName(), n, samples)));
        return Cut(run, step, Stage.Propose, groups, (shard, cut) => new ProposeTasks(run.Run, shard, s.Policies[Role.Generator], cut), samples);
    }

    private static List<IShardCommand> Attempt(RunInFlight run, StepProgress step)
    {
        var (purpose, samples) = PurposeOf(run, step.Started.Phase);
        return Cut(run, step, Stage.Attempt, Attempted(run, step), (shard, cut) =>
            new AttemptTasks(run.Run, shard, step.Started.Policies[Role.Solver], purpose, cut), samples);
    }

    private static IEnumerable<AttemptGroup> Attempted(RunInFlight run, StepProgress step)
    {
        var s = step.Started;
        var (_, samples) = PurposeOf(run, s.Phase);
        var tasks = s.Phase == Phase.Solver ? CurriculumVariants.Attempted(s.Tasks, Variants(run, step)) : s.Tasks;
        return To<TaskAttempted>(Streams(run, step))
            .Select((to, n) => new AttemptGroup(to, tasks[n], SeedsOf(run, s.Phase.WireName(), n, samples)));
    }

    private static (AttemptPurpose Purpose, int Samples) PurposeOf(RunInFlight run, Phase phase) => phase switch
    {
        Phase.Solver => (AttemptPurpose.Train, run.Options.Solver.GroupSize),
        Phase.WarmAttempts => (AttemptPurpose.WarmStart, run.Options.WarmStart.Solver.Samples),
        _ => (AttemptPurpose.Evaluate, 1),
    };

    /// <summary>The trajectories that may take several turns in this step: what was asked for, of whom, and how many of each.</summary>
    private static (AttemptPurpose Purpose, IReadOnlyList<AttemptGroup> Groups, int Samples) Acting(RunInFlight run, StepProgress step)
    {
        switch (step.Started.Phase)
        {
            case Phase.Generator:
                return (AttemptPurpose.Probe, Probed(run, step, step.Asked), run.Options.Generator.Probes);
            case Phase.Curriculum:
                return (AttemptPurpose.Verify, Verified(run, step.Asked), run.Options.Curriculum.VerifySamples);
            default:
                var (purpose, samples) = PurposeOf(run, step.Started.Phase);
                return (purpose, [.. Attempted(run, step)], samples);
        }
    }

    private static List<IShardCommand> Continue(RunInFlight run, StepProgress step, int turn)
    {
        var (purpose, groups, samples) = Acting(run, step);
        return Cut(
            run,
            step,
            Stage.Continue,
            groups.Select(group => group with { To = StreamLayout.Turn(group.To.Stream, turn).Turn }),
            (shard, cut) => new ContinueAttempts(run.Run, shard, step.Started.Policies[Role.Solver], purpose, turn, cut),
            samples,
            turn);
    }

    private static IReadOnlyList<VariantPlan?> Variants(RunInFlight run, StepProgress step) =>
        CurriculumVariants.Plan(run.Run, step.Started.Iteration, step.Started.Step, step.Started.Tasks, run.Curriculum, run.Options);

    /// <summary>Every well-formed proposal whose gold calls ran is attempted K times.</summary>
    private static StagePlan Probe(RunInFlight run, StepProgress step, Facts facts)
    {
        var asked = Streams(run, step).SelectMany(stream => GeneratorReward
            .Probeable(facts.One<TasksProposed>(stream), facts.One<ToolCallsExecuted>(stream), run.Options)
            .Select((task, sample) => task is null ? null : new TaskRef(stream, sample))
            .OfType<TaskRef>()).ToList();
        return new StagePlan(Ask(run, step, Stage.Probe, AttemptPurpose.Probe, Probed(run, step, asked), run.Options.Generator.Probes), asked);
    }

    private static IReadOnlyList<AttemptGroup> Probed(RunInFlight run, StepProgress step, IEnumerable<TaskRef> asked) =>
        [.. asked.Select(proposal => Asking(
            AskedStream(run, step, GroupKind.Probe, proposal),
            proposal,
            SeedsOf(run, GroupKind.Probe.WireName(), ProbeNumber(run, proposal), run.Options.Generator.Probes)))];

    /// <summary>Every candidate that the filters keep is attempted, in its own stream.</summary>
    private static StagePlan Verify(RunInFlight run, StepProgress step, Facts facts)
    {
        var asked = CurriculumStep.Survivors(run, step, facts);
        var samples = run.Options.Curriculum.VerifySamples;
        return new StagePlan(Ask(run, step, Stage.Verify, AttemptPurpose.Verify, Verified(run, asked), samples), asked);
    }

    private static IReadOnlyList<AttemptGroup> Verified(RunInFlight run, IEnumerable<TaskRef> asked) =>
        [.. asked.Select(candidate => Asking(
            candidate.Stream, candidate, SeedsOf(run, VerifiedSeeds, Number(candidate.Stream), run.Options.Curriculum.VerifySamples)))];

    /// <summary>What was probed is judged.</summary>
    private static List<IShardCommand> AskForCoherence(RunInFlight run, StepProgress step) => Ask(
        run,
        step,
        Stage.Judge,
        AttemptPurpose.Judge,
        step.Asked.Select(proposal => Asking(
            AskedStream(run, step, GroupKind.Judge, proposal), proposal,
            SeedsOf(run, GroupKind.Judge.WireName(), ProbeNumber(run, proposal), run.Options.Judge.Tries))),
        samples: 1);

    /// <summary>What verification keeps is judged.</summary>
    private static List<IShardCommand> AskForLabels(RunInFlight run, StepProgress step, Facts facts) => Ask(
        run,
        step,
        Stage.Judge,
        AttemptPurpose.Label,
        CurriculumStep.Verified(run, step, facts).Select(candidate => Asking(
            LabelStream(run, step, candidate), candidate,
            SeedsOf(run, GroupKind.Label.WireName(), Number(candidate.Stream), run.Options.Judge.Tries))),
        samples: 1);

    /// <summary>What the judge said is read.</summary>
    private static List<IShardCommand> ReadLabels(RunInFlight run, StepProgress step, Facts facts) => Cut(
        run,
        step,
        Stage.Label,
        To<CandidateLabelled>(CurriculumStep.Verified(run, step, facts).Select(candidate => LabelStream(run, step, candidate))),
        (shard, cut) => new LabelCandidates(run.Run, shard, cut));

    /// <summary>Whether this step's candidates get their label from a judge.</summary>
    public static bool AsksForLabels(RunInFlight run, StepProgress step) =>
        step.Started.Phase == Phase.Curriculum && run.Options.Curriculum.LabelBy == LabelBy.Judge;

    private static List<IShardCommand> Ask(
        RunInFlight run, StepProgress step, Stage stage, AttemptPurpose purpose, IEnumerable<AttemptGroup> groups, int samples) =>
        Cut(run, step, stage, groups, (shard, cut) => new AttemptTasks(run.Run, shard, step.Started.Policies[Role.Solver], purpose, cut), samples);

    private static List<IShardCommand> ScoreProposals(RunInFlight run, StepProgress step)
    {
        var asked = step.Asked.ToHashSet();
        var groups = To<ProposalsScored>(Streams(run, step)).Select(to =>
            new ProposalToScore(to, Of(GroupKind.Probe, to.Stream), JudgesProposals(run) ? Of(GroupKind.Judge, to.Stream) : null));
        return Cut(run, step, Stage.Score, groups, (shard, cut) => new ScoreProposals(run.Run, shard, cut));

        string?[] Of(GroupKind kind, string stream) =>
            [.. Enumerable.Range(0, run.Options.Generator.GroupSize)
                .Select(sample => new TaskRef(stream, sample))
                .Select(proposal => asked.Contains(proposal) ? AskedStream(run, step, kind, proposal) : null)];
    }

    /// <summary>The base is asked what it makes of what is learned from.</summary>
    private static List<IShardCommand> MeasureReference(RunInFlight run, StepProgress step) => Cut(
        run,
        step,
        Stage.Reference,
        To<ReferenceMeasured>(Streams(run, step)),
        (shard, cut) => new MeasureReference(run.Run, shard, RoleOf(step.Started.Phase), run.State.Base, cut));

    /// <summary>A step is learned from as a whole: one shard.</summary>
    private static List<IShardCommand> Train(RunInFlight run, StepProgress step)
    {
        var s = step.Started;
        var role = RoleOf(s.Phase);
        var first = run.State.Phase!.First;
        return
        [
            new TrainPolicy(
                run.Run,
                Ids.Shard(run.Run, s.Iteration, s.Phase, s.Step, Stage.Train, 0),
                StreamLayout.PlaceOf<PolicyUpdated>(StreamKey.OfPolicy(run.Run, s.Iteration, role, s.Step)),
                role,
                s.Iteration,
                s.Step - first,
                run.State.Phase.Steps,
                s.Policies[role],
                run.State.PhaseStartPolicies[role],
                Streams(run, step),
                s.Phase.Fits() is null ? null : WarmStartStep.Fit(run, step)),
        ];
    }

    /// <summary>The role that a phase trains.</summary>
    public static Role RoleOf(Phase phase) => phase.Trains() ?? Role.Solver;

    /// <summary>Cuts a stage's groups into shards by the options alone: what shares a batch never depends on who computes it.</summary>
    /// <param name="samples">Completions per group; 0 where nothing is sampled.</param>
    /// <param name="turn">Of the trajectories, where they take several.</param>
    private static List<IShardCommand> Cut<T>(
        RunInFlight run, StepProgress step, Stage stage, IEnumerable<T> groups, Func<string, IReadOnlyList<T>, IShardCommand> command,
        int samples = 0, int turn = 1) =>
        [.. groups.Chunk(samples == 0 ? run.Options.Dispatch.PromptsPerShard : run.Options.Dispatch.PromptsFor(samples))
            .Select((cut, i) => command(Ids.Shard(run.Run, step.Started.Iteration, step.Started.Phase, step.Started.Step, stage, i, turn), cut))];

    private static long[] SeedsOf(RunInFlight run, string kind, int group, int samples) =>
        [.. Enumerable.Range(0, samples).Select(sample =>
            Seeds.Completion(run.Options.Seed, run.State.Iteration, kind, run.Step!.Started.Step, group, sample))];

    /// <summary>n·G + sample.</summary>
    private static int ProbeNumber(RunInFlight run, TaskRef proposal) => Number(proposal.Stream) * run.Options.Generator.GroupSize + proposal.Index;

    private static int Number(string stream) => StreamKey.Parse(stream).Number;

    private static IEnumerable<StreamPlace> To<TFact>(IEnumerable<string> streams) => streams.Select(StreamLayout.PlaceOf<TFact>);

    private static AttemptGroup Asking(string stream, TaskRef task, long[] seeds) => new(StreamLayout.PlaceOf<TaskAttempted>(stream), task, seeds);
}
