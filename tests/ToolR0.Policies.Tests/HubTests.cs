using System.Security.Cryptography;
using ToolR0.Contracts;
using ToolR0.Policies.Hub;
using ToolR0.Policies.Storage;
using ToolR0.Testing;

namespace ToolR0.Policies.Tests;

/// <summary>Models from a server of the hub's protocol on this machine, into a cache of the test's own.</summary>
public sealed class HubTests : IDisposable
{
    private const string Snapshot = "snapshots/" + HubServer.Commit;

    private readonly TinyPolicy _tiny = new();
    private readonly HubServer _server = new();
    private readonly TemporaryFolder _home = new();
    private readonly List<HubProgress> _progress = [];

    public HubTests() => _server.With(_tiny.Folder);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Cache => Path.Combine(_home.Path, "hub");

    private string Folder => Path.Combine(Cache, "models--some-org--some-model");

    public void Dispose()
    {
        _server.Dispose();
        _tiny.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task A_model_comes_into_the_layout_that_everybodys_cache_has()
    {
        _server.Files["pytorch_model.bin"] = new byte[100_000];
        _server.Files["additional_chat_templates/tool_use.jinja"] = "t"u8.ToArray();
        var found = await FindAsync(HubServer.Repository);
        found.Path.ShouldBe(Path.Combine(Folder, Snapshot));
        found.Origin.ShouldBe(new BaseOrigin(HubServer.Repository, "main", HubServer.Commit));
        File.ReadAllText(Path.Combine(Folder, "refs", "main")).ShouldBe(HubServer.Commit);
        Policy.HashOf(found.Path).ShouldBe(_tiny.Policy.Sha256);
        using (var policy = Policy.Load(found.Path))
            policy.Sha256.ShouldBe(_tiny.Policy.Sha256);

        var weights = new FileInfo(Path.Combine(found.Path, "model.safetensors"));
        weights.LinkTarget.ShouldBe($"../../blobs/{_tiny.Policy.Sha256}");
        new FileInfo(Path.Combine(found.Path, "config.json")).LinkTarget!.Length.ShouldBe("../../blobs/".Length + 40);
        new FileInfo(Path.Combine(found.Path, "additional_chat_templates", "tool_use.jinja")).LinkTarget.ShouldStartWith("../../../blobs/");
        Directory.GetFiles(Path.Combine(Folder, "blobs"), "*.incomplete").ShouldBeEmpty();
        File.Exists(Path.Combine(found.Path, "pytorch_model.bin")).ShouldBeFalse("only what is needed is loaded");
        _server.Contents("model.safetensors").ShouldBe(1);
        (_progress[^1].Done, _progress[^1].Total).ShouldBe((_progress[^1].Total, _progress.Max(p => p.Total)));
        _progress[^1].Total.ShouldBeGreaterThan(weights.Length);
    }

    [Fact]
    public async Task What_is_in_the_cache_is_not_loaded_again()
    {
        await FindAsync(HubServer.Repository);
        // As another program left it: a blob without a name at this commit.
        File.Delete(Path.Combine(Folder, Snapshot, "model.safetensors"));
        var asked = _server.Requests.Count;
        await FindAsync(HubServer.Repository);
        _server.Contents("model.safetensors").ShouldBe(1);
        File.Exists(Path.Combine(Folder, Snapshot, "model.safetensors")).ShouldBeTrue();

        var before = _server.Requests.Count;
        (before - asked).ShouldBeLessThanOrEqualTo(2, "the listing, and HEAD of what has no name");
        (await FindAsync($"{HubServer.Repository}@{HubServer.Commit}")).Origin!.Revision.ShouldBe(HubServer.Commit);
        _server.Requests.Count.ShouldBe(before, "a commit that is here needs no hub");
    }

    [Fact]
    public async Task Shards_come_by_their_index()
    {
        _server.Files.Remove("model.safetensors", out var whole);
        _server.Files["model.safetensors.index.json"] =
            """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"""u8.ToArray();
        _server.Files["model-00001-of-00002.safetensors"] = whole![..9000];
        _server.Files["model-00002-of-00002.safetensors"] = whole[9000..];
        _server.Files["model-00003-of-00002.safetensors"] = new byte[5000];
        var snapshot = await GetAsync(HubServer.Repository);
        byte[] both = [.. File.ReadAllBytes(Path.Combine(snapshot.Path, "model-00001-of-00002.safetensors")),
            .. File.ReadAllBytes(Path.Combine(snapshot.Path, "model-00002-of-00002.safetensors"))];
        both.ShouldBe(whole);
        File.Exists(Path.Combine(snapshot.Path, "model-00003-of-00002.safetensors")).ShouldBeFalse();

        _server.Files.Remove("model-00002-of-00002.safetensors", out _);
        Directory.Delete(Cache, recursive: true);
        (await RefusalAsync(HubServer.Repository)).ShouldContain("has no model-00002-of-00002.safetensors, though its model.safetensors.index.json names it");
    }

    [Theory]
    [InlineData("refs/pr/3")]
    [InlineData("v1.0")]
    public async Task A_revision_is_a_branch_a_tag_or_a_pull_request(string revision)
    {
        _server.Revisions[revision] = HubServer.Commit;
        (await FindAsync($"{HubServer.Repository}@{revision}")).Origin!.Commit.ShouldBe(HubServer.Commit);
        File.ReadAllText(Path.Combine([Folder, "refs", .. revision.Split('/')])).ShouldBe(HubServer.Commit);
        (await FindAsync($"{HubServer.Repository}@{revision}", Settings with { Offline = true })).Origin!.Commit.ShouldBe(HubServer.Commit);
    }

    [Fact]
    public async Task A_cut_connection_is_gone_on_from_where_it_broke()
    {
        foreach (var bytes in (int[])[-5000, -3000, -7000])
            _server.Faults.Enqueue(bytes);
        await GetAsync(HubServer.Repository, Settings with { Tries = 2 });
        _server.Requests.Where(request => request.Range is not null).ShouldNotBeEmpty();
        Policy.HashOf(Path.Combine(Folder, Snapshot)).ShouldBe(_tiny.Policy.Sha256);
        _progress.ShouldContain(p => p.Note != null && p.Note.Contains("trying again"));
    }

    [Fact]
    public async Task What_an_earlier_process_left_is_gone_on_from()
    {
        var weights = _server.Files["model.safetensors"];
        Directory.CreateDirectory(Path.Combine(Folder, "blobs"));
        File.WriteAllBytes(Path.Combine(Folder, "blobs", _tiny.Policy.Sha256 + ".incomplete"), weights[..10_000]);
        await GetAsync(HubServer.Repository);
        _server.Requests.Single(r => r.Path.EndsWith("content/model.safetensors", StringComparison.Ordinal)).Range.ShouldBe("bytes=10000-");
        Policy.HashOf(Path.Combine(Folder, Snapshot)).ShouldBe(_tiny.Policy.Sha256);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_an_earlier_process_left_may_be_damaged(bool wholeLength)
    {
        var left = _server.Files["model.safetensors"].ToArray()[..(wholeLength ? ^0 : 10_000)];
        left[17] ^= 1;
        Directory.CreateDirectory(Path.Combine(Folder, "blobs"));
        File.WriteAllBytes(Path.Combine(Folder, "blobs", _tiny.Policy.Sha256 + ".incomplete"), left);
        await GetAsync(HubServer.Repository);
        Policy.HashOf(Path.Combine(Folder, Snapshot)).ShouldBe(_tiny.Policy.Sha256);
        _progress.ShouldContain(p => p.Note != null && p.Note.Contains("is damaged; loading it anew"));
        (_progress[^1].Done, _progress[^1].Total).ShouldBe((_progress[^1].Total, _progress.Max(p => p.Total)));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_all_of_it_again()
    {
        _server.IgnoresRange = true;
        _server.Faults.Enqueue(0);
        foreach (var bytes in (int[])[-6000, -6000])
            _server.Faults.Enqueue(bytes);
        await GetAsync(HubServer.Repository);
        Policy.HashOf(Path.Combine(Folder, Snapshot)).ShouldBe(_tiny.Policy.Sha256);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("tokenizer_config.json")]
    public async Task Other_bytes_than_promised_are_deleted_and_said_once(string file)
    {
        _server.Spoiled[file] = true;
        var error = await RefusalAsync(HubServer.Repository);
        error.ShouldStartWith($"--base {HubServer.Repository}: {file}: the bytes that came are not those that {_server.Endpoint} promised");
        error.ShouldNotContain("\n");
        Directory.GetFiles(Path.Combine(Folder, "blobs"), _server.ETagOf(file) + "*").ShouldBeEmpty();
        File.Exists(Path.Combine(Folder, Snapshot, file)).ShouldBeFalse();

        _server.Spoiled.Clear();
        await GetAsync(HubServer.Repository);
    }

    [Fact]
    public async Task A_connection_that_breaks_again_and_again_ends_in_one_line_and_keeps_what_came()
    {
        for (var i = 0; i < 3; i++)
            _server.Faults.Enqueue(503);
        var error = await RefusalAsync(HubServer.Repository, Settings with { Tries = 3 });
        error.ShouldContain("127.0.0.1 answered 503; 3 tries in a row failed; what has come is kept, the same command goes on with it");
        await GetAsync(HubServer.Repository);
    }

    [Fact]
    public async Task A_server_that_is_silent_is_given_up()
    {
        _server.Pause = TimeSpan.FromSeconds(2);
        var error = await RefusalAsync(HubServer.Repository, Settings with { Tries = 1, Silence = TimeSpan.FromMilliseconds(300) });
        error.ShouldContain("nothing came for 0.3 s");
    }

    [Theory]
    [InlineData("1")]
    [InlineData("date")]
    public async Task Too_many_requests_are_waited_out(string wait)
    {
        _server.RetryAfter = wait == "date" ? DateTimeOffset.UtcNow.AddSeconds(1).ToString("r") : wait;
        _server.ListingFaults.Enqueue(429);
        _server.Faults.Enqueue(429);
        await GetAsync(HubServer.Repository);
        _progress.ShouldContain(p => p.Note != null && p.Note.Contains("too many requests; trying again in"));
    }

    [Fact]
    public async Task A_wait_that_is_too_long_is_said()
    {
        _server.RetryAfter = "3600";
        _server.ListingFaults.Enqueue(429);
        var error = await RefusalAsync(HubServer.Repository);
        error.ShouldContain("too many requests; it wants to be left alone for 3600 s; try again then, or set HF_TOKEN");
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_to_nobody_else()
    {
        _server.Token = "hf_secret";
        await GetAsync(HubServer.Repository, Settings with { Token = "hf_secret" });
        var (own, other) = (_server.Requests.Where(r => r.Host.StartsWith("127.", StringComparison.Ordinal)).ToList(),
            _server.Requests.Where(r => r.Host.StartsWith("localhost", StringComparison.Ordinal)).ToList());
        own.ShouldAllBe(request => request.Authorization == "Bearer hf_secret");
        other.ShouldNotBeEmpty();
        other.ShouldAllBe(request => request.Authorization == null);
    }

    [Theory]
    [InlineData(401, "GatedRepo", null, "the model is gated: accept its terms at ENDPOINT/some-org/some-model, then set HF_TOKEN to a token of that account")]
    [InlineData(403, "GatedRepo", "hf_other", "try again; the token in HF_TOKEN must be of that account")]
    [InlineData(401, "RepoNotFound", null, "the hub has no such model, or it is private: look at the name, or set HF_TOKEN")]
    [InlineData(404, "RepoNotFound", "hf_other", "look at the name, and at what the token in HF_TOKEN may read")]
    [InlineData(403, "", "hf_other", "the hub refuses access: the token in HF_TOKEN may not read it")]
    [InlineData(418, "", null, "the hub answered 418 to")]
    public async Task Who_may_not_read_it_is_told_what_to_do(int status, string code, string? token, string message)
    {
        _server.Token = "hf_right";
        _server.Refusal = (status, code);
        _server.ListsForAll = code == "GatedRepo";
        var error = await RefusalAsync(HubServer.Repository, Settings with { Token = token });
        error.ShouldContain(message.Replace("ENDPOINT", _server.Endpoint, StringComparison.Ordinal));
        error.ShouldNotContain("hf_other");
        error.ShouldNotContain("\n");
        _server.Contents("model.safetensors").ShouldBe(0);
    }

    [Fact]
    public async Task What_is_not_there_is_named()
    {
        (await RefusalAsync("some-org/other")).ShouldContain("the hub has no such model, or it is private");
        (await RefusalAsync($"{HubServer.Repository}@nowhere")).ShouldContain("some-org/some-model has no revision 'nowhere'");
        _server.Files.Remove("tokenizer.json", out _);
        (await RefusalAsync(HubServer.Repository)).ShouldContain("has no tokenizer.json, which is needed");
        _server.Files.Remove("model.safetensors", out _);
        (await RefusalAsync(HubServer.Repository)).ShouldContain("has no safetensors, and other weights are not read");
        _server.Files["q/some-Q4_K_M.gguf"] = [1];
        (await RefusalAsync(HubServer.Repository)).ShouldContain("it has GGUF files: name one, as --base some-org/some-model/q/some-Q4_K_M.gguf");
        _server.Contents("config.json").ShouldBe(0);
    }

    [Fact]
    public async Task An_architecture_that_is_not_read_costs_no_weights()
    {
        _server.Files["config.json"] = """{"model_type":"gemma3","architectures":["Gemma3ForCausalLM"]}"""u8.ToArray();
        var error = await RefusalAsync(HubServer.Repository);
        error.ShouldContain("""model_type = "gemma3": is not supported (only qwen2, qwen3, llama)""");
        _server.Requests.ShouldNotContain(request => request.Path.EndsWith("model.safetensors", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_model_that_does_not_fit_the_disk_is_refused_before_its_first_byte()
    {
        _server.ClaimedSizes["model.safetensors"] = 1L << 60;
        var error = await RefusalAsync(HubServer.Repository);
        error.ShouldContain("GB are still to be loaded into");
        error.ShouldContain("make room, or set HF_HUB_CACHE");
        _server.Contents("model.safetensors").ShouldBe(0);
        _server.Contents("tokenizer.json").ShouldBe(0);
    }

    [Fact]
    public async Task Offline_what_is_here_is_taken_and_what_is_not_is_said()
    {
        var offline = Settings with { Offline = true };
        (await RefusalAsync(HubServer.Repository, offline)).ShouldContain($"HF_HUB_OFFLINE is set, and it is not in {Cache}");
        _server.Requests.ShouldBeEmpty();
        await FindAsync(HubServer.Repository);
        var asked = _server.Requests.Count;
        (await FindAsync(HubServer.Repository, offline)).Origin.ShouldBe(new BaseOrigin(HubServer.Repository, "main", HubServer.Commit));
        File.Delete(Path.Combine(Folder, Snapshot, "tokenizer.json"));
        (await RefusalAsync(HubServer.Repository, offline)).ShouldContain("it is not wholly in");
        _server.Requests.Count.ShouldBe(asked);
    }

    [Fact]
    public async Task A_hub_that_is_away_is_no_hindrance_for_who_has_the_model()
    {
        await FindAsync(HubServer.Repository);
        _server.Dispose();
        _progress.Clear();
        (await FindAsync(HubServer.Repository)).Origin!.Commit.ShouldBe(HubServer.Commit);
        _progress.ShouldContain(p => p.Note != null && p.Note.Contains($"taking commit {HubServer.Commit} from the cache"));
        (await RefusalAsync("some-org/other", Settings with { Tries = 2 })).ShouldContain("127.0.0.1 cannot be reached");
    }

    [Fact]
    public async Task Two_at_once_load_each_file_once()
    {
        _server.Pause = TimeSpan.FromMilliseconds(300);
        var found = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => GetAsync(HubServer.Repository)));
        found.Select(f => f.Path).Distinct().ShouldHaveSingleItem();
        foreach (var file in (string[])["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
            _server.Contents(file).ShouldBe(1, file);
    }

    [Fact]
    public async Task A_gguf_file_of_a_repository_is_a_model()
    {
        using var folder = new TemporaryFolder();
        var bytes = GgufFile.Of(_tiny.Folder).Write();
        _server.Files["quantised/tiny.gguf"] = bytes;
        var found = await FindAsync($"{HubServer.Repository}/quantised/tiny.gguf");
        File.ReadAllBytes(found.Path).ShouldBe(bytes);
        found.Origin.ShouldBe(new BaseOrigin(
            HubServer.Repository, "main", HubServer.Commit, "quantised/tiny.gguf", Convert.ToHexStringLower(SHA256.HashData(bytes))));
        found.Origin!.ToString().ShouldBe($"some-org/some-model/quantised/tiny.gguf@{HubServer.Commit}");
        (await RefusalAsync($"{HubServer.Repository}/other.gguf")).ShouldContain("has no file other.gguf; it has GGUF files");
    }

    [Theory]
    [InlineData("org/name", "org/name", null, null)]
    [InlineData("org/name@main", "org/name", "main", null)]
    [InlineData("org/name@refs/pr/1", "org/name", "refs/pr/1", null)]
    [InlineData("Org-1/na.me_2/f-Q4_K.gguf@v1", "Org-1/na.me_2", "v1", "f-Q4_K.gguf")]
    [InlineData("name", null, null, null)]
    [InlineData("/org/name", null, null, null)]
    [InlineData("./org", null, null, null)]
    [InlineData("../name", null, null, null)]
    [InlineData("a/../b", null, null, null)]
    [InlineData("a/b/c", null, null, null)]
    [InlineData("a/b@../x", null, null, null)]
    [InlineData("a/b@x//y", null, null, null)]
    [InlineData("a/b@", null, null, null)]
    public void A_name_of_the_hub_is_told_from_a_path(string text, string? repository, string? revision, string? file) =>
        HubName.Parse(text).ShouldBe(repository is null ? null : new HubName(repository, revision, file));

    [Fact]
    public async Task A_folder_of_that_name_comes_first_and_what_is_neither_is_said()
    {
        var here = Path.Combine(_home.Path, "a");
        Directory.CreateDirectory(here);
        ModelFinder.IsOnHub(here).ShouldBeFalse();
        ModelFinder.IsOnHub("some-org/some-model").ShouldBeTrue();
        (await RefusalAsync("/no/such/folder")).ShouldBe("--base /no/such/folder: there is no such folder, and on the hub a model is called org/name");
        var file = Path.Combine(here, "model.bin");
        File.WriteAllText(file, "x");
        (await RefusalAsync(file)).ShouldContain("is a file, and not one that ends in .gguf");
        _server.Requests.ShouldBeEmpty();
    }

    [Fact]
    public void Settings_are_those_of_the_libraries_that_share_the_cache()
    {
        Read().Cache.ShouldBe("/h/.cache/huggingface/hub");
        Read().Endpoint.ShouldBe("https://huggingface.co");
        Read(("XDG_CACHE_HOME", "/x")).Cache.ShouldBe("/x/huggingface/hub");
        Read(("HF_HOME", "~/hf")).Cache.ShouldBe("/h/hf/hub");
        Read(("HF_HOME", "/y"), ("HF_HUB_CACHE", "/z")).Cache.ShouldBe("/z");
        Read(("HF_ENDPOINT", "http://mirror/")).Endpoint.ShouldBe("http://mirror");
        Read(("HF_HUB_OFFLINE", "yes")).Offline.ShouldBeTrue();
        Read(("HF_HUB_OFFLINE", "0")).Offline.ShouldBeFalse();
        Read(("HF_HUB_DOWNLOAD_TIMEOUT", "7")).Silence.ShouldBe(TimeSpan.FromSeconds(7));
        Should.Throw<UserErrorException>(() => Read(("HF_ENDPOINT", "mirror"))).Message.ShouldContain("HF_ENDPOINT is 'mirror'");
        Should.Throw<UserErrorException>(() => Read(("HF_HUB_DOWNLOAD_TIMEOUT", "soon"))).Message.ShouldContain("HF_HUB_DOWNLOAD_TIMEOUT");

        File.WriteAllText(Path.Combine(_home.Path, "token"), " hf_file\n");
        var login = Read(("HF_HOME", _home.Path));
        (login.Token, login.TokenSource).ShouldBe(("hf_file", Path.Combine(_home.Path, "token")));
        (Read(("HF_HOME", _home.Path), ("HF_TOKEN", "hf_env")).Token, Read(("HF_HOME", _home.Path), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token)
            .ShouldBe(("hf_env", null));

        static HubSettings Read(params (string Name, string Value)[] variables) =>
            HubSettings.Read(variables.Append(("HOME", "/h")).ToDictionary(v => v.Item1, v => v.Item2));
    }

    private HubSettings Settings => new() { Endpoint = _server.Endpoint, Cache = Cache, FirstWait = TimeSpan.FromMilliseconds(20) };

    private ModelFinder Finder(HubSettings? settings) => new(Path.Combine(_home.Path, "policies"), settings ?? Settings, new Collecting(_progress));

    private Task<FoundModel> FindAsync(string named, HubSettings? settings = null) => Finder(settings).ModelAsync(named, "", Cancellation);

    private Task<HubSnapshot> GetAsync(string named, HubSettings? settings = null) =>
        new HubModels(HubName.Parse(named)!, settings ?? Settings, new Collecting(_progress)).GetAsync(Cancellation);

    private async Task<string> RefusalAsync(string named, HubSettings? settings = null) =>
        (await Should.ThrowAsync<UserErrorException>(() => FindAsync(named, settings))).Message;

    private sealed class Collecting(List<HubProgress> into) : IProgress<HubProgress>
    {
        public void Report(HubProgress value)
        {
            lock (into)
                into.Add(value);
        }
    }
}
