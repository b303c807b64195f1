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
    public void The_scripts_of_infra_choose_kernels_that_fit_this_machine()
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
