using System.Globalization;
using System.Linq.Expressions;
using FluentValidation;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>
/// The rules a run's options obey. Messages name the field by its path, the value and the rule:
/// <c>solver.sampling.temperature: -1 must be at least 0</c>.
/// </summary>
public sealed class RunOptionsValidator : AbstractValidator<RunOptions>
{
    /// <summary>Logits divided by less leave the range in which numbers are told apart.</summary>
    private const double LowestTrained = 0.001;

    public RunOptionsValidator()
    {
        Check(o => o.Preset, p => p.Length > 0, "must be the name of a preset");
        Check(o => o.Iterations, n => n is >= 1 and <= 100, "must be from 1 to 100");
        Check(o => o.Seed, n => n >= 0, "must be at least 0");
        Check(o => o.Prompts.Set, Enum.IsDefined, OneOf<PromptSet>());
        AtLeastOne(o => o.Prompts.MaxPromptTokens);
        Check(o => o.Prompts.ToolTokens, n => n >= 16, "must be at least 16: a name and its parameters need that");
        Examples(o => o.Prompts.Examples, 0);
        WarmStart();
        Variation();
        Specs();
        Generator();
        Curriculum();
        Solver();
        AtLeastOne(o => o.Judge.Tries);
        Sampling(o => o.Judge.Sampling);
        Check(o => o.Judge.OnFailure, Enum.IsDefined, OneOf<JudgeFailure>());
        Learning();
        Check(o => o.Policies.Precision, Enum.IsDefined, OneOf<Precision>());
        Inference();
        Check(o => o.Evaluation.Limit, n => n >= 0, "must be at least 0 (0 means all)");
        AtLeastOne(o => o.Evaluation.MaxNewTokens);
        AtLeastOne(o => o.Evaluation.Every);
        Check(o => o.Evaluation.Sets, sets => sets.All(s => !string.IsNullOrWhiteSpace(s)), "must not hold an empty name");
        Check(o => o.Evaluation.Sets, sets => sets.Distinct().Count() == sets.Count, "must not name a set twice");
        Tools();
        AtLeastOne(o => o.Dispatch.PromptsPerShard);
        Check(o => o.Dispatch.CompletionsPerShard, n => n >= 0, "must be at least 0 (0 means no limit)");
        Check(o => o.Dispatch.CacheMegabytes, n => n is >= 1 and <= 1_000_000_000, "must be from 1 to 1000000000");
        AtLeastOne(o => o.Dispatch.IntraOpThreads);
        Positive(o => o.Dispatch.ResendAfterSeconds);
    }

    private void Inference()
    {
        Check(o => o.Inference.Engine, Enum.IsDefined, OneOf<InferenceEngine>());
        Positive(o => o.Inference.TimeoutSeconds);
        Check(o => o.Inference.Retries, n => n is >= 0 and <= 100, "must be from 0 to 100");
        Check(o => o.Inference.Concurrency, n => n is >= 1 and <= 4096, "must be from 1 to 4096");
        Positive(o => o.Inference.ImportanceCap);
        When(o => o.Inference.Engine == InferenceEngine.OpenAi, () =>
        {
            Check(o => o.Inference.Generator.Url, IsHttp, "must be an http address, since inference.engine is openAi");
            Check(o => o.Inference.Solver.Url, IsHttp, "must be an http address, since inference.engine is openAi");
            Check(o => o.Inference.Generator.Model, m => m.Length > 0, "must be the model's name on the server");
            Check(o => o.Inference.Solver.Model, m => m.Length > 0, "must be the model's name on the server");
        });
        Check(o => o.Inference.Generator.ReloadUrl, u => u.Length == 0 || IsHttp(u), "must be an http address or empty");
        Check(o => o.Inference.Solver.ReloadUrl, u => u.Length == 0 || IsHttp(u), "must be an http address or empty");

        static bool IsHttp(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
    }

    private void Specs()
    {
        Share(o => o.Specs.MultiTurn);
        Weights(o => o.Specs.Domains, name =>
            !string.IsNullOrWhiteSpace(name) && !name.Any(c => char.IsControl(c) || c is '<' or '>'), "names without < or >");
        Weights(o => o.Specs.Calls, n => n is >= 0 and <= 16, "numbers from 0 to 16");
        Weights(o => o.Specs.MenuForSeveralCalls, m => m is >= 1 and <= 128, "sizes from 1 to 128");
        Weights(o => o.Specs.MenuForOneCall, m => m is >= 1 and <= 128, "sizes from 1 to 128");
        Weights(o => o.Specs.Arguments, n => n is >= 1 and <= 16, "numbers from 1 to 16", mayBeEmpty: true);
        Weights(o => o.Specs.Values, ValueKinds.All.Contains, $"kinds of value ({string.Join(", ", ValueKinds.All)})", mayBeEmpty: true);
        Check("specs.catalogue", o => o, o => o.Specs.Menu == MenuSource.Invented || o.Specs.Catalogue.Count > 0,
            "must have tools, since specs.menu draws menus from them (--tools FILE)", o => "none");
        Check("specs.catalogue", o => o, o => o.Specs.Catalogue.DistinctBy(tool => tool.Tool.Name).Count() == o.Specs.Catalogue.Count,
            "must name each tool once", o => Text(o.Specs.Catalogue.Count));
    }

    private void WarmStart()
    {
        Check(o => o.WarmStart.Rounds, n => n is >= 0 and <= 10, "must be from 0 (no warm start) to 10");
        Check("warmStart.rounds", o => o, o => o.WarmStart.Rounds == 0 || !o.SharedWeights,
            "needs two policies: set sharedWeights to false, or warmStart.rounds to 0", o => Text(o.WarmStart.Rounds));
        NotNegative(o => o.WarmStart.TasksPerTool);
        AtLeastOne(o => o.WarmStart.BatchesPerStep);
        AtLeastOne(o => o.WarmStart.Generator.Prompts);
        AtLeastOne(o => o.WarmStart.Generator.Samples);
        Examples(o => o.WarmStart.Generator.Examples, 1);
        Sampling(o => o.WarmStart.Generator.Sampling);
        Sampling(o => o.WarmStart.Generator.LaterSampling);
        AtLeastOne(o => o.WarmStart.Generator.Keep);
        AtLeastOne(o => o.WarmStart.Solver.Samples);
        Examples(o => o.WarmStart.Solver.Examples, 1);
        Sampling(o => o.WarmStart.Solver.Sampling);
        AtLeastOne(o => o.WarmStart.Solver.Keep);
        Fit(o => o.WarmStart.Generator.Fit);
        Fit(o => o.WarmStart.Solver.Fit);
    }

    private void Variation()
    {
        Check(o => o.Variation.Variants, n => n is >= 0 and <= 100, "must be from 0 (none) to 100");
        Share(o => o.Variation.Refusals);
        Share(o => o.Variation.Rename);
        Share(o => o.Variation.AddParameter);
        Share(o => o.Variation.Dialogues);
        Share(o => o.Variation.Texts);
        Share(o => o.Variation.NearMisses);
        Share(o => o.Variation.Curriculum);
        Weights(o => o.Variation.MenuSizes, m => m is >= 1 and <= 128, "sizes from 1 to 128");
    }

    private void Examples(Expression<Func<RunOptions, int>> field, int least) =>
        Check(field, n => n >= least && n <= 8, $"must be from {least} to 8");

    private void Generator()
    {
        AtLeastOne(o => o.Generator.Steps);
        AtLeastOne(o => o.Generator.PromptsPerStep);
        Check(o => o.Generator.GroupSize, n => n >= 2, "must be at least 2, a group has no advantages otherwise");
        Sampling(o => o.Generator.Sampling);
        When(o => o.Generator.Train, () => Trained(o => o.Generator.Sampling.Temperature));
        AtLeastOne(o => o.Generator.Probes);
        Sampling(o => o.Generator.ProbeSampling);
        Positive(o => o.Generator.LearningRate);
        Positive(o => o.Generator.IterationDecay);
        NotNegative(o => o.Generator.Reward.MinQuestionLength);
        NotNegative(o => o.Generator.Reward.TagsWeight);
        NotNegative(o => o.Generator.Reward.ToolsWeight);
        NotNegative(o => o.Generator.Reward.GoldWeight);
        NotNegative(o => o.Generator.Reward.NameWeight);
        NotNegative(o => o.Generator.Reward.RequiredWeight);
        NotNegative(o => o.Generator.Reward.GroundedWeight);
        NotNegative(o => o.Generator.Reward.DifficultyWeight);
        NotNegative(o => o.Generator.Reward.CoherenceWeight);
        Share(o => o.Generator.Reward.BandLow);
        Share(o => o.Generator.Reward.BandHigh);
        Check(o => o.Generator.Reward, r => r.BandLow <= r.BandHigh, "must have bandLow not above bandHigh", r =>
            $"[{Text(r.BandLow)}, {Text(r.BandHigh)}]");
        Positive(o => o.Generator.Reward.BandSigma);
        NotNegative(o => o.Generator.Reward.RepetitionWeight);
        Check(o => o.Generator.Reward.RepetitionScope, Enum.IsDefined, OneOf<RepetitionScope>());
        Share(o => o.Generator.Reward.RepetitionDistance);
        NotNegative(o => o.Generator.Reward.MajorityFromIteration);
    }

    private void Curriculum()
    {
        AtLeastOne(o => o.Curriculum.Candidates);
        AtLeastOne(o => o.Curriculum.Selected);
        Sampling(o => o.Curriculum.Sampling);
        AtLeastOne(o => o.Curriculum.VerifySamples);
        Sampling(o => o.Curriculum.VerifySampling);
        Check(o => o.Curriculum.Compare, Enum.IsDefined, OneOf<VerifyCompare>());
        Check(o => o.Curriculum.Order, Enum.IsDefined, OneOf<CurriculumOrder>());
        Check(o => o.Curriculum.LabelBy, Enum.IsDefined, OneOf<LabelBy>());
        Share(o => o.Curriculum.MinAgreement);
        Share(o => o.Curriculum.MaxPassRate);
        Share(o => o.Curriculum.EasyFrom);
        Share(o => o.Curriculum.HardBelow);
        NotNegative(o => o.Curriculum.EasyShare);
        NotNegative(o => o.Curriculum.MediumShare);
        NotNegative(o => o.Curriculum.HardShare);
        Check(o => o.Curriculum, c => c.HardBelow <= c.EasyFrom, "must have hardBelow not above easyFrom", c =>
            $"{Text(c.HardBelow)}, {Text(c.EasyFrom)}");
        Check(o => o.Curriculum, c =>
            c.EasyShare + c.MediumShare + c.HardShare > 0, "must have a positive sum of easyShare, mediumShare and hardShare", _ => "0");
        NotNegative(o => o.Curriculum.MajorityFromIteration);
        AtLeastOne(o => o.Curriculum.MinDistinctTools);
        NotNegative(o => o.Curriculum.MinDescriptionLength);
        NotNegative(o => o.Curriculum.MinQuestionLength);
    }

    private void Solver()
    {
        AtLeastOne(o => o.Solver.Steps);
        AtLeastOne(o => o.Solver.PromptsPerStep);
        Check(o => o.Solver.GroupSize, n => n >= 2, "must be at least 2, a group has no advantages otherwise");
        Sampling(o => o.Solver.Sampling);
        Trained(o => o.Solver.Sampling.Temperature);
        Positive(o => o.Solver.LearningRate);
        Positive(o => o.Solver.IterationDecay);
        Check(o => o.Solver.Control, Enum.IsDefined, OneOf<SolverControl>());
        NotNegative(o => o.Solver.TagWeight);
        NotNegative(o => o.Solver.ParseWeight);
        NotNegative(o => o.Solver.NormaliseWeight);
        NotNegative(o => o.Solver.NameWeight);
        NotNegative(o => o.Solver.KeysWeight);
        NotNegative(o => o.Solver.ValuesWeight);
        NotNegative(o => o.Solver.ExtraCallPenalty);
        Check(o => o.Solver.MaxTurns, n => n is >= 1 and <= 16, "must be from 1 to 16");
        AtLeastOne(o => o.Solver.ResultTokens);
        NotNegative(o => o.Solver.SuccessWeight);
        NotNegative(o => o.Solver.OutcomeWeight);
        NotNegative(o => o.Solver.AnswerWeight);
        NotNegative(o => o.Solver.CallPrice);
        NotNegative(o => o.Solver.TurnPrice);
        Check(o => o.Evaluation.MaxTurns, n => n is >= 0 and <= 16, "must be from 0 (as solver.maxTurns) to 16");
        Check(o => o.Specs.Chained, share => share is >= 0 and <= 1, "must be from 0 to 1");
        When(o => o.Specs.Chained > 0, () => Check(
            o => o.Solver.MaxTurns, n => n >= 2, "must be at least 2, since specs.chained is above 0: a result is known after a turn only"));
    }

    private void Tools()
    {
        Check(o => o.Tools.UnknownTools, Enum.IsDefined, OneOf<UnknownTools>());
        Positive(o => o.Tools.TimeoutSeconds);
        Check(o => o.Tools.Allow, names => names.All(n => !string.IsNullOrWhiteSpace(n)), "must not hold an empty name");
        Check(o => o.Tools.Deny, names => names.All(n => !string.IsNullOrWhiteSpace(n)), "must not hold an empty name");
        Check(o => o.Tools.Session, Enum.IsDefined, OneOf<ToolSessions>());
        Check(
            o => o.Tools.Reset,
            call => call.Length == 0 || call.IndexOf(' ') > 0 && call.TrimEnd().EndsWith('}'),
            "must be a tool's name, a space and its arguments as a JSON object, or empty");
        When(o => o.Tools.Reset?.Length > 0, () => Check(
            o => o.Tools.Session, session => session == ToolSessions.Run, "must be Run, since tools.reset is set: a new server needs no reset"));
        When(o => o.Tools.Reset?.Length > 0, () => Check(
            o => o.Solver.MaxTurns, n => n == 1, "must be 1, since tools.reset is set: trajectories take their turns in each other's midst"));
        Positive(o => o.Tools.StartSeconds);
        NotNegative(o => o.Tools.CallsPerSecond);
        AtLeastOne(o => o.Tools.CallsAtOnce);
        Check(o => o.Tools.ResultCharacters, n => n >= 100, "must be at least 100");
        Check(o => o.Tools.OutputMegabytes, n => n is >= 1 and <= 1024, "must be from 1 to 1024");
        Check(o => o.Tools.MemoryMegabytes, n => n >= 64, "must be at least 64");
        AtLeastOne(o => o.Tools.CpuSeconds);
        AtLeastOne(o => o.Tools.Processes);
    }

    private void Learning()
    {
        Check(o => o.Learning.Loss, Enum.IsDefined, OneOf<LearningLoss>());
        Check(o => o.Learning.ClipEpsilon, x => x is > 0 and < 1, "must be between 0 and 1");
        NotNegative(o => o.Learning.ClipHigh);
        When(o => o.Learning.Loss == LearningLoss.Cispo, () => Check(
            o => o.Learning.ClipHigh, x => x is >= 1 or < 0,
            "must be at least 1, since learning.loss is cispo: it is the largest ratio that counts (5, say)"));
        NotNegative(o => o.Learning.KlWeight);
        Positive(o => o.Learning.AdvantageEpsilon);
        Positive(o => o.Learning.MaxGradientNorm);
        Check(o => o.Learning.Beta1, x => x is >= 0 and < 1, "must be at least 0 and below 1");
        Check(o => o.Learning.Beta2, x => x is >= 0 and < 1, "must be at least 0 and below 1");
        Positive(o => o.Learning.Epsilon);
        NotNegative(o => o.Learning.WeightDecay);
        AtLeastOne(o => o.Learning.MicroBatchTokens);
        AtLeastOne(o => o.Learning.GradientParts);
        Check(o => o.Learning.Lora.Rank, n => n is >= 0 and <= 1024, "must be from 0 (all weights are trained) to 1024");
        Positive(o => o.Learning.Lora.Alpha);
        Check(
            o => o.Learning.Lora.Targets,
            names => names is [LoraOptions.AllLinear]
                || (names.Count > 0 && names.Distinct().Count() == names.Count && names.All(LoraOptions.Modules.Contains)),
            $"must be {LoraOptions.AllLinear}, or some of {string.Join(", ", LoraOptions.Modules)}, each once");
    }

    private void Sampling(Expression<Func<RunOptions, SamplingOptions>> field)
    {
        var path = PathOf(field);
        var get = field.Compile();
        Check($"{path}.temperature", o => get(o).Temperature, t => t >= 0 && double.IsFinite(t), "must be at least 0 (0 is greedy)", Text);
        Check($"{path}.topP", o => get(o).TopP, p => p is > 0 and <= 1, "must be above 0 and at most 1", Text);
        Check($"{path}.maxNewTokens", o => get(o).MaxNewTokens, n => n >= 1, "must be at least 1", n => Text(n));
    }

    private void Fit(Expression<Func<RunOptions, FitOptions>> field)
    {
        var path = PathOf(field);
        var get = field.Compile();
        Check($"{path}.learningRate", o => get(o).LearningRate, x => x > 0 && double.IsFinite(x), "must be above 0", Text);
        Check($"{path}.epochs", o => get(o).Epochs, n => n >= 1, "must be at least 1", n => Text(n));
        Check($"{path}.batch", o => get(o).Batch, n => n >= 1, "must be at least 1", n => Text(n));
        Check($"{path}.warmup", o => get(o).Warmup, x => x is >= 0 and <= 1, "must be from 0 to 1", Text);
    }

    /// <summary>What is learned from must have been drawn: greedy completions of a group are equal, and ratios are taken at the sampling
    /// temperature.</summary>
    private void Trained(Expression<Func<RunOptions, double>> temperature) =>
        Check(temperature, t =>
            t is >= LowestTrained or < 0 || !double.IsFinite(t), $"must be at least {Text(LowestTrained)}, since what is sampled is learned from");

    private void Weights<T>(
        Expression<Func<RunOptions, IReadOnlyDictionary<T, double>>> field, Func<T, bool> isKey, string keys, bool mayBeEmpty = false)
    {
        Check(field, w => w.Keys.All(isKey), $"must have {keys} as its keys", w => $"[{string.Join(", ", w.Keys)}]");
        Check(field, w => w.Values.All(v => v >= 0 && double.IsFinite(v)), "must have weights of at least 0", w =>
            $"[{string.Join(", ", w.Values.Select(Text))}]");
        Check(field, w => w.Values.Sum() > 0 || mayBeEmpty && w.Count == 0, "must have a positive weight", w => $"[{string.Join(", ", w.Keys)}]");
    }

    private void AtLeastOne(Expression<Func<RunOptions, int>> field) => Check(field, n => n >= 1, "must be at least 1");

    private void NotNegative(Expression<Func<RunOptions, int>> field) => Check(field, n => n >= 0, "must be at least 0");

    private void NotNegative(Expression<Func<RunOptions, double>> field) => Check(field, x => x >= 0 && double.IsFinite(x), "must be at least 0");

    private void Positive(Expression<Func<RunOptions, double>> field) => Check(field, x => x > 0 && double.IsFinite(x), "must be above 0");

    private void Share(Expression<Func<RunOptions, double>> field) => Check(field, x => x is >= 0 and <= 1, "must be from 0 to 1");

    private void Check<T>(Expression<Func<RunOptions, T>> field, Func<T, bool> holds, string rule, Func<T, string>? text = null) =>
        Check(PathOf(field), field.Compile(), holds, rule, text ?? (value => Text(value)));

    private void Check<T>(string path, Func<RunOptions, T> get, Func<T, bool> holds, string rule, Func<T, string> text) =>
        RuleFor(o => o).Custom((options, context) =>
        {
            var value = get(options);
            if (!holds(value))
                context.AddFailure(path, $"{path}: {text(value)} {rule}");
        });

    private static string OneOf<T>()
        where T : struct, Enum => "must be one of " + string.Join(", ", Enum.GetNames<T>());

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(object? value) => value switch
    {
        null => "null",
        IEnumerable<string> names => $"[{string.Join(", ", names)}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string PathOf<T>(Expression<Func<RunOptions, T>> field)
    {
        var names = new Stack<string>();
        for (var at = field.Body as MemberExpression; at is not null; at = at.Expression as MemberExpression)
            names.Push(System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(at.Member.Name));
        return string.Join('.', names);
    }
}
