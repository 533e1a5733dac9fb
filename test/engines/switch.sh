#!/usr/bin/env bash
# switch.sh stop|start dynamodb|sqs|opensearch…
# Stops or starts engines of the with.sh that this is called from, on the same
# ports; returns when they are gone, or answer. With CHATAPI_ENGINES_KEEP they
# have their data again.
set -euo pipefail
run=${CHATAPI_ENGINES_RUN:?is not set: call this from within test/engines/with.sh}
# shellcheck source=servers.sh
. "$(dirname "$0")/servers.sh"

action=${1:-} names=("${@:2}")
for name in "${names[@]}"; do
  [ -e "$run/$name.command" ] || { echo "$0: there is no engine $name" >&2; exit 2; }
  case $action in
    stop) stop_groups "$(<"$run/$name.pid")" ;;
    start) start_engine "$name"; await_engine "$name" ;;
    *) echo "usage: $0 stop|start ENGINE…" >&2; exit 2 ;;
  esac
done
