# Shared by postgres.sh and rabbitmq.sh: argument parsing, one-line failures, free ports. Sourced, not run.

me=$(basename "$0")

fail() {
  echo "$me: $*" >&2
  exit 1
}

# Sets $action and $home (absolute). Usage: parse_arguments "$@"
parse_arguments() {
  action=""
  home="${TOOLR0_HOME:-.toolr0}"
  while [ $# -gt 0 ]; do
    case "$1" in
      --home)
        [ $# -ge 2 ] || fail "--home needs a folder"
        home="$2"
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      start | stop | status | url) action="$1" ;;
      *) fail "unknown argument '$1' (use start, stop, status or url; --home DIR)" ;;
    esac
    shift
  done
  [ -n "$action" ] || {
    usage >&2
    exit 2
  }
  home=$(realpath -m -- "$home")
}

# Prints a TCP port of 127.0.0.1 that nobody listens on. Another process may still take it first: callers try again.
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + ((RANDOM << 15 | RANDOM) % 12000)))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return 0
    fi
  done
  return 1
}

# Succeeds when something listens on that port of 127.0.0.1.
listens() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

random_secret() {
  od -An -N18 -tx1 /dev/urandom | tr -d ' \n'
}
