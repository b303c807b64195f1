#!/usr/bin/env bash
# A private RabbitMQ node for one home folder: own data, own ports, own cookie and user; nothing of the machine's is touched.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/private-server.sh"

usage() {
  cat <<'USAGE'
usage: infra/rabbitmq.sh start|stop|status|url [--home DIR]
  start   start the node (makes it on first use) and print its amqp:// address
  stop    stop it; queues and messages stay
  status  print "running" with the address, or "stopped" (exit code 3)
  url     print the address of the running node
The home folder is --home, else $TOOLR0_HOME, else .toolr0; the node lives in its folder rabbitmq.
USAGE
}

parse_arguments "$@"

# Debian's /usr/sbin/rabbitmq-server insists on the user rabbitmq; the script behind it runs as anyone.
server=$(ls /usr/lib/rabbitmq/bin/rabbitmq-server /opt/rabbitmq/sbin/rabbitmq-server 2>/dev/null | head -1 || true)
[ -n "$server" ] || server=$(command -v rabbitmq-server || true)
[ -n "$server" ] || fail "RabbitMQ is not installed; infra/setup.sh installs it"

here="$home/rabbitmq"
user=toolr0

locate() {
  port=$(cat "$here/port" 2>/dev/null) || port=""
}

# Succeeds when that process is this folder's node: its command line names the folder.
is_node() {
  grep -qaF -- "$here/data" "/proc/$1/cmdline" 2>/dev/null
}

# The process id of this folder's node, if one runs.
server_pid() {
  local pid
  pid=$(cat "$here/pid" 2>/dev/null) && [ -n "$pid" ] && is_node "$pid" && echo "$pid"
}

address() {
  echo "amqp://$user:$(cat "$here/password")@127.0.0.1:$port"
}

# Writes the configuration and the environment of one attempt at starting: three ports of its own.
configure() {
  port=$1
  local distribution=$2 epmd=$3
  cat >"$here/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
default_user = $user
default_pass = $(cat "$here/password")
loopback_users = none
disk_free_limit.absolute = 100MB
log.console = false
log.file.level = info
log.file = rabbit.log
CONF
  echo '[].' >"$here/enabled_plugins"
  : >"$here/rabbitmq-env.conf"
  cat >"$here/environment" <<ENV
export HOME='$here'
export RABBITMQ_CONF_ENV_FILE='$here/rabbitmq-env.conf'
export RABBITMQ_CONFIG_FILE='$here/rabbitmq.conf'
export RABBITMQ_ENABLED_PLUGINS_FILE='$here/enabled_plugins'
export RABBITMQ_MNESIA_BASE='$here/data'
export RABBITMQ_LOG_BASE='$here/log'
export RABBITMQ_PID_FILE='$here/pid'
export RABBITMQ_NODENAME='toolr0@localhost'
export RABBITMQ_NODE_PORT='$port'
export RABBITMQ_DIST_PORT='$distribution'
export ERL_EPMD_PORT='$epmd'
export ERL_EPMD_ADDRESS='127.0.0.1'
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1} -toolr0 $here/data'
ENV
}

# The Erlang port mapper was started for this node alone; it leaves with it.
stop_epmd() {
  (. "$here/environment" && epmd -kill >/dev/null 2>&1) || true
}

start() {
  mkdir -p "$here/data" "$here/log" 2>/dev/null || fail "cannot create $here"
  exec 9>"$here/lock"
  flock -w 120 9 || fail "another start or stop of $here takes longer than 120 s"
  case "$here" in *[[:space:]\'\"]*) fail "the home folder's path must have no blanks or quotes for RabbitMQ: $here" ;; esac
  locate
  if server_pid >/dev/null; then
    address
    return
  fi
  [ -s "$here/password" ] || (umask 077 && random_secret >"$here/password")
  [ -s "$here/.erlang.cookie" ] || {
    random_secret >"$here/.erlang.cookie"
    chmod 400 "$here/.erlang.cookie"
  }

  [ ! -e "$here/environment" ] || stop_epmd # left by a node that was killed
  local try launcher waited
  for try in 1 2 3; do
    if [ -z "$port" ] || listens "$port"; then
      port=$(free_port) || fail "no free port between 20000 and 32000"
    fi
    configure "$port" "$(free_port)" "$(free_port)"
    rm -f "$here/pid" "$here/log/rabbit.log"
    (
      . "$here/environment"
      cd "$here"
      exec setsid "$server" </dev/null >"$here/log/console.log" 2>&1 9>&-
    ) &
    launcher=$!
    for waited in $(seq 600); do
      if grep -q "Server startup complete" "$here/log/rabbit.log" 2>/dev/null && listens "$port"; then
        echo "$port" >"$here/port"
        address
        return
      fi
      kill -0 "$launcher" 2>/dev/null || break
      sleep 0.1
    done
    kill "$launcher" 2>/dev/null || true
    stop_epmd
    port=""
  done
  fail "RabbitMQ did not start: $(grep -hiE 'error|failed|eaddrinuse' "$here/log/rabbit.log" "$here/log/console.log" 2>/dev/null | head -1) (log: $here/log)"
}

stop() {
  [ -d "$here" ] || return 0
  exec 9>"$here/lock"
  flock -w 120 9 || fail "another start or stop of $here takes longer than 120 s"
  local pid
  pid=$(server_pid) || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for _ in $(seq 300); do
    is_node "$pid" || break
    sleep 0.1
  done
  if is_node "$pid"; then
    kill -KILL "$pid" 2>/dev/null || true
    sleep 0.5
  fi
  rm -f "$here/pid"
  stop_epmd
}

case "$action" in
  start) start ;;
  stop) stop ;;
  status)
    locate
    if server_pid >/dev/null; then echo "running  $(address)"; else
      echo stopped
      exit 3
    fi
    ;;
  url)
    locate
    server_pid >/dev/null || fail "no node runs for $home (infra/rabbitmq.sh start)"
    address
    ;;
esac
