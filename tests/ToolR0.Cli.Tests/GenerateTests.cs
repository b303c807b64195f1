using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using ToolR0.Cli.Commands;
using ToolR0.Contracts;
using ToolR0.Policies;
using ToolR0.Tokenization;

namespace ToolR0.Cli.Tests;

/// <summary>On the shipped model; what is printed is that of the command as a process.</summary>
public sealed class GenerateTests : IDisposable
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "assets", "base-nano");

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-generate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Text_is_what_json_tells_and_log_probabilities_are_those_of_a_full_forward()
    {
        var json = await RunAsync("--prompt", "convert 5 miles", "--greedy", "--max-new", "24", "--json");
        var root = JsonDocument.Parse(json.Output).RootElement;
        var prompt = root.GetProperty("prompt").GetProperty("tokens").Deserialize<int[]>()!;
        var completion = root.GetProperty("completion");
        var tokens = completion.GetProperty("tokens").Deserialize<int[]>()!;
        var logProbs = completion.GetProperty("logProbs").Deserialize<float[]>()!;

        using var policy = Policy.Load(Shipped);
        prompt.ShouldBe(policy.Tokenizer.EncodeChat([new ChatMessage("user", "convert 5 miles")]));
        logProbs.Length.ShouldBe(tokens.Length);
        using var noGrad = TorchSharp.torch.no_grad();
        using var logits = policy.Model.Logits([[.. prompt, .. tokens]]);
        for (var t = 0; t < tokens.Length; t++)
        {
            using var row = logits.select(0, 0).select(0, prompt.Length + t - 1).log_softmax(-1).contiguous();
            var values = row.data<float>().ToArray();
            values[tokens[t]].ShouldBe(values.Max());
            logProbs[t].ShouldBe(values.Max(), 1e-3f);
        }

        var text = await RunAsync("--prompt", "convert 5 miles", "--greedy", "--max-new", "24");
        text.Output.TrimEnd('\n').ShouldBe(completion.GetProperty("text").GetString()!);
        text.Errors.ShouldContain($"{prompt.Length} + {tokens.Length} tokens");

        var ids = await RunAsync("--tokens", string.Join(", ", prompt), "--greedy", "--max-new", "24", "--json");
        JsonDocument.Parse(ids.Output).RootElement.GetProperty("completion").GetProperty("tokens").Deserialize<int[]>().ShouldBe(tokens);
    }

    [Fact]
    public async Task A_seed_decides_what_is_sampled()
    {
        string[] ask = ["--prompt", "convert 5 miles", "--raw", "--temperature", "1.5", "--max-new", "20"];
        var one = await RunAsync([.. ask, "--seed", "7"]);
        (await RunAsync([.. ask, "--seed", "7"])).Output.ShouldBe(one.Output);
        (await RunAsync([.. ask, "--seed", "8"])).Output.ShouldNotBe(one.Output);
    }

    [Fact]
    public async Task A_conversation_comes_from_a_file()
    {
        var file = Path.Combine(_folder, "chat.json");
        File.WriteAllText(file,
            """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"c","tool_calls":[]},{"role":"user","content":"b"}],"extra":1}""");
        var outcome = await RunAsync("--messages", file, "--max-new", "1", "--json");
        JsonDocument.Parse(outcome.Output).RootElement.GetProperty("prompt").GetProperty("text").GetString()!
            .ShouldBe("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nc<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n");
    }

    [Theory]
    [InlineData("give one of --prompt, --messages and --tokens")]
    [InlineData("give one of --prompt, --messages and --tokens", "--prompt", "a", "--tokens", "1")]
    [InlineData("'x' is not a token id", "--tokens", "1,x")]
    [InlineData("'-1' is not a token id", "--tokens", "-1")]
    [InlineData("token 99999 is outside the vocabulary", "--tokens", "99999")]
    [InlineData("--raw goes with --prompt", "--raw", "--tokens", "1")]
    [InlineData("MaxNewTokens = 0", "--prompt", "a", "--max-new", "0")]
    [InlineData("Temperature = -1", "--prompt", "a", "--temperature", "-1")]
    [InlineData("TopP = 2", "--prompt", "a", "--top-p", "2")]
    [InlineData("there is no such file", "--messages", "/nowhere/chat.json")]
    [InlineData("there is no such folder", "--base", "/nowhere", "--prompt", "a")]
    [InlineData("config.json: not found", "--base", "/tmp", "--prompt", "a")]
    public async Task A_bad_request_is_one_line(string message, params string[] arguments)
    {
        var error = await RefusalAsync(arguments);
        error.ShouldContain(message);
        error.ShouldNotContain("\n");
    }

    [Theory]
    [InlineData("[]", "there are no messages")]
    [InlineData("{}", "must be a list of messages")]
    [InlineData("[{\"content\":\"a\"}]", "messages[0] must be an object with a role")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":1}", "tools must be a list")]
    [InlineData("[", "--messages")]
    public async Task A_bad_conversation_is_one_line(string json, string message)
    {
        var file = Path.Combine(_folder, "chat.json");
        File.WriteAllText(file, json);
        var error = await RefusalAsync("--messages", file);
        error.ShouldContain(message);
        error.ShouldNotContain("\n");
    }

    [Theory]
    [InlineData(null, "there is no such folder")]
    [InlineData("{}", "adapter_config.json: peft_type = (missing): must be LORA")]
    [InlineData("""{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["lm_head"]}""",
        "target_modules = [\"lm_head\"]: must be all-linear, or some of q_proj")]
    [InlineData("""{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""", "adapter_model.safetensors: not found")]
    public async Task A_bad_adapter_is_one_line(string? config, string message)
    {
        var adapter = Path.Combine(_folder, "adapter");
        if (config is not null)
        {
            Directory.CreateDirectory(adapter);
            File.WriteAllText(Path.Combine(adapter, "adapter_config.json"), config);
        }

        var error = await RefusalAsync("--prompt", "a", "--adapter", adapter);
        error.ShouldStartWith($"--adapter {adapter}: ");
        error.ShouldContain(message);
        error.ShouldNotContain("\n");
    }

    private static async Task<string> RefusalAsync(params string[] arguments)
    {
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        return (await Should.ThrowAsync<UserErrorException>(() => GenerateCommand.Create().Parse(arguments).InvokeAsync(configuration))).Message;
    }

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "toolr0.dll"), "generate", .. arguments])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var cancellation = TestContext.Current.CancellationToken;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, await output, await errors);
    }
}
