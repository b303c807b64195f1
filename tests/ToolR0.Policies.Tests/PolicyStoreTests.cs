using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Tests;

public sealed class PolicyStoreTests
{
    [Fact]
    public void An_imported_policy_is_found_under_its_hash_and_rented()
    {
        using var tiny = new TinyPolicy();
        using var store = new PolicyStore(tiny.Path_("store"));
        var sha = store.Import(tiny.Folder);
        sha.ShouldBe(tiny.Policy.Sha256);
        store.Contains(sha).ShouldBeTrue();
        store.Import(tiny.Folder).ShouldBe(sha);
        using var lease = store.Rent(sha);
        lease.Policy.Sha256.ShouldBe(sha);
        Directory.EnumerateDirectories(tiny.Path_("store")).ShouldHaveSingleItem().ShouldBe(store.FolderOf(sha));
    }

    [Fact]
    public void Concurrent_renters_share_one_copy()
    {
        using var tiny = new TinyPolicy();
        using var store = new PolicyStore(tiny.Path_("store"));
        var sha = store.Import(tiny.Folder);
        var leases = new PolicyLease[8];
        Parallel.For(0, leases.Length, i => leases[i] = store.Rent(sha));
        leases.Select(l => l.Policy).Distinct().Count().ShouldBe(1);
        foreach (var lease in leases)
            lease.Dispose();
    }

    [Fact]
    public void A_rented_policy_survives_eviction_and_removal()
    {
        using var one = new TinyPolicy(seed: 1);
        using var two = new TinyPolicy(seed: 2);
        using var store = new PolicyStore(one.Path_("store"), capacity: 0);
        var (first, second) = (store.Import(one.Folder), store.Import(two.Folder));
        var lease = store.Rent(first);
        store.Rent(second).Dispose();
        store.Remove(first);
        store.Contains(first).ShouldBeFalse();
        var sampled = Sampler.Sample(lease.Policy, [new SampleRequest([1], [1])], new() { MaxNewTokens = 2 }, [],
            TestContext.Current.CancellationToken);
        sampled[0].ShouldHaveSingleItem();
        lease.Dispose();
        lease.Dispose();
        Should.Throw<InvalidDataException>(() => store.Rent(first)).Message.ShouldContain("no such policy");
    }

    [Fact]
    public void A_failed_write_leaves_nothing_behind()
    {
        using var tiny = new TinyPolicy();
        var root = tiny.Path_("store");
        using var store = new PolicyStore(root);
        var failure = Should.Throw<IOException>(() => store.Put(folder =>
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
            throw new IOException("No space left on device");
        }));
        failure.Message.ShouldBe($"cannot store a policy under {root}: No space left on device");
        Directory.EnumerateFileSystemEntries(root).ShouldBeEmpty();
    }

    [Fact]
    public void A_really_full_disk_is_one_clear_line()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var tiny = new TinyPolicy();
        using var store = new PolicyStore(tiny.Path_("store"));
        var failure = Should.Throw<IOException>(() => store.Put(folder =>
        {
            File.CreateSymbolicLink(Path.Combine(folder, "model.safetensors"), "/dev/full");
            tiny.Policy.Save(folder);
        }));
        failure.Message.ShouldContain("No space left");
        failure.Message.ShouldNotContain("\n");
        Directory.EnumerateFileSystemEntries(tiny.Path_("store")).ShouldBeEmpty();
    }

    [Fact]
    public void A_root_that_cannot_be_made_is_one_clear_line()
    {
        using var tiny = new TinyPolicy();
        File.WriteAllText(tiny.Path_("file"), "");
        using var store = new PolicyStore(Path.Combine(tiny.Path_("file"), "store"));
        Should.Throw<IOException>(() => store.Import(tiny.Folder)).Message.ShouldStartWith("cannot store a policy under");
    }

    [Fact]
    public void Changed_weights_are_noticed()
    {
        using var tiny = new TinyPolicy();
        using var store = new PolicyStore(tiny.Path_("store"));
        var sha = store.Import(tiny.Folder);
        using (var file = File.OpenWrite(Path.Combine(store.FolderOf(sha), "model.safetensors")))
        {
            file.Seek(-1, SeekOrigin.End);
            file.WriteByte(0x7f);
        }

        Should.Throw<InvalidDataException>(() => store.Rent(sha)).Message.ShouldContain("was changed");
    }

    [Theory]
    [InlineData("")]
    [InlineData("../../etc")]
    [InlineData("ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789")]
    public void Only_hashes_name_policies(string name)
    {
        using var store = new PolicyStore(Path.GetTempPath());
        Should.Throw<ArgumentException>(() => store.FolderOf(name));
    }

    [Fact]
    public void A_stored_optimiser_joins_equal_weights_that_are_there_already()
    {
        using var tiny = new TinyPolicy();
        using var store = new PolicyStore(tiny.Path_("store"));
        var sha = store.Import(tiny.Folder);
        using var learner = GrpoLearner.Start(tiny.Folder, new());
        store.Put(folder => learner.Save(folder, true)).ShouldBe(sha);
        GrpoLearner.Resume(store.FolderOf(sha), new()).Dispose();
    }
}
