#!/usr/bin/env bash
# A private PostgreSQL server for one home folder: own data, own port, own password; nothing of the machine's is touched.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/private-server.sh"

usage() {
  cat <<'USAGE'
usage: infra/postgres.sh start|stop|status|url [--home DIR]
  start   start the server (makes it on first use) and print its connection string
  stop    stop it; the data stay
  status  print "running" with the connection string, or "stopped" (exit code 3)
  url     print the connection string of the running server
The home folder is --home, else $TOOLR0_HOME, else .toolr0; the server lives in its folder postgres.
TOOLR0_POSTGRES_OPTIONS adds server options to start, e.g. "-c fsync=off" for tests.
USAGE
}

parse_arguments "$@"

# The tools: Debian keeps them off the PATH, newest major version last.
tools=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$tools" ] && [ -x "$tools/initdb" ] || tools=$(dirname "$(command -v initdb || echo /none/initdb)")
if [ ! -x "$tools/initdb" ]; then
  fail "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin and the PATH); infra/setup.sh installs it"
fi

here="$home/postgres" # what the caller's user owns: where the server is, its password
user=toolr0
database=toolr0

# PostgreSQL refuses to run as root: root runs it as the user postgres, whose data folder then must be one that user can reach.
as_server() { "$@"; }
owner=""
if [ "$(id -u)" -eq 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || fail "running as root, and there is no user 'postgres' to run PostgreSQL as"
  as_server() { setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups -- "$@"; }
fi

# Prints the server's folder: under the home folder where the server's user can reach it, else under /var/lib/toolr0.
choose_folder() {
  if [ -z "$owner" ] || as_server test -x "$here"; then
    echo "$here/server"
  else
    echo "/var/lib/toolr0/$(printf %s "$home" | sha256sum | cut -c1-16)/postgres"
  fi
}

locate() {
  folder=$(cat "$here/folder" 2>/dev/null) || folder=""
  data="$folder/data"
  port=$(cat "$here/port" 2>/dev/null) || port=""
}

# The process id of this folder's server, if one runs. A pid file left by a crash names a process that is something else by now.
server_pid() {
  local pid
  [ -n "$folder" ] && pid=$(head -1 "$data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(realpath -- "$data")" ] || return 1
  echo "$pid"
}

connection_string() {
  echo "Host=127.0.0.1;Port=$port;Database=$database;Username=$user;Password=$(cat "$here/password")"
}

create() {
  folder=$(choose_folder)
  data="$folder/data"
  mkdir -p "$folder" || fail "cannot create $folder"
  [ -z "$owner" ] || chown "$owner" "$folder"
  chmod 700 "$folder"
  [ ! -e "$data" ] || fail "$data exists but $here/folder does not name it; remove one of them"
  (umask 077 && random_secret >"$here/password")
  (umask 077 && cp "$here/password" "$folder/password")
  [ -z "$owner" ] || chown "$owner" "$folder/password"
  (cd "$folder" && as_server "$tools/initdb" --pgdata="$data" --username="$user" --pwfile="$folder/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync --no-instructions </dev/null >"$here/initdb.log" 2>&1) ||
    {
      rm -rf "$data"
      fail "initdb failed: $(tail -1 "$here/initdb.log") (all of it: $here/initdb.log)"
    }
  rm -f "$folder/password"
  echo "$folder" >"$here/folder"
}

start() {
  mkdir -p "$here" 2>/dev/null || fail "cannot create $here"
  exec 9>"$here/lock"
  flock -w 120 9 || fail "another start or stop of $here takes longer than 120 s"
  locate
  if server_pid >/dev/null; then
    connection_string
    return
  fi
  if [ -z "$folder" ] || [ ! -d "$data" ]; then
    rm -f "$here/folder"
    create
  fi
  rm -f "$data/postmaster.pid" "$folder"/.s.PGSQL.* # left by a crash: nobody runs on these data (checked above)

  local try log="$folder/server.log"
  for try in 1 2 3 4 5; do
    if [ -z "$port" ] || listens "$port"; then
      port=$(free_port) || fail "no free port between 20000 and 32000"
    fi
    local socket="$folder"
    [ ${#socket} -le 80 ] || socket="" # the system's limit on socket paths
    local options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='$socket' -c max_connections=200
      -c shared_buffers=128MB -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=2GB -c checkpoint_timeout=15min -c jit=off -c lc_messages=C
      -c max_parallel_workers_per_gather=0 -c timezone=UTC ${TOOLR0_POSTGRES_OPTIONS:-}"
    if (cd "$folder" && as_server "$tools/pg_ctl" start --pgdata="$data" --log="$log" --timeout=60 --silent --options="$(echo $options)" \
      </dev/null >/dev/null 2>"$here/pg_ctl.log" 9>&-); then
      echo "$port" >"$here/port"
      PGPASSWORD=$(cat "$here/password") "$tools/psql" -qXAt -h 127.0.0.1 -p "$port" -U "$user" -d postgres \
        -c "select 1 from pg_database where datname = '$database'" 2>/dev/null | grep -q 1 ||
        PGPASSWORD=$(cat "$here/password") "$tools/createdb" -h 127.0.0.1 -p "$port" -U "$user" "$database" ||
        fail "the server runs but database '$database' cannot be created; see $log"
      connection_string
      return
    fi
    grep -q "could not bind" <(tail -20 "$log" 2>/dev/null) || break
    port=""
  done
  fail "PostgreSQL did not start: $(grep -E 'FATAL|ERROR|PANIC' "$log" 2>/dev/null | tail -1 | sed 's/^[^A-Z]*//' || true) (log: $log)"
}

stop() {
  [ -d "$here" ] || return 0
  exec 9>"$here/lock"
  flock -w 120 9 || fail "another start or stop of $here takes longer than 120 s"
  locate
  server_pid >/dev/null || return 0
  (cd "$folder" && as_server "$tools/pg_ctl" stop --pgdata="$data" --mode=fast --timeout=60 --silent >/dev/null 2>&1) ||
    fail "PostgreSQL in $data did not stop within 60 s"
}

case "$action" in
  start) start ;;
  stop) stop ;;
  status)
    locate
    if server_pid >/dev/null; then echo "running  $(connection_string)"; else
      echo stopped
      exit 3
    fi
    ;;
  url)
    locate
    server_pid >/dev/null || fail "no server runs for $home (infra/postgres.sh start)"
    connection_string
    ;;
esac
