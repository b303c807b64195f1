namespace ToolR0.Contracts.Tests;

/// <summary>Golden values: every stored run and every seed depends on them. A change here makes old runs unreadable or not repeatable.</summary>
public sealed class IdsTests
{
    [Fact]
    public void Stream_keys_are_what_stored_runs_have()
    {
        Ids.RunStream("r1").ShouldBe("run/r1");
        Ids.GroupStream("r1", 2, Phase.Generator.WireName(), 3, 4).ShouldBe("group/r1/2/generator/3/4");
        Ids.GroupStream("r1", 2, "probe", 3, 17).ShouldBe("group/r1/2/probe/3/17");
        Ids.TaskStream("r1", 2, 99).ShouldBe("task/r1/2/99");
        Ids.PolicyStream("r1", 2, Role.Solver, 5).ShouldBe("policy/r1/2/solver/5");
        Ids.HeldOutStream("ab12").ShouldBe("heldout/ab12");
        Ids.ToolsStream("ab12").ShouldBe("tools/ab12");
        Ids.Shard("r1", 2, Phase.Evaluation, 0, Stage.Attempt, 7).ShouldBe("shard/r1/2/evaluation/0/attempt/7");
    }

    [Theory]
    [InlineData("run/r1", StreamKind.Run)]
    [InlineData("group/r1/2/label/3/17", StreamKind.Group)]
    [InlineData("task/r1/2/99", StreamKind.Task)]
    [InlineData("policy/r1/2/solver/5", StreamKind.Policy)]
    [InlineData("heldout/ab12", StreamKind.HeldOut)]
    [InlineData("benchmark/ab12/cd34", StreamKind.Benchmark)]
    [InlineData("tools/ab12", StreamKind.Tools)]
    public void A_key_is_read_as_it_was_written(string key, StreamKind kind)
    {
        StreamKey.Parse(key).Kind.ShouldBe(kind);
        StreamKey.Parse(key).ToString().ShouldBe(key);
        StreamKey.IsOf(key, kind).ShouldBeTrue();
    }

    [Theory]
    [InlineData("")]
    [InlineData("run")]
    [InlineData("task/r1/2")]
    [InlineData("task/r1/2/-1")]
    [InlineData("group/r1/2/nothing/3/17")]
    [InlineData("group/r1/2/Label/3/17")]
    [InlineData("policy/r1/2/2/5")]
    public void What_is_not_a_key_is_refused(string text)
    {
        StreamKey.TryParse(text, out _).ShouldBeFalse();
        Should.Throw<FormatException>(() => StreamKey.Parse(text)).Message.ShouldContain($"'{text}'");
    }

    [Fact]
    public void Each_fact_of_a_stream_has_its_place()
    {
        StreamLayout.PlaceOf<TasksProposed>("task/r1/2/9").Version.ShouldBe(1);
        StreamLayout.PlaceOf<ToolCallsExecuted>("task/r1/2/9").Version.ShouldBe(2);
        StreamLayout.PlaceOf<CandidateFiltered>("task/r1/2/9").Version.ShouldBe(3);
        StreamLayout.PlaceOf<TaskAttempted>("task/r1/2/9").Version.ShouldBe(4);
        StreamLayout.PlaceOf<CandidateRated>("task/r1/2/9").Version.ShouldBe(5);
        StreamLayout.Outcome("task/r1/2/9", verified: false).Version.ShouldBe(4);
        StreamLayout.Outcome("task/r1/2/9", verified: true).Version.ShouldBe(6);
        StreamLayout.PlaceOf<TaskAttempted>("group/r1/2/solver/3/1").Version.ShouldBe(1);
        StreamLayout.PlaceOf<CandidateLabelled>("group/r1/2/label/3/1").Version.ShouldBe(2);
        StreamLayout.Last("group/r1/2/generator/3/1").Version.ShouldBe(3);
        StreamLayout.PlaceOf<ReferenceMeasured>("group/r1/2/generator/3/1").Version.ShouldBe(4);
        StreamLayout.PlaceOf<ReferenceMeasured>("group/r1/2/solver/3/1").Version.ShouldBe(4);
        Should.Throw<ArgumentException>(() => StreamLayout.PlaceOf<ReferenceMeasured>("group/r1/2/evaluation/3/1"));
        Should.Throw<ArgumentException>(() => StreamLayout.PlaceOf<PolicyUpdated>("task/r1/2/9"));
        Should.Throw<ArgumentException>(() => StreamLayout.Last("run/r1"));
    }

    [Fact]
    public void Every_role_and_phase_has_a_lower_case_name_of_its_own()
    {
        Enum.GetValues<Phase>().Select(p => p.WireName()).ShouldBe(
            ["generator", "curriculum", "solver", "evaluation", "warmproposals", "warmgenerator", "warmattempts", "warmsolver"]);
        Enum.GetValues<Role>().Select(r => r.WireName()).ShouldBe(["generator", "solver"]);
        Should.Throw<ArgumentOutOfRangeException>(() => ((Phase)99).WireName());
    }

    [Fact]
    public void Seeds_are_golden()
    {
        Seeds.Derive(1, "a").ShouldBe(Golden.DeriveOneA);
        Seeds.Completion(1, 1, "generator", 0, 0, 0).ShouldBe(Golden.First);
        Seeds.Completion(-7, 3, "solver", 12, 345, 6).ShouldBe(Golden.Other);
    }

    [Fact]
    public void No_two_completions_of_a_run_share_a_seed_and_none_is_negative()
    {
        var seeds = new HashSet<long>();
        var count = 0;
        foreach (var kind in new[] { "generator", "probe", "curriculum", "verify", "solver", "evaluation" })
        {
            for (var group = 0; group < 100; group++)
            {
                for (var sample = 0; sample < 10; sample++, count++)
                    seeds.Add(Seeds.Completion(1, 1, kind, 0, group, sample)).ShouldBeTrue();
            }
        }

        seeds.ShouldAllBe(s => s >= 0);
        seeds.Count.ShouldBe(count);
    }

    [Fact]
    public void A_message_id_depends_on_its_text_only()
    {
        Ids.MessageId("shard/r1/1/solver/0/attempt/0").ShouldBe(Ids.MessageId("shard/r1/1/solver/0/attempt/0"));
        Ids.MessageId("a").ShouldNotBe(Ids.MessageId("b"));
        Ids.MessageId("a").ShouldBe(Guid.Parse(Golden.MessageIdOfA));
    }
}
