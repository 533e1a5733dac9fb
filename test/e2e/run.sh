#!/usr/bin/env bash
# run.sh [TARGET…]
# Runs the end-to-end suite on each target, all of test/e2e/targets where none is
# named, and prints a table of targets and parts. Exits with 1 where anything
# failed. A target that cannot run on this machine is in the table as not run,
# and why. CHATAPI_E2E_SCALE is the size of loads on all of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
targets=("$@")
if [ $# = 0 ]; then
  for script in test/e2e/targets/*.sh; do
    name=${script##*/}
    targets+=("${name%.sh}")
  done
fi
for target in "${targets[@]}"; do
  [ -x "test/e2e/targets/$target.sh" ] || { echo "e2e: there is no target $target in test/e2e/targets" >&2; exit 2; }
done

run=$(mktemp -d "${TMPDIR:-/tmp}/chatapi-e2e.XXXXXX")
child= # the script of the target at hand
# shellcheck disable=SC2317 # called by the traps
stop() {
  trap '' INT TERM
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
  wait
  exit "$1"
}
trap 'rm -rf "$run"' EXIT
trap 'stop 130' INT
trap 'stop 143' TERM

go build -o "$run/report" ./test/e2e/report
go vet -tags e2e ./test/e2e # compiles the suite before the first target starts

# ended PID…: whether these end soon, as the readers of a pipe do when its last
# writer has. Those that do not are killed.
ended() {
  local i
  for ((i = 0; i < 50; i++)); do
    kill -0 "$@" 2>/dev/null || break
    sleep 0.1
  done
  ! kill "$@" 2>/dev/null
}

# scale TARGET: the size of loads that it stands in about a minute.
scale() {
  case $1 in
    aws) echo 0.3 ;;
    localstack | ministack | sam-local) echo 0.1 ;;
    *) echo 1 ;;
  esac
}

# try TARGET: runs the suite on it and keeps the results in $run. The script
# runs in the background because bash heeds signals only while it waits.
try() {
  local status=0 follow tee
  mkfifo "$run/results" "$run/said"
  "$run/report" follow "$run/$1.json" <"$run/results" &
  follow=$!
  tee "$run/$1.err" <"$run/said" >&2 &
  tee=$!
  CHATAPI_E2E_SCALE=${CHATAPI_E2E_SCALE:-$(scale "$1")} "test/e2e/targets/$1.sh" go test -json -count=1 -parallel 8 -timeout 30m -tags e2e ./test/e2e \
    >"$run/results" 2>"$run/said" </dev/null &
  child=$!
  wait "$child" || status=$?
  child=
  if ! ended "$follow" "$tee"; then
    echo "the target left something running" >>"$run/$1.err"
    status=1
  fi
  rm "$run/results" "$run/said"
  echo "$status" >"$run/$1.status"
}

for target in "${targets[@]}"; do
  echo "== $target"
  try "$target"
done
echo
"$run/report" table "$run" "${targets[@]}"
