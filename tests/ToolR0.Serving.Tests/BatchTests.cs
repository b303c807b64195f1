using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Serving.Http;
using ToolR0.TinyWorld;

namespace ToolR0.Serving.Tests;

/// <summary>Many requests at once.</summary>
public sealed class BatchTests(Served served) : IClassFixture<Served>
{
    private static readonly HttpClient Http = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Uri Chat => new(served.Server.Address, "/v1/chat/completions");

    [Fact]
    public async Task Thirty_two_at_once_say_what_each_says_alone()
    {
        var items = Served.Items.Take(32).ToList();
        var alone = new List<string>();
        foreach (var item in items)
            alone.Add(await AskAsync(Served.Request(item)));
        var together = await Task.WhenAll(items.Select(item => AskAsync(Served.Request(item))));
        together.ShouldBe(alone);
        alone.Distinct().Count().ShouldBeGreaterThan(20);
    }

    [Fact]
    public async Task Options_of_one_request_do_not_touch_another()
    {
        var items = Served.Items.Take(8).ToList();
        JsonObject Drawn(HeldOutItem item) => Served.Request(item, ("temperature", 1.3), ("top_p", 0.8), ("seed", 5));
        var alone = new List<string>();
        foreach (var item in items)
            alone.AddRange([await AskAsync(Served.Request(item)), await AskAsync(Drawn(item))]);
        var together = await Task.WhenAll(items.SelectMany(item => new[] { AskAsync(Served.Request(item)), AskAsync(Drawn(item)) }));
        together.ShouldBe(alone);
    }

    [Fact]
    public async Task Several_answers_to_one_request_are_drawn_with_seeds_of_their_own()
    {
        var request = Served.Request(Served.Items[0], ("temperature", 1.5), ("n", 4), ("seed", 7));
        var first = await AskAsync(request.DeepClone().AsObject());
        JsonDocument.Parse(first).RootElement.EnumerateArray().Select(choice => choice.ToString()).Distinct().Count().ShouldBeGreaterThan(1);
        (await AskAsync(request)).ShouldBe(first);
    }

    [Fact]
    public async Task The_server_is_about_as_fast_as_the_engine()
    {
        var items = Served.Items.Take(32).ToList();
        using var policy = Policy.Load(TinyWorldAssets.BaseNano);
        var asked = ShippedPresets.All["nano"].Prompts;
        var prompts = items.Select(item => policy.Tokenizer.EncodePrompt(SolverPrompt.Render(item.Task, asked))).ToList();
        var options = new SamplingOptions { Temperature = 0, MaxNewTokens = 256 };
        var (engine, server) = (new List<double>(), new List<double>());
        for (var round = 0; round < 6; round++)
        {
            var clock = Stopwatch.StartNew();
            var drawn = Sampler.Sample(policy, [.. prompts.Select(prompt => new SampleRequest(prompt, [0]))], options, [], Cancellation);
            var rate = drawn.Sum(answers => answers[0].Tokens.Length) / clock.Elapsed.TotalSeconds;
            clock.Restart();
            var tokens = await Task.WhenAll(items.Select(item => TokensAsync(Served.Request(item, ("max_tokens", 256)))));
            if (round > 1)
                (engine, server) = ([.. engine, rate], [.. server, tokens.Sum() / clock.Elapsed.TotalSeconds]);
        }

        var share = server.Max() / engine.Max();
        TestContext.Current.TestOutputHelper!.WriteLine(FormattableString.Invariant(
            $"engine {engine.Max():0} tokens/s, server {server.Max():0} tokens/s, share {share:0.00}"));
        share.ShouldBeGreaterThan(0.5);
    }

    [Fact]
    public void A_worker_that_samples_from_the_server_gets_what_it_would_sample_itself()
    {
        using var policy = Policy.Load(TinyWorldAssets.BaseNano);
        var asked = ShippedPresets.All["nano"].Prompts;
        var requests = Served.Items.Take(6).Select((item, i) =>
            new SampleRequest(policy.Tokenizer.EncodePrompt(SolverPrompt.Render(item.Task, asked)), [i, 100 + i])).ToList();
        var sampling = new SamplingOptions { Temperature = 1, MaxNewTokens = 96 };
        // A worker says which policy it wants before it asks: here somebody hears it who has nothing to do.
        Environment.SetEnvironmentVariable("TOOLR0_RELOAD_COMMAND", "true");
        var options = new InferenceOptions
        {
            Engine = InferenceEngine.OpenAi,
            Solver = new ServedPolicyOptions { Url = served.Server.Address.ToString(), Model = "{policy}" },
        };
        using var source = CompletionSources.OpenFolder(Role.Solver, TinyWorldAssets.BaseNano, options);
        var own = Sampler.Sample(policy, requests, sampling, [], Cancellation).SelectMany(answers => answers).ToList();
        foreach (var (answer, expected) in source.Sample(requests, sampling, Cancellation).SelectMany(answers => answers).Zip(own))
        {
            answer.Tokens.ShouldBe(expected.Tokens);
            (answer.Text, answer.Finish, answer.Reencoded).ShouldBe((expected.Text, expected.Finish, false));
            answer.LogProbs.Zip(expected.LogProbs).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) < 1e-3);
        }
    }

    [Fact]
    public async Task A_client_that_goes_away_gives_its_place_back()
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var endless = Served.Request(Served.Items[0], ("temperature", 2), ("n", 16), ("stream", true));
        endless["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "go on" });
        endless.Remove("tools");
        var message = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = JsonContent.Create(endless) };
        var response = await Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, gone.Token);
        await using var body = await response.Content.ReadAsStreamAsync(gone.Token);
        (await body.ReadAsync(new byte[16], gone.Token)).ShouldBeGreaterThan(0);
        response.Dispose();
        var clock = Stopwatch.StartNew();
        while (served.Model.Live > 0)
        {
            clock.Elapsed.TotalSeconds.ShouldBeLessThan(20);
            await Task.Delay(5, Cancellation);
        }

        (await AskAsync(Served.Request(Served.Items[1]))).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task What_has_begun_is_answered_before_the_server_stops()
    {
        var server = await ModelServer.StartAsync(served.Model, new ServerOptions(Port: 0), Cancellation);
        var request = Served.Request(Served.Items[2]);
        var answering = Http.PostAsJsonAsync(new Uri(server.Address, "/v1/chat/completions"), request, Cancellation);
        while (served.Model.Live == 0 && !answering.IsCompleted)
            await Task.Delay(1, Cancellation);
        await server.DisposeAsync();
        (await answering).EnsureSuccessStatusCode();
    }

    private async Task<int> TokensAsync(JsonObject request) =>
        (await AnswerAsync(request)).GetProperty("usage").GetProperty("completion_tokens").GetInt32();

    /// <summary>The choices as text, without the calls' ids.</summary>
    private async Task<string> AskAsync(JsonObject request)
    {
        var answer = await AnswerAsync(request);
        var choices = JsonNode.Parse(answer.GetProperty("choices").GetRawText())!.AsArray();
        foreach (var call in choices.SelectMany(choice => choice!["message"]!["tool_calls"]?.AsArray() ?? []))
            call!.AsObject().Remove("id");
        return choices.ToJsonString();
    }

    private async Task<JsonElement> AnswerAsync(JsonObject request)
    {
        using var response = await Http.PostAsJsonAsync(Chat, request, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        response.IsSuccessStatusCode.ShouldBeTrue(text);
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
