# Sourced by the scripts that start toolr0: where things are, and the settings that decide speed on a small machine.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export TOOLR0_HOME="${TOOLR0_HOME:-$root/.toolr0}"
configuration="${TOOLR0_CONFIGURATION:-Release}"
toolr0_dll="$root/src/ToolR0.Cli/bin/$configuration/net10.0/toolr0.dll"

# Waiting threads sleep instead of spinning: with as many workers as cores, a spinning one takes the time of one that computes.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
# Tensors of a few megabytes come and go at every step: keep that memory instead of returning it to the system and faulting it in again.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-268435456}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-1073741824}"
export MALLOC_TOP_PAD_="${MALLOC_TOP_PAD_:-67108864}"
export DOTNET_TieredPGO="${DOTNET_TieredPGO:-0}"
export DOTNET_gcServer="${DOTNET_gcServer:-0}"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# Builds the command and what it needs; says nothing unless it fails.
build_toolr0() {
  local log
  log=$(mktemp)
  if ! dotnet build "$root/src/ToolR0.Cli" -c "$configuration" -v quiet --nologo >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "the build failed" >&2
    return 1
  fi
  rm -f "$log"
}
