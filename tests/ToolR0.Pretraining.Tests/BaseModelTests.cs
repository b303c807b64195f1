using ToolR0.Policies;
using ToolR0.SelfPlay.Prompts;
using ToolR0.TinyWorld;
using ToolR0.TinyWorld.Texts;
using ToolR0.Tokenization;

namespace ToolR0.Pretraining.Tests;

public sealed class BaseModelTests : IDisposable
{
    private static readonly BaseModelOptions Tiny = new()
    {
        Stages = [new("reading", MixtureOptions.Reading, 3, 3e-3), new("habits", MixtureOptions.Habits, 2, 1e-3)],
        TextsPerBatch = 4,
        TokenizerTexts = 2000,
        MeasuredItems = 2,
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-pretrain-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Equal_options_make_equal_weights_and_a_complete_folder()
    {
        var first = BaseModel.Make(Tiny, Path.Combine(_folder, "a"), cancellation: TestContext.Current.CancellationToken);
        var second = BaseModel.Make(Tiny, Path.Combine(_folder, "b"), cancellation: TestContext.Current.CancellationToken);
        second.Sha256.ShouldBe(first.Sha256);
        BaseModel.Make(Tiny with { Seed = 2 }, Path.Combine(_folder, "a"),
            cancellation: TestContext.Current.CancellationToken).Sha256.ShouldNotBe(first.Sha256);

        Directory.GetFileSystemEntries(Path.Combine(_folder, "b")).Select(Path.GetFileName)
            .ShouldBe(["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "toolr0.json"], ignoreOrder: true);
        using var policy = Policy.Load(Path.Combine(_folder, "b"));
        policy.Sha256.ShouldBe(first.Sha256);
        File.ReadAllText(Path.Combine(_folder, "b", "README.md")).ShouldContain(first.Sha256);
    }

    [Fact]
    public void Going_on_from_the_folder_of_the_first_stages_makes_what_all_stages_make()
    {
        var whole = BaseModel.Make(Tiny, Path.Combine(_folder, "a"), cancellation: TestContext.Current.CancellationToken);
        var first = BaseModel.Make(Tiny with { Stages = [Tiny.Stages[0]] }, Path.Combine(_folder, "b"),
            cancellation: TestContext.Current.CancellationToken);
        first.Sha256.ShouldNotBe(whole.Sha256);
        var second = BaseModel.Make(Tiny, Path.Combine(_folder, "c"), Path.Combine(_folder, "b"),
            cancellation: TestContext.Current.CancellationToken);
        second.Sha256.ShouldBe(whole.Sha256);
        second.From.ShouldBe(first.Sha256);

        var three = Tiny with { Stages = [.. Tiny.Stages, new("talk", MixtureOptions.Talk, 2, 1e-3)] };
        var third = BaseModel.Make(three, Path.Combine(_folder, "d"), Path.Combine(_folder, "c"), made: 2,
            cancellation: TestContext.Current.CancellationToken);
        third.Sha256.ShouldBe(BaseModel.Make(three, Path.Combine(_folder, "e"), cancellation: TestContext.Current.CancellationToken).Sha256);
        File.ReadAllText(Path.Combine(_folder, "d", "README.md"))
            .ShouldContain($"the tokens of the first 2 stages, taken as made before (weights {second.Sha256}), not counted");
    }

    [Fact]
    public void A_cancelled_pretraining_leaves_nothing_behind()
    {
        Should.Throw<OperationCanceledException>(() =>
            BaseModel.Make(Tiny, Path.Combine(_folder, "a"), cancellation: new CancellationToken(canceled: true)));
        Directory.GetFileSystemEntries(_folder).ShouldBeEmpty();
    }

    [Fact]
    public void Two_runs_for_one_folder_do_not_write_into_each_others_work()
    {
        var folder = Path.Combine(_folder, "a");
        var inner = "";
        var cancellation = TestContext.Current.CancellationToken;
        BaseModel.Make(Tiny, folder, progress: _ =>
            inner = BaseModel.Make(Tiny with { Seed = 2 }, folder, cancellation: cancellation).Sha256, cancellation: cancellation);
        inner.ShouldNotBeEmpty();
        Policy.HashOf(folder).ShouldNotBe(inner);
        Directory.GetFileSystemEntries(_folder).ShouldBe([folder]);
    }

    [Fact]
    public void A_value_has_the_same_tokens_in_a_question_and_in_json_and_prompts_are_short()
    {
        var mixture = new PretrainingMixture(1, MixtureOptions.Reading);
        BaseModelTokenizer.Train(mixture, 5000, 1000, _folder);
        var tokenizer = Tokenizer.Load(_folder);
        var prompts = new List<int>();
        foreach (var item in HeldOut.Make(HeldOut.Unseen, 200, 4))
        {
            prompts.Add(BaseModel.Encode(tokenizer,
                SolverPrompt.Render(item.Task, new Contracts.Options.PromptOptions { Set = Contracts.Options.PromptSet.Compact })).Length);
            var question = tokenizer.Encode(item.Task.Question);
            foreach (var argument in item.Task.Gold.SelectMany(call => call.Arguments.Values))
                Contains(question, tokenizer.Encode(argument.ToString())).ShouldBeTrue(item.Task.Question);
            var answer = CompactFormat.Answer(item.Task.Gold);
            tokenizer.Decode(tokenizer.Encode(answer)).ShouldBe(answer);
        }

        prompts.Average().ShouldBeLessThan(70);
    }

    private static bool Contains(int[] tokens, int[] part) =>
        Enumerable.Range(0, tokens.Length - part.Length + 1).Any(start => tokens.AsSpan(start, part.Length).SequenceEqual(part));
}
