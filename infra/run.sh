#!/usr/bin/env bash
# One command from a fresh clone to a self-play run: installs what is missing, builds, starts a private PostgreSQL, plays, reports.
# Arguments are those of `toolr0 run` (infra/run.sh --help lists them).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/environment.sh"

"$here/setup.sh"
echo "building" >&2
build_toolr0
exec "$here/toolr0" run "$@"
