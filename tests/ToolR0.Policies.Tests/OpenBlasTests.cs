using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace ToolR0.Policies.Tests;

public sealed class OpenBlasTests
{
    [Theory]
    [InlineData("Prescott", true, true, "OPENBLAS_CORETYPE=SkylakeX")]
    [InlineData("Prescott", true, false, "OPENBLAS_CORETYPE=Haswell")]
    [InlineData("Nehalem", true, false, "OPENBLAS_CORETYPE=Haswell")]
    public void Kernels_older_than_the_processor_are_told_of_with_the_remedy(string kernels, bool avx2, bool avx512, string remedy) =>
        OpenBlas.AdviceFor(kernels, avx2, avx512)!.ShouldEndWith(remedy);

    [Theory]
    [InlineData("SkylakeX", true, true)]
    [InlineData("Haswell", true, true)]
    [InlineData("Zen", true, false)]
    [InlineData("Prescott", false, false)]
    [InlineData(null, true, true)]
    public void Kernels_that_fit_the_processor_need_no_advice(string? kernels, bool avx2, bool avx512) =>
        OpenBlas.AdviceFor(kernels, avx2, avx512).ShouldBeNull();

    [Fact]
    public async Task The_scripts_of_infra_choose_kernels_by_instruction_set()
    {
        if (!Avx2.IsSupported || !File.Exists("/proc/cpuinfo"))
            Assert.Skip("no processor with AVX2, or not Linux");
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "infra", "environment.sh")))
            root = Path.GetDirectoryName(root)!;

        (await ChosenAsync(root, "unset OPENBLAS_CORETYPE")).ShouldBe(Avx512F.VL.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported ? "SkylakeX" : "Haswell");
        (await ChosenAsync(root, "export OPENBLAS_CORETYPE=Zen")).ShouldBe("Zen");
    }

    private static async Task<string> ChosenAsync(string root, string before)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, WorkingDirectory = root };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{before}; . infra/environment.sh; printf %s \"$OPENBLAS_CORETYPE\"");
        using var bash = Process.Start(start)!;
        return await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void The_kernels_that_were_asked_for_are_the_ones_in_use()
    {
        if (Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") is not { Length: > 0 } chosen || OpenBlas.Kernels is not { } kernels || !Avx2.IsSupported)
        {
            Assert.Skip("not started by infra/test.sh, no OpenBLAS, or a processor without AVX2");
            return;
        }

        kernels.ShouldBe(chosen, StringCompareShould.IgnoreCase);
        OpenBlas.Advice.ShouldBeNull();
        TorchRuntime.Describe().ShouldContain($"OpenBLAS kernels {kernels}");
    }
}
