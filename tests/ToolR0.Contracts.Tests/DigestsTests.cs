namespace ToolR0.Contracts.Tests;

public sealed class DigestsTests
{
    private static readonly int[] Prompt = [1, 2, 300];

    private static Trajectory[] Samples(int token = 6, float logProb = -0f, string text = "héllo", long seed = 42,
        FinishReason finish = FinishReason.Stop) =>
    [
        new(seed, [5, token], [-0.5f, logProb], text, finish),
        new(long.MaxValue, [], [], "", FinishReason.Void, "worker died"),
    ];

    [Fact]
    public void The_digest_of_a_group_is_golden() => Digests.OfGroup(Prompt, Samples()).ShouldBe(Golden.DigestOfGroup);

    [Fact]
    public void Whatever_learning_depends_on_changes_the_digest()
    {
        string[] digests =
        [
            Digests.OfGroup(Prompt, Samples()),
            Digests.OfGroup([1, 2, 301], Samples()),
            Digests.OfGroup([1, 2], Samples()),
            Digests.OfGroup(Prompt, Samples(token: 7)),
            Digests.OfGroup(Prompt, Samples(logProb: -float.Epsilon)),
            Digests.OfGroup(Prompt, Samples(text: "hello")),
            Digests.OfGroup(Prompt, Samples(seed: 43)),
            Digests.OfGroup(Prompt, Samples(finish: FinishReason.Length)),
            Digests.OfGroup(Prompt, [.. Samples().Reverse()]),
            Digests.OfGroup(Prompt, Samples()[..1]),
        ];
        digests.Distinct().Count().ShouldBe(digests.Length);
        digests.ShouldAllBe(d => d.Length == 64);
    }

    [Fact]
    public void The_sign_of_a_zero_does_not_change_it() =>
        Digests.OfGroup(Prompt, Samples(logProb: 0f)).ShouldBe(Digests.OfGroup(Prompt, Samples(logProb: -0f)));

    [Fact]
    public void Sha256_is_lower_case_hexadecimal_of_the_UTF8_bytes() =>
        Digests.Sha256Hex("abc").ShouldBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
