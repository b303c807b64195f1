namespace ToolR0.Contracts.Tests;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("\"a\\ud83d\"", "\"a\\ufffd\"")]
    [InlineData("\"\\uDE00\\ud83d\"", "\"\\ufffd\\ufffd\"")]
    [InlineData("\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"")]
    [InlineData("\"\\\\ud83d\"", "\"\\\\ud83d\"")] // a backslash and letters
    [InlineData("\"\\\\\\ud83d\"", "\"\\\\\\ufffd\"")]
    [InlineData("\"\\ud83d\\n\"", "\"\\ufffd\\n\"")]
    [InlineData("{\"\\udfff\":1}", "{\"\\ufffd\":1}")]
    [InlineData("\"\ud83d\ude00 \\u0041\"", "\"\ud83d\ude00 \\u0041\"")]
    [InlineData("\"\\ud8", "\"\\ud8")]
    [InlineData("", "")]
    public void Half_a_surrogate_pair_becomes_the_replacement_character(string json, string mended) =>
        JsonText.WithoutLoneSurrogates(json).ShouldBe(mended);

    [Fact]
    public void So_does_one_that_is_written_as_it_is()
    {
        var (high, low) = ('\ud83d', '\ude00');
        JsonText.WithoutLoneSurrogates($"{high}x{low}{high}\\ud83d{low}{high}{low}").ShouldBe($"\ufffdx\ufffd\ufffd\\ufffd\ufffd{high}{low}");
    }
}
