#!/usr/bin/env bash
# Every test, against real servers: installs what is missing, builds, starts a private PostgreSQL and a private RabbitMQ, runs all test projects.
# Ends with "N passed, N failed" counted from the results files; exit code 1 if any test failed or a project ran none.
# Arguments: names of test projects (default: all), e.g. infra/test.sh ToolR0.SelfPlay.Tests
#   --fast   without ToolR0.System.Tests and without tests of category System or Slow: for every save
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/environment.sh"
cd "$root"

fast=0 filters=()
if [ "${1:-}" = --fast ]; then
  fast=1
  filters=(-trait- Category=System -trait- Category=Slow)
  shift
fi

export TOOLR0_HOME="$root/.toolr0/test"
export TOOLR0_POSTGRES_OPTIONS="${TOOLR0_POSTGRES_OPTIONS:--c fsync=off}"
results="$TOOLR0_HOME/results"
started=()
passed=0 failed=0 skipped=0
broken=()

finish() {
  for server in "${started[@]}"; do "$here/$server.sh" stop; done
  if [ ${#broken[@]} -gt 0 ]; then
    failed=$((failed + ${#broken[@]}))
    printf 'not run to the end: %s\n' "${broken[@]}" >&2
  fi
  if [ $skipped -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
  [ $failed -eq 0 ] && [ $passed -gt 0 ]
}
give_up() {
  broken+=("$1")
  finish
  exit 1
}

"$here/setup.sh" --stack || give_up "infra/setup.sh"
rm -rf "$results"
mkdir -p "$results"

# Building the solution in Release without test hosts of other configurations keeps one set of outputs for all that follows.
echo "building" >&2
dotnet build ToolR0.Pipeline.sln -c "$configuration" -v quiet --nologo >"$results/build.log" 2>&1 || {
  grep -E 'error|warning' "$results/build.log" | sort -u | head -40 >&2
  give_up "the build"
}

if [ -z "${TOOLR0_TEST_POSTGRES:-}" ]; then
  "$here/postgres.sh" status >/dev/null || started+=(postgres)
  TOOLR0_TEST_POSTGRES=$("$here/postgres.sh" start) || give_up "infra/postgres.sh"
fi
if [ $fast = 0 ] && [ -z "${TOOLR0_TEST_RABBITMQ:-}" ]; then
  "$here/rabbitmq.sh" status >/dev/null || started+=(rabbitmq)
  TOOLR0_TEST_RABBITMQ=$("$here/rabbitmq.sh" start) || give_up "infra/rabbitmq.sh"
fi
export TOOLR0_TEST_POSTGRES
[ -z "${TOOLR0_TEST_RABBITMQ:-}" ] || export TOOLR0_TEST_RABBITMQ
unset TOOLR0_POSTGRES TOOLR0_RABBITMQ TOOLR0_BUS

# Reads one attribute of the <Counters .../> element of a results file.
counter() { sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -1; }

run_project() {
  local name=$1 dll="tests/$1/bin/$configuration/net10.0/$1.dll" begun=$SECONDS code total p f s executed
  timeout 1500 dotnet "$dll" -noLogo -noColor -reporter quiet "${filters[@]}" -result-trx "$results/$name.trx" >"$results/$name.log" 2>&1 </dev/null
  code=$?
  p=0 f=0 s=0
  if [ -s "$results/$name.trx" ]; then
    total=$(counter "$results/$name.trx" total)
    p=$(counter "$results/$name.trx" passed)
    executed=$(counter "$results/$name.trx" executed)
    s=$((${total:-0} - ${executed:-0}))
    f=$((${executed:-0} - ${p:-0}))
  fi
  printf '%-36s %4d passed %3d failed %3d skipped  %4d s\n' "$name" "${p:-0}" "$f" "$s" $((SECONDS - begun))
  if [ $code -ne 0 ] || [ $f -gt 0 ]; then grep -v SKIP "$results/$name.log" | head -120; fi
  echo "${p:-0} $f $s $code" >"$results/$name.counts"
}

names=()
for project in tests/*.Tests; do
  name=$(basename "$project")
  if [ $# -gt 0 ]; then
    case " $* " in *" $name "*) ;; *) continue ;; esac
  fi
  if [ $fast = 1 ] && [ "$name" = ToolR0.System.Tests ]; then continue; fi
  names+=("$name")
done
# The fast tests of two projects side by side; the whole suite one project after the other, since its system tests measure time and take the machine.
if [ $fast = 1 ]; then
  for name in "${names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    run_project "$name" &
  done
  wait
else
  for name in "${names[@]}"; do run_project "$name"; done
fi
for name in "${names[@]}"; do
  p=0 f=0 s=0 code=1
  [ ! -s "$results/$name.counts" ] || read -r p f s code <"$results/$name.counts"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then broken+=("$name (exit code $code; $results/$name.log)"); fi
  if [ "$code" -eq 0 ] && [ "$p" -eq 0 ]; then broken+=("$name ran no test"); fi
done

finish
