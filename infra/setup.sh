#!/usr/bin/env bash
# Makes this machine ready: installs what is missing from Debian.
# Does nothing, quickly, when everything is there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

usage() {
  cat <<'USAGE'
usage: infra/setup.sh [--stack]
  --stack   also RabbitMQ, which the stack of processes and the tests need
USAGE
}

fail() {
  echo "infra/setup.sh: $*" >&2
  exit 1
}
say() { echo "setup: $*" >&2; }

stack=0
while [ $# -gt 0 ]; do
  case "$1" in
    --stack) stack=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown argument '$1' (use --stack)" ;;
  esac
  shift
done

# --- the .NET SDK, which Debian does not carry -------------------------------------------------------------------
command -v dotnet >/dev/null || fail ".NET SDK 10 is missing; install it from https://dotnet.microsoft.com/download and put 'dotnet' on the PATH"
sdk=$(dotnet --version 2>/dev/null || echo none)
case "$sdk" in
  [1-9][0-9].*) ;;
  *) fail ".NET SDK 10 or newer is needed, found '$sdk'" ;;
esac

# --- Debian packages -----------------------------------------------------------------------------------------------
wanted=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || wanted+=(postgresql)
if [ $stack = 1 ]; then
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || wanted+=(rabbitmq-server)
fi
if [ ${#wanted[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "missing: ${wanted[*]} (Debian's names); there is no apt-get here, so install them by hand"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      fail "not root; install these first: apt-get install --no-install-recommends ${wanted[*]}"
    fi
  fi
  log=$(mktemp)
  say "installing ${wanted[*]}"
  # RUNLEVEL=1: the packages' own services are not started; the servers used here are private ones.
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
    'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' -- "${wanted[@]}" >"$log" 2>&1 </dev/null; then
    fail "apt-get could not install ${wanted[*]}: $(grep -E '^E:' "$log" | tail -1) (log: $log)"
  fi
  rm -f "$log"
fi
