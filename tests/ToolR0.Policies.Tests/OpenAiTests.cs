using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using ToolR0.Testing;

namespace ToolR0.Policies.Tests;

public sealed class OpenAiTests : IDisposable
{
    private static readonly SamplingOptions Sampling = new() { MaxNewTokens = 20 };

    private readonly TinyPolicy _tiny = new(scale: 4);
    private readonly PolicyStore _store;
    private readonly CompletionSources _sources;
    private readonly ConformingServer _server;
    private readonly SampleRequest[] _requests;
    private readonly string _sha;

    public OpenAiTests()
    {
        _store = new PolicyStore(_tiny.Path_("store"));
        _sha = _store.Import(_tiny.Folder);
        _sources = new CompletionSources(_store);
        _server = new ConformingServer(_tiny.Policy);
        _requests = [new(_tiny.Tokens(6, 1), [1, 2, 3]), new(_tiny.Tokens(9, 2), [-4, long.MaxValue])];
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
        _tiny.Dispose();
    }

    [Theory]
    [InlineData(Tells.TokenIds)]
    [InlineData(Tells.TokenNames)]
    public void A_server_gives_the_trajectories_that_this_process_would(Tells tells)
    {
        _server.Tells = tells;
        var (local, served) = (Sample(new InferenceOptions()), Sample(_server.Options));
        for (var g = 0; g < local.Count; g++)
        {
            for (var s = 0; s < local[g].Count; s++)
            {
                var (expected, actual) = (local[g][s], served[g][s]);
                (actual.Seed, actual.Text, actual.Finish, actual.Reencoded).ShouldBe((expected.Seed, expected.Text, expected.Finish, false));
                actual.Tokens.ShouldBe(expected.Tokens);
                actual.LogProbs.Zip(expected.LogProbs).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) < 1e-4);
                actual.LogProbs.Length.ShouldBe(expected.LogProbs.Length);
            }
        }

        _server.Requests.ShouldAllBe(r => (string)r["model"]! == "solver-" + _sha && (bool)r["return_token_ids"]!);
    }

    [Fact]
    public void Every_request_says_all_that_a_server_would_take_from_the_models_own_settings()
    {
        Sample(_server.Options);
        _server.Requests.ShouldNotBeEmpty();
        foreach (var (name, neutral) in new[] { ("top_k", -1.0), ("min_p", 0), ("repetition_penalty", 1), ("frequency_penalty", 0),
            ("presence_penalty", 0), ("temperature", 1), ("top_p", 1) })
            _server.Requests.ShouldAllBe(r => (double)r[name]! == neutral, name);
    }

    [Fact]
    public void Text_without_ids_is_encoded_again_and_marked()
    {
        _server.Tells = Tells.TextOnly;
        foreach (var row in Sample(_server.Options).SelectMany(group => group))
        {
            row.Reencoded.ShouldBeTrue();
            _tiny.Policy.Tokenizer.Decode(row.Tokens).ShouldBe(row.Text);
            row.LogProbs.Length.ShouldBeOneOf(0, row.Tokens.Length);
        }
    }

    [Fact]
    public void Log_probabilities_at_another_temperature_count_as_unknown()
    {
        var warm = Sampling with { Temperature = 0.7 };
        Sample(_server.Options, warm).ShouldAllBe(group => group.All(row => row.LogProbs.Length == 0 && row.Tokens.Length > 0));
        Sample(_server.Options with { ProcessedLogProbs = true }, warm)
            .ShouldAllBe(group => group.All(row => row.LogProbs.Length == row.Tokens.Length));
    }

    [Fact]
    public void A_busy_server_and_one_that_does_not_answer_are_asked_again()
    {
        foreach (var fault in new[] { 503, 0, 429 })
            _server.Faults.Enqueue(fault);
        var served = Sample(_server.Options with { TimeoutSeconds = 2 });
        served.Sum(group => group.Count).ShouldBe(5);
        _server.Requests.Count.ShouldBe(8);
    }

    [Theory]
    [InlineData(500, 1, "answered 500: {\"error\":\"fault 500\"} (2 tries)")]
    [InlineData(400, 5, "answered 400: {\"error\":\"fault 400\"}")]
    [InlineData(0, 0, "did not answer within 0.5 s (1 tries)")]
    public void A_server_that_fails_is_one_error_with_its_address(int fault, int retries, string message)
    {
        // The hook has been called before, so that its time does not count.
        Sample(_server.Options);
        for (var i = 0; i < 20; i++)
            _server.Faults.Enqueue(fault);
        var error = Should.Throw<InferenceException>(() =>
            Sample(_server.Options with { Retries = retries, TimeoutSeconds = fault == 0 ? 0.5 : 20 }));
        error.Message.ShouldStartWith(_server.Root + "/v1/completions");
        error.Message.ShouldContain(message);
    }

    [Fact]
    public void A_server_that_is_not_there_is_named()
    {
        var options = _server.Options with { Retries = 0 };
        var nowhere = new ServedPolicyOptions { Url = "http://127.0.0.1:1/v1", Model = "m", ReloadUrl = _server.Root + "/reload" };
        Should.Throw<InferenceException>(() =>
            Sample(options with { Solver = nowhere })).Message.ShouldContain("http://127.0.0.1:1/v1/completions cannot be reached");
        var silent = options with { Solver = nowhere with { ReloadUrl = "" } };
        Should.Throw<InferenceException>(() =>
            new CompletionSources(_store).Open(Role.Solver, _sha, silent)).Message.ShouldContain("inference.solver.reloadUrl");
    }

    [Fact]
    public void The_hook_is_called_when_the_policy_changes_and_never_while_it_is_in_use()
    {
        using var other = new TinyPolicy(seed: 9, scale: 4);
        var next = _store.Import(other.Folder);
        Sample(_server.Options);
        Sample(_server.Options);
        _server.Reloads.Count.ShouldBe(1);
        var served = Sample(_server.Options, policy: next);
        _server.Reloads.Select(r => (string)r["policy"]!).ShouldBe([_sha, next]);
        ((string)_server.Reloads.Last()["folder"]!).ShouldBe(_store.FolderOf(next));
        ((string)_server.Reloads.Last()["role"]!).ShouldBe("solver");
        served[0][0].Tokens.ShouldBe(other.Sample([_requests[0] with { Seeds = [1] }], Sampling)[0][0].Tokens);

        Parallel.For(0, 6, i => Sample(_server.Options, policy: i % 2 == 0 ? _sha : next));
        _server.ReloadedInUse.ShouldBeFalse();
    }

    [Fact]
    public void After_a_failure_the_hook_is_called_again_since_the_server_may_have_been_started_anew()
    {
        Sample(_server.Options);
        _server.Faults.Enqueue(404);
        Should.Throw<InferenceException>(() => Sample(_server.Options));
        Sample(_server.Options);
        _server.Reloads.Count.ShouldBe(2);
    }

    [Fact]
    public void A_command_of_the_worker_can_stand_in_for_the_hook()
    {
        var told = _tiny.Path_("told");
        var options = _server.Options with { Generator = _server.Options.Generator with { ReloadUrl = "" } };
        Environment.SetEnvironmentVariable(OpenAiServer.ReloadCommand,
            $"echo \"$TOOLR0_ROLE $TOOLR0_POLICY $TOOLR0_MODEL $TOOLR0_FOLDER\" >> '{told}'");
        try
        {
            using (_sources.Open(Role.Generator, _sha, options))
                File.ReadAllText(told).ShouldBe($"generator {_sha} generator {_store.FolderOf(_sha)}\n");
            Environment.SetEnvironmentVariable(OpenAiServer.ReloadCommand, "echo broken >&2; exit 3");
            Should.Throw<InferenceException>(() =>
                new CompletionSources(_store).Open(Role.Generator, _sha, options)).Message.ShouldContain("ended with code 3: broken");
        }
        finally
        {
            Environment.SetEnvironmentVariable(OpenAiServer.ReloadCommand, null);
        }
    }

    [Fact]
    public void The_importance_weight_corrects_for_the_servers_difference_up_to_the_cap()
    {
        // π'/μ = e^0.5 for every token, so each counts e^0.5 times; with a cap of 1.2, that often. The value of ρ is 1.
        _server.Shift = -0.5f;
        var rows = Sample(_server.Options)[0];
        var advantages = new[] { 1.0, -0.25, -0.5 };
        var group = new TrainingGroup(_requests[0].PromptTokens, [.. rows.Select((r, i) => new TrainingSample(r.Tokens, r.LogProbs, advantages[i]))]);
        var (free, capped) = (Step(2), Step(1.2));
        free["loss"].ShouldBe(-advantages.Sum() / 3 * Math.Exp(0.5), 1e-4);
        free["ratioMean"].ShouldBe(Math.Exp(0.5), 1e-4);
        free["clippedShare"].ShouldBe(0);
        capped["loss"].ShouldBe(-advantages.Sum() / 3 * 1.2, 1e-4);
        capped["clippedShare"].ShouldBe(1);
        (free["gradientNorm"] / capped["gradientNorm"]).ShouldBe(Math.Exp(0.5) / 1.2, 1e-3);

        // Without the difference, and where it is not known, this is plain GRPO on one's own samples.
        _server.Shift = 0;
        var own = Sample(_server.Options)[0];
        group = group with { Samples = [.. own.Select((r, i) => new TrainingSample(r.Tokens, r.LogProbs, advantages[i]))] };
        var plain = Step(0);
        foreach (var unknown in new[] { false, true })
        {
            group = group with { Samples = [.. own.Select((r, i) => new TrainingSample(r.Tokens, unknown ? [] : r.LogProbs, advantages[i]))] };
            Step(2)["gradientNorm"].ShouldBe(plain["gradientNorm"], 1e-4);
        }

        IReadOnlyDictionary<string, double> Step(double cap)
        {
            using var learner = GrpoLearner.Start(_tiny.Folder, new LearningOptions());
            return learner.Step([group], 1e-3, 1, cap);
        }
    }

    private IReadOnlyList<IReadOnlyList<Trajectory>> Sample(InferenceOptions options, SamplingOptions? sampling = null, string? policy = null)
    {
        using var source = _sources.Open(Role.Solver, policy ?? _sha, options);
        return source.Sample(_requests, sampling ?? Sampling, TestContext.Current.CancellationToken);
    }
}
