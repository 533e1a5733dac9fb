# Functions that start servers, wait until they answer, and stop them all at
# the end. Whoever sources this gets a folder for logs and data, $run, that is
# removed at the end, and a trap that stops what start and start_logged started.
# shellcheck shell=bash

# shellcheck source=servers.sh
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

# Nobody, as whom OpenSearch runs, must be able to enter it.
run=$(mktemp -d /tmp/chatapi-run.XXXXXX)
chmod 755 "$run"
groups=() # process groups, in the order in which they were started

trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# stop ends what was started, the last first, and waits until it is gone.
# shellcheck disable=SC2317 # called by the trap
stop() {
  trap '' INT TERM
  local i
  for ((i = ${#groups[@]} - 1; i >= 0; i--)); do
    stop_groups "${groups[i]}"
  done
  wait
  rm -rf "$run"
}

# start COMMAND…: in the background, in a process group of its own, so that
# all of it can be stopped.
start() {
  setsid "$@" <&0 &
  groups+=("$!")
}

# start_logged NAME COMMAND…: starts COMMAND with its output in NAME.log.
start_logged() {
  local name=$1
  shift
  setsid "$@" >"$run/$name.log" 2>&1 </dev/null &
  groups+=("$!")
}

# ready NAME PORT PATH PATTERN: waits until the server that was started last,
# with its output in NAME.log, answers.
ready() {
  local name=$1 group=${groups[-1]} deadline=$((SECONDS + ready_within))
  until answers "${@:2}"; do
    if ! kill -0 "$group" 2>/dev/null; then
      fail "$name" "ended before it was ready"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      fail "$name" "was not ready within $ready_within s"
    fi
    sleep 0.2
  done
}

# not_run WHY: for what cannot run on this machine (EX_UNAVAILABLE).
not_run() {
  echo "not run: $1" >&2
  exit 69
}
