#!/usr/bin/env bash
# The comparison of docs/performance.md: toolr0 bench and an equivalent PyTorch program, one after the other and again, on the same libtorch and
# threads. Prints every measurement and the medians. Needs Debian's python3-torch; REPEATS (3), THREADS (2), PYTHON and RUN (a prefix such as nice) can be set.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../../infra/environment.sh"
python="${PYTHON:-/usr/bin/python3}"
repeats="${REPEATS:-3}"
threads="${THREADS:-2}"
results="$(mktemp)"
trap 'rm -f "$results"' EXIT

ours() { # name, arguments of toolr0 bench
  local name="$1"; shift
  ${RUN:-} dotnet "$toolr0_dll" bench --json --repeat 1 "$@" \
    | "$python" -c "import json,sys; r=json.load(sys.stdin); x=(r['rollouts'] or r['steps'])[0]; print('$name', 'toolr0', round(x['tokensPerSecond']))" | tee -a "$results"
}

plain() { # name, arguments of pytorch_loop.py
  local name="$1"; shift
  ${RUN:-} "$python" "$here/pytorch_loop.py" --repeat 1 "$@" \
    | "$python" -c "import json,sys; r=json.load(sys.stdin); print('$name', 'pytorch', round(r['tokensPerSecond']))" | tee -a "$results"
}

for ((i = 0; i < repeats; i++)); do
  ours rollouts-groups-of-8 --only rollouts --group 8 --threads "$threads"
  plain rollouts-groups-of-8 --group 8 --threads "$threads"
  ours rollouts-all-different --only rollouts --group 1 --threads "$threads"
  plain rollouts-all-different --group 1 --threads "$threads"
  ours step-groups-of-8 --only step --group 8 --threads "$threads"
  plain step-groups-of-8 --work step --group 8 --threads "$threads"
  ours nano-rollouts --only rollouts --shape nano --group 8 --prompt 96 --new 64 --threads 1
  plain nano-rollouts --shape nano --group 8 --prompt 96 --new 64 --threads 1
done

"$python" - "$results" <<'EOF'
import statistics
import sys
found = {}
for line in open(sys.argv[1]):
    name, program, rate = line.split()
    found.setdefault(name, {}).setdefault(program, []).append(int(rate))
print("\nmedians, completion tokens/s")
for name, by in found.items():
    ours, plain = statistics.median(by["toolr0"]), statistics.median(by["pytorch"])
    print(f"{name:24} toolr0 {ours:7.0f}   pytorch {plain:7.0f}   {ours / plain:.2f}x")
EOF
