#!/usr/bin/env bash
# Succeeds when the service that tells its health on this port of 127.0.0.1 is ready. Needs bash and nothing else, so that it runs in the images too.
# usage: healthy.sh PORT
set -uo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$1" >&3
read -r -t 10 answer <&3 && [[ $answer == HTTP/1.1\ 200* ]]
