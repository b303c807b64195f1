using ToolR0.TinyWorld;

namespace ToolR0.Evaluation.Tests;

public sealed class HeldOutLinesTests
{
    [Fact]
    public void What_is_written_is_read_again()
    {
        var text = HeldOutLines.Write(HeldOut.Make(HeldOut.Unseen, 50, 1));
        text.Split('\n').Length.ShouldBe(51);
        HeldOutLines.Write(HeldOutLines.Read(text, "a file")).ShouldBe(text);
    }

    [Theory]
    [InlineData("", "f: no items: must hold at least one")]
    [InlineData("\n{}", "f, line 2: not a held-out item: ")]
    [InlineData("""{"id":"a","class":"c","task":{"question":"q","menu":[],"gold":[]}}""",
        "f, line 1: the menu is empty: must offer at least one tool")]
    [InlineData("""{"id":"a","class":"c","colour":1,"task":{"question":"q","menu":[],"gold":[]}}""", "f, line 1: not a held-out item: ")]
    public void A_bad_line_is_refused_by_number_and_rule(string text, string message) =>
        Should.Throw<InvalidDataException>(() => HeldOutLines.Read(text, "f")).Message.ShouldStartWith(message);

    [Fact]
    public void An_id_that_occurs_twice_and_a_stray_gold_call_are_refused()
    {
        var line = HeldOutLines.Write(HeldOut.Make(HeldOut.Seen, 1, 1));
        Should.Throw<InvalidDataException>(() =>
            HeldOutLines.Read(line + line, "f")).Message.ShouldBe("f, line 2: id 'seen-0001' occurs before: ids must be unique");
        var item = HeldOut.Make(HeldOut.Seen, 1, 1)[0];
        var stray = item with { Task = item.Task with { Gold = [item.Task.Gold[0] with { Name = "no_such" }] } };
        Should.Throw<InvalidDataException>(() =>
            HeldOutLines.Read(HeldOutLines.Write([stray]), "f")).Message.ShouldBe("f, line 1: gold call 'no_such' is not on the menu");
    }
}
