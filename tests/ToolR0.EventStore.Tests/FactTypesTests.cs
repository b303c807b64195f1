namespace ToolR0.EventStore.Tests;

public sealed class FactTypesTests
{
    [Fact]
    public void Stored_names_never_change() => FactTypes.All.Select(FactTypes.NameOf).Order(StringComparer.Ordinal).ShouldBe(
    [
        "attempts_scored", "benchmark_answered", "benchmark_completed", "calls_begun", "candidate_filtered", "candidate_labelled",
        "candidate_rated", "curriculum_selected", "evaluation_completed", "held_out_registered",
        "iteration_started", "phase_started",
        "policy_updated", "proposals_gated", "proposals_scored", "reference_measured",
        "run_cancelled", "run_completed", "run_failed", "run_paused", "run_resumed", "run_started",
        "step_completed", "step_started", "task_attempted", "task_rejected", "task_selected", "task_varied", "tasks_proposed",
        "tool_calls_executed", "tool_catalogue_registered", "turn_taken", "warm_start_selected",
    ]);
}
