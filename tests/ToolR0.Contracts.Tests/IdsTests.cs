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
        Ids.Shard("r1", 2, Phase.Evaluation, 0, Stage.Attempt, 7).ShouldBe("shard/r1/2/evaluation/0/attempt/7");
    }

    [Fact]
    public void Every_role_and_phase_has_a_lower_case_name_of_its_own()
    {
        Enum.GetValues<Phase>().Select(p => p.WireName()).ShouldBe(["generator", "curriculum", "solver", "evaluation"]);
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
