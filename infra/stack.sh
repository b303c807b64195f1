#!/usr/bin/env bash
# The stack of docker-compose.yml as plain processes, where there is no Docker engine: a private PostgreSQL and RabbitMQ, and every service its own
# operating-system process, restarted when it dies. A process is the service's own program, as in its container.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/environment.sh"
. "$here/private-server.sh" # free_port

services=(coordinator task-generation solving tool-execution reward-scoring learning)
state="$TOOLR0_HOME/stack"
run="$state/run"
logs="$state/logs"

usage() {
  cat <<USAGE
usage: infra/stack.sh up|down|scale|kill|logs|status
  up [SERVICE=N…]      start servers and services (one of each unless told otherwise); what runs already stays
  down                 stop everything; data stay
  scale SERVICE=N…     run N processes of a service
  kill SERVICE [INDEX] kill -9 one process (index from 1); its supervisor starts it again
  logs [SERVICE]       follow the logs
  status               what runs
Services: ${services[*]}
While the stack is up, infra/toolr0 talks to it: infra/toolr0 start, infra/toolr0 watch, …
USAGE
}

fail() {
  echo "infra/stack.sh: $*" >&2
  exit 1
}

is_service() {
  local service
  for service in "${services[@]}"; do [ "$service" = "$1" ] && return 0; done
  return 1
}

# The program of a service: task-generation -> …/ToolR0.TaskGeneration.dll
program() {
  local name
  name="ToolR0.$(sed -E 's/(^|-)([a-z])/\U\2/g' <<<"$1")"
  echo "$root/src/$name/bin/$configuration/net10.0/$name.dll"
}

# Succeeds when a service's process says that it is ready. Argument: a name like solving.2
ready() {
  local port
  port=$(cat "$run/$1.port" 2>/dev/null) && [ -n "$port" ] && bash "$here/healthy.sh" "$port" 2>/dev/null
}

# Succeeds when the process whose id stands in the file is alive and one of ours.
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && grep -qz "$2" "/proc/$pid/cmdline" 2>/dev/null
}

# Lists the indices of a service that have a supervisor.
indices() {
  local file index
  for file in "$run/$1".*.supervisor; do
    [ -e "$file" ] || continue
    index=${file%.supervisor}
    index=${index##*.}
    alive "$file" _supervise && echo "$index"
  done | sort -n
}

start_one() {
  local name="$1.$2"
  alive "$run/$name.supervisor" _supervise && return 0
  rm -f "$run/$name.down" "$run/$name.restarts"
  setsid bash "$here/stack.sh" _supervise "$1" "$2" </dev/null >>"$logs/$name.log" 2>&1 &
  for _ in $(seq 50); do
    alive "$run/$name.supervisor" _supervise && return 0
    sleep 0.1
  done
  fail "the supervisor of $name did not start"
}

# Asks processes to end, together, and ends those that do not within 20 s. Arguments: names like solving.2
stop_all() {
  local name pid
  for name in "$@"; do
    touch "$run/$name.down"
    if alive "$run/$name.pid" "$(program "${name%.*}")"; then kill -TERM "$(cat "$run/$name.pid")" 2>/dev/null || true; fi
  done
  for name in "$@"; do
    for _ in $(seq 200); do
      alive "$run/$name.supervisor" _supervise || break
      sleep 0.1
    done
    if alive "$run/$name.pid" "$(program "${name%.*}")"; then kill -KILL "$(cat "$run/$name.pid")" 2>/dev/null || true; fi
    if alive "$run/$name.supervisor" _supervise; then kill -KILL "$(cat "$run/$name.supervisor")" 2>/dev/null || true; fi
    rm -f "$run/$name".*
  done
}

supervise() {
  local service=$1 name="$1.$2" child code begun pause=1 port
  . "$state/environment"
  trap : TERM INT
  echo $$ >"$run/$name.supervisor"
  while [ ! -e "$run/$name.down" ]; do
    begun=$SECONDS
    # A port that another process takes first makes this one end, and the next try takes another.
    port=$(free_port)
    echo "$port" >"$run/$name.port"
    TOOLR0_HEALTH_PORT=$port dotnet "$(program "$service")" </dev/null &
    child=$!
    echo $child >"$run/$name.pid"
    code=0
    while kill -0 $child 2>/dev/null; do
      wait $child && code=0 || code=$?
    done
    rm -f "$run/$name.port"
    [ ! -e "$run/$name.down" ] || break
    echo "$(date -u +%FT%TZ) $name ended with code $code, starting it again" >&2
    echo $(($(cat "$run/$name.restarts" 2>/dev/null || echo 0) + 1)) >"$run/$name.restarts"
    # A process that dies at once is not started over and over in a tight loop.
    if [ $((SECONDS - begun)) -lt 5 ]; then pause=$((pause < 16 ? pause * 2 : 16)); else pause=1; fi
    sleep $pause
  done
  rm -f "$run/$name".*
}

# Sets the number of processes of a service. Argument: SERVICE=N
scale_one() {
  local service=${1%%=*} count=${1#*=} index
  is_service "$service" || fail "unknown service '$service' (there are ${services[*]})"
  case "$count" in '' | *[!0-9]*) fail "'$1' is not SERVICE=N" ;; esac
  [ "$service" != coordinator ] || [ "$count" -le 1 ] || fail "there is one coordinator; scale the workers"
  for index in $(seq 1 "$count"); do start_one "$service" "$index"; done
  local extra=()
  for index in $(indices "$service"); do
    [ "$index" -le "$count" ] || extra+=("$service.$index")
  done
  [ ${#extra[@]} -eq 0 ] || stop_all "${extra[@]}"
}

wait_healthy() {
  local service index deadline=$((SECONDS + 90))
  for service in "${services[@]}"; do
    for index in $(indices "$service"); do
      until ready "$service.$index"; do
        [ $SECONDS -lt $deadline ] || fail "$service.$index is not ready: $(tail -1 "$logs/$service.$index.log")"
        [ ! -e "$run/$service.$index.restarts" ] || [ "$(cat "$run/$service.$index.restarts" 2>/dev/null || echo 0)" -lt 3 ] ||
          fail "$service.$index does not stay up: $(grep -v 'starting it again' "$logs/$service.$index.log" | tail -1)"
        sleep 0.2
      done
    done
  done
}

up() {
  local wanted service
  for wanted in "$@"; do is_service "${wanted%%=*}" || fail "unknown service '${wanted%%=*}' (there are ${services[*]})"; done
  if [ "${TOOLR0_SKIP_BUILD:-0}" != 1 ]; then
    "$here/setup.sh" --stack
    build_toolr0
  fi
  mkdir -p "$run" "$logs"
  local postgres rabbitmq
  postgres=$("$here/postgres.sh" start)
  rm -f "$TOOLR0_HOME/postgres/on-demand"
  rabbitmq=$("$here/rabbitmq.sh" start)
  (
    umask 077
    printf "export TOOLR0_POSTGRES='%s'\nexport TOOLR0_BUS=rabbitmq\nexport TOOLR0_RABBITMQ='%s'\n" "$postgres" "$rabbitmq" >"$state/environment"
  )
  for service in "${services[@]}"; do
    [ -n "$(indices "$service")" ] || start_one "$service" 1
  done
  for wanted in "$@"; do scale_one "$wanted"; done
  wait_healthy
  status
}

down() {
  local service index names=()
  for service in "${services[@]}"; do
    for index in $(indices "$service"); do names+=("$service.$index"); done
  done
  [ ${#names[@]} -eq 0 ] || stop_all "${names[@]}"
  rm -f "$state/environment"
  "$here/rabbitmq.sh" stop
  "$here/postgres.sh" stop
}

status() {
  local service index name
  [ -s "$state/environment" ] || {
    echo "the stack is down"
    return 3
  }
  printf '%-20s %-8s %-9s %s\n' process pid state restarts
  for service in "${services[@]}"; do
    for index in $(indices "$service"); do
      name="$service.$index"
      if ! alive "$run/$name.pid" "$(program "${name%.*}")"; then what=down; elif ready "$name"; then what=ready; else what=starting; fi
      printf '%-20s %-8s %-9s %s\n' "$name" "$(cat "$run/$name.pid" 2>/dev/null || echo -)" $what "$(cat "$run/$name.restarts" 2>/dev/null || echo 0)"
    done
  done
}

action=${1:-}
[ $# -eq 0 ] || shift
case "$action" in
  up) up "$@" ;;
  down) down ;;
  scale)
    [ -s "$state/environment" ] || fail "the stack is down (infra/stack.sh up)"
    [ $# -gt 0 ] || fail "scale what? infra/stack.sh scale solving=4"
    for wanted in "$@"; do scale_one "$wanted"; done
    wait_healthy
    status
    ;;
  kill)
    [ $# -ge 1 ] || fail "kill which? infra/stack.sh kill solving 1"
    is_service "$1" || fail "unknown service '$1' (there are ${services[*]})"
    name="$1.${2:-1}"
    alive "$run/$name.pid" "$(program "${name%.*}")" || fail "$name does not run"
    pid=$(cat "$run/$name.pid")
    kill -KILL "$pid"
    echo "killed $name (process $pid)"
    ;;
  logs)
    [ $# -eq 0 ] || is_service "$1" || fail "unknown service '$1' (there are ${services[*]})"
    exec tail -n 50 -F "$logs/${1:-}"*.log
    ;;
  status) status ;;
  _supervise) supervise "$@" ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
