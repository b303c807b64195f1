namespace ToolR0.Contracts.Tests;

public sealed class StreamLayoutTests
{
    [Theory]
    [InlineData("group/r/1/solver/2/3/4", GroupKind.Solver)]
    [InlineData("group/r/0/evaluation/0/3/2", GroupKind.Evaluation)]
    public void The_key_of_a_group_says_how_many_turns_it_may_take(string text, GroupKind kind)
    {
        var key = StreamKey.Parse(text);
        key.Group.ShouldBe(kind);
        key.Turns.ShouldBe(text[^1] - '0');
        key.ToString().ShouldBe(text);
        key.WithNumber(9).Turns.ShouldBe(key.Turns);
        StreamKey.OfGroup("r", 1, GroupKind.Solver, 2, 3).Turns.ShouldBe(1);
        StreamKey.TryParse("group/r/1/solver/2/3/1", out _).ShouldBeFalse();
        StreamKey.Parse("task/r/1/7/3").ShouldBe(StreamKey.OfTask("r", 1, 7, 3));
    }

    [Fact]
    public void Turns_stand_between_the_attempt_and_its_scores()
    {
        var group = StreamKey.OfGroup("r", 1, GroupKind.Solver, 0, 0, turns: 3).ToString();
        StreamLayout.Of(StreamKey.Parse(group)).ShouldBe(
        [
            typeof(TaskAttempted), typeof(ToolCallsExecuted), typeof(TurnTaken), typeof(ToolCallsExecuted), typeof(TurnTaken),
            typeof(ToolCallsExecuted), typeof(AttemptsScored),
        ]);
        StreamLayout.Turn(group, 2).ShouldBe((new StreamPlace(group, 2), new StreamPlace(group, 3)));
        StreamLayout.LastTurn(group).Version.ShouldBe(5);
        StreamLayout.PlaceOf<ToolCallsExecuted>(group).Version.ShouldBe(6);
        StreamLayout.PlaceOf<AttemptsScored>(group).Version.ShouldBe(7);
        StreamLayout.PlaceOf<ReferenceMeasured>(group).Version.ShouldBe(8);

        var candidate = StreamKey.OfTask("r", 1, 0, turns: 2).ToString();
        StreamLayout.PlaceOf<ToolCallsExecuted>(candidate).Version.ShouldBe(2);
        StreamLayout.OfTask(candidate).Version.ShouldBe(2);
        StreamLayout.Turn(candidate, 2).ShouldBe((new StreamPlace(candidate, 5), new StreamPlace(candidate, 6)));
        StreamLayout.PlaceOf<CandidateRated>(candidate).Version.ShouldBe(7);
        StreamLayout.LastTurn(StreamKey.OfGroup("r", 1, GroupKind.Probe, 0, 0).ToString()).Version.ShouldBe(1);
    }
}
