#!/usr/bin/env bash
# Everything that needs a GPU, in one go. The GPU machine needs no .NET: it runs a self-contained build.
#
#   infra/gpu-check.sh pack FILE.tar.gz     where the .NET SDK is: publishes the command and the tests without libtorch, with this script
#   gpu-check.sh run [OUTPUT]               in the unpacked folder on the GPU machine: puts that machine's PyTorch (CUDA) on the loader's path, runs
#                                           the device tests and the benchmark points, compares with transformers; results in OUTPUT (gpu-check-results)
#
# `run` needs Linux x64, nvidia-smi, and Python with a CUDA build of the PyTorch that TorchSharp was built against (2.10; others may load); with transformers
# too for the comparison. PYTHON names the interpreter.
# Exit code 0: every device test passed and every point reached its mark.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

pack() {
  local target="$1" root
  root="$(cd "$here/.." && pwd)"
  stage="$(mktemp -d)"
  trap 'rm -rf "$stage"' EXIT
  local publish=(-c Release -r linux-x64 --self-contained true -p:TorchBackend=cpu -p:PublishDocumentationFiles=false -p:RunAnalyzers=false -v quiet --nologo)
  echo "gpu-check: publishing" >&2
  # Into one folder, so that .NET is in it once.
  dotnet publish "$root/tests/ToolR0.Policies.Tests" "${publish[@]}" -o "$stage/gpu-check/app" >&2
  dotnet publish "$root/src/ToolR0.Cli" "${publish[@]}" -o "$stage/gpu-check/app" >&2
  cp "$root/infra/gpu-check.sh" "$root/docs/benchmarks/transformers_generate.py" "$stage/gpu-check/"
  # libtorch is the GPU machine's own; libLibTorchSharp.so stays. The rest is for measuring coverage.
  rm -rf "$stage/gpu-check/app"/{libtorch*.so,libc10*.so,libshm.so,libgomp-*,Microsoft.CodeCoverage}
  tar -C "$stage" -czf "$target" gpu-check
  echo "gpu-check: $target ($(du -h "$target" | cut -f1)). On the GPU machine: tar xzf $(basename "$target") && gpu-check/gpu-check.sh run" >&2
}

run() {
  local out python torch failed=0
  mkdir -p "${1:-gpu-check-results}"
  out="$(cd "${1:-gpu-check-results}" && pwd)"
  python="${PYTHON:-python3}"
  torch="${LIBTORCH:-$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')}"
  "$python" -c 'import torch; print("PyTorch", torch.__version__)' 2>/dev/null | tee "$out/pytorch.txt" || true
  # The libraries of CUDA that a PyTorch wheel brings lie in packages beside it.
  local nvidia
  nvidia="$(find "$(dirname "$torch")/nvidia" -maxdepth 4 -name lib -type d 2>/dev/null | paste -sd: || true)"
  export LD_LIBRARY_PATH="$torch/lib:${nvidia:+$nvidia:}${LD_LIBRARY_PATH:-}"
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv | tee "$out/gpu.txt" || echo "no nvidia-smi" >"$out/gpu.txt"
  "$here/app/toolr0" doctor >"$out/doctor.txt" 2>&1 || true
  grep libtorch "$out/doctor.txt" || { cat "$out/doctor.txt"; exit 1; }
  if grep -q 'CPU only' "$out/doctor.txt"; then
    echo "gpu-check: libtorch in $torch sees no CUDA device: see \"If the GPU is not seen\" in docs/gpu.md" >&2
    exit 1
  fi

  echo "== device tests"
  "$here/app/ToolR0.Policies.Tests" -class ToolR0.Policies.Tests.DeviceTests | tee "$out/tests.txt" || failed=1
  grep -qE 'Total: [1-9].* Skipped: 0,' "$out/tests.txt" || { echo "FAILED: device tests were skipped: no GPU is visible to the process"; failed=1; }

  echo "== rollouts: Qwen2.5-1.5B shape, bf16, batch 128, prompt 512, 256 new tokens"
  local group
  for group in 1 8; do
    "$here/app/toolr0" bench --json --shape qwen2.5-1.5b --only rollouts --batch 128 --group "$group" --prompt 512 --new 256 --repeat 3 \
      >"$out/rollouts-group-$group.json" || failed=1
  done

  echo "== one GRPO step: 32 x 1024 tokens"
  (while :; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits; sleep 0.2; done) >"$out/step-memory-mib.txt" 2>/dev/null &
  local watcher=$!
  "$here/app/toolr0" bench --json --shape qwen2.5-1.5b --only step --batch 32 --group 8 --prompt 512 --new 512 --micro-batch 16384 --recompute --repeat 3 \
    >"$out/step.json" || failed=1
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true

  echo "== transformers generate"
  "$python" "$here/transformers_generate.py" >"$out/transformers.json" || echo "the comparison with transformers did not run"
  "$python" - "$out" <<'EOF' || failed=1
import json, os, sys
out = sys.argv[1]
def load(name):
    try:
        return json.load(open(os.path.join(out, name)))
    except (OSError, ValueError):
        return None
marks = []
def mark(what, value, reached):
    marks.append(reached)
    print(f"{'ok    ' if reached else 'MISSED'}  {what}: {value}")
generate = load("transformers.json")
for group in (1, 8):
    made = load(f"rollouts-group-{group}.json")
    if made is None:
        mark(f"rollouts, groups of {group}", "did not run", False)
        continue
    r = made["rollouts"][0]
    share = r["tokensPerSecond"] / r["memoryRoofline"]
    mark(f"rollouts, groups of {group}, of the memory roofline (40 %)", f"{100 * share:.0f} % ({r['tokensPerSecond']:.0f} tokens/s)", share >= 0.4)
    if generate:
        times = r["tokensPerSecond"] / generate["tokensPerSecond"]
        mark(f"rollouts, groups of {group}, over transformers generate (5x)", f"{times:.1f}x of {generate['tokensPerSecond']:.0f} tokens/s", times >= 5)
if generate is None:
    mark("comparison with transformers", "did not run", False)
step = load("step.json")
if step is None:
    mark("GRPO step", "did not run", False)
else:
    s = step["steps"][0]
    mark("GRPO step, MFU (35 %)", f"{100 * s['utilisation']:.0f} % ({s['tokensPerSecond']:.0f} tokens/s)", s["utilisation"] >= 0.35)
    used = [int(line) for line in open(os.path.join(out, "step-memory-mib.txt")) if line.strip().isdigit()]
    # The process keeps the policy it started from beside the learner, and the allocator keeps what it freed: an upper bound.
    peak = max(used, default=0) * 2**20 / 1e9
    mark("GRPO step, peak device memory (60 GB)", f"{peak:.1f} GB", 0 < peak < 60)
sys.exit(0 if all(marks) else 1)
EOF
  echo "results: $out"
  return "$failed"
}

case "${1:-}" in
  pack) [[ $# -eq 2 ]] || usage; pack "$2" ;;
  run) shift; run "$@" ;;
  *) usage ;;
esac
