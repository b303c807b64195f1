#!/usr/bin/env bash
# Every test, against real servers: installs what is missing, builds, starts a private PostgreSQL and a private RabbitMQ, runs all test projects.
# Ends with "N passed, N failed" counted from the results files; exit code 1 if any test failed or a project ran none.
# Arguments: names of test projects (default: all), e.g. infra/test.sh ToolR0.SelfPlay.Tests
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/environment.sh"
cd "$root"

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
if [ -z "${TOOLR0_TEST_RABBITMQ:-}" ]; then
  "$here/rabbitmq.sh" status >/dev/null || started+=(rabbitmq)
  TOOLR0_TEST_RABBITMQ=$("$here/rabbitmq.sh" start) || give_up "infra/rabbitmq.sh"
fi
export TOOLR0_TEST_POSTGRES TOOLR0_TEST_RABBITMQ
unset TOOLR0_POSTGRES TOOLR0_RABBITMQ TOOLR0_BUS

# Reads one attribute of the <Counters .../> element of a results file.
counter() { sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -1; }

for project in tests/*.Tests; do
  name=$(basename "$project")
  if [ $# -gt 0 ]; then
    case " $* " in *" $name "*) ;; *) continue ;; esac
  fi
  begun=$SECONDS
  timeout 1500 dotnet test "$project" -c "$configuration" --no-build --nologo \
    --logger "trx;LogFileName=$results/$name.trx" >"$results/$name.log" 2>&1 </dev/null
  code=$?
  p=0 f=0 s=0
  if [ -s "$results/$name.trx" ]; then
    total=$(counter "$results/$name.trx" total)
    p=$(counter "$results/$name.trx" passed)
    executed=$(counter "$results/$name.trx" executed)
    s=$((${total:-0} - ${executed:-0}))
    f=$((${executed:-0} - ${p:-0}))
  fi
  passed=$((passed + ${p:-0})) failed=$((failed + f)) skipped=$((skipped + s))
  printf '%-36s %4d passed %3d failed %3d skipped  %4d s\n' "$name" "${p:-0}" "$f" "$s" $((SECONDS - begun))
  if [ $code -ne 0 ] || [ $f -gt 0 ]; then
    sed -n '/\[FAIL\]\|error\|Failed /,+12p' "$results/$name.log" | head -120
  fi
  if [ $code -ne 0 ] && [ $f -eq 0 ]; then broken+=("$name (exit code $code; $results/$name.log)"); fi
  if [ $code -eq 0 ] && [ "${p:-0}" -eq 0 ]; then broken+=("$name ran no test"); fi
done

finish
