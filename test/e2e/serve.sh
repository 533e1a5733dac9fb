# Functions that the targets of "chatapi serve" share.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
run=$(mktemp -d /tmp/chatapi-serve.XXXXXX)
groups=() # process groups that we started, the server first

# stop ends the command, then the server, and waits for both.
# shellcheck disable=SC2317 # called by the trap
stop() {
  trap '' INT TERM
  local i
  for ((i = ${#groups[@]} - 1; i >= 0; i--)); do
    kill -TERM -- "-${groups[i]}" 2>/dev/null || true
    wait "${groups[i]}" 2>/dev/null || true
  done
  rm -rf "$run"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { make -s -C "$root" build; }

# serve_for FLAG… -- COMMAND…: runs "chatapi serve FLAG…" on a free port and,
# when it answers, COMMAND with its URL in CHATAPI_E2E_URL. Exits with COMMAND's
# status. The end of the server's log is shown where COMMAND fails.
serve_for() {
  local flags=() line status=0
  while [ "$1" != -- ]; do
    flags+=("$1")
    shift
  done
  shift
  mkfifo "$run/said"
  setsid "$root/bin/chatapi" serve --addr 127.0.0.1:0 "${flags[@]}" >"$run/said" 2>"$run/serve.log" &
  groups+=("$!")
  exec 3<"$run/said"
  read -r line <&3 || { cat "$run/serve.log" >&2; exit 1; }
  CHATAPI_E2E_URL=$(grep -o 'http://[^ ;]*' <<<"$line")
  export CHATAPI_E2E_URL
  setsid "$@" <&0 3<&- &
  groups+=("$!")
  wait "${groups[-1]}" || status=$?
  [ "$status" = 0 ] || tail -n 50 "$run/serve.log" >&2
  exit "$status"
}
