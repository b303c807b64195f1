namespace ToolR0.EventStore.Tests;

public sealed class FactTypesTests
{
    [Fact]
    public void Stored_names_never_change() => FactTypes.All.Select(FactTypes.NameOf).Order(StringComparer.Ordinal).ShouldBe(
    [
        "attempts_scored", "benchmark_answered", "benchmark_completed", "curriculum_selected", "evaluation_completed", "held_out_registered", "iteration_started", "phase_started",
        "policy_updated", "proposals_scored", "run_cancelled", "run_completed", "run_failed", "run_paused", "run_resumed", "run_started",
        "step_completed", "step_started", "task_attempted", "task_rejected", "task_selected", "tasks_proposed", "tool_calls_executed",
    ]);

    [Fact]
    public void An_event_of_a_newer_version_is_told_by_name_and_place() =>
        Should.Throw<EventStoreException>(() => FactTypes.Read("task_invented", "{}"u8.ToArray(), 7)).Message
            .ShouldBe("event 7 is a 'task_invented', which this version of ToolR0 does not know");

    [Fact]
    public void Data_that_can_not_be_read_are_told_by_place() =>
        Should.Throw<EventStoreException>(() => FactTypes.Read("run_paused", "[]"u8.ToArray(), 8)).Message.ShouldStartWith("event 8 (run_paused) can not be read");
}
